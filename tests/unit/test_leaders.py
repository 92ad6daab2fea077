"""Whether a partition's leader answers, as librdkafka's statistics tell it."""

import json
import time

from stockstream.bridge.leaders import SILENCE_S, Leaders


def statistics(state: str = "UP", idle_s: float = 0, leader: int = 1) -> bytes:
    """Return statistics of one broker that leads two partitions."""
    partitions = {str(p): {"partition": p, "leader": leader} for p in (0, 1)}
    partitions["-1"] = {"partition": -1, "leader": -1}
    broker = {"nodeid": 1, "state": state, "rxidle": int(idle_s * 1e6)}
    return json.dumps(
        {"brokers": {"b": broker}, "topics": {"t": {"partitions": partitions}}}
    ).encode()


def problem_after(data: bytes, taken_ago_s: float = 0) -> str | None:
    """Return the problem that these statistics leave, after a silence before them."""
    leaders = Leaders()
    now_s = time.monotonic()
    leaders.expect(2)
    leaders._heard_s = dict.fromkeys((0, 1), now_s - 2 * SILENCE_S)
    leaders.update(data, now_s - taken_ago_s)
    return leaders.problem()


def test_leader_that_answers_is_no_problem() -> None:
    """A byte received lately is an answer."""
    assert problem_after(statistics(idle_s=1)) is None


def test_leader_that_is_silent_is_named_by_its_partitions() -> None:
    """Down, idle for too long, without a leader, or statistics too old: all are silence."""
    for data in (statistics("DOWN"), statistics(idle_s=SILENCE_S + 1), statistics(leader=-1)):
        assert "leader of partition 0, 1 for" in str(problem_after(data))
    assert problem_after(statistics(), taken_ago_s=SILENCE_S + 1)


def test_leader_of_a_new_partition_has_time_to_answer() -> None:
    """At the start nobody has been silent yet."""
    leaders = Leaders()
    leaders.expect(3)
    assert leaders.problem() is None
