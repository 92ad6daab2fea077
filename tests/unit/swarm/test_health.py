"""What health leaves unasked, and when it ends, whatever hangs."""

import threading
import time

import pytest

from stockstream.errors import KafkaUnavailable
from stockstream.ops.checks import CheckFailed, Checks
from stockstream.ops.swarm import facts
from stockstream.ops.swarm.health import Health, Limits
from stockstream.ops.swarm.question import Deadline, Question


def test_question_that_hangs_fails_at_the_deadline_and_holds_up_nothing() -> None:
    """Two questions that never end cost the time of one, and the process can end."""
    deadline, started = Deadline(0.3), time.monotonic()
    never = threading.Event()
    questions = [Question(never.wait, deadline) for _ in range(2)]
    for question in questions:
        with pytest.raises(CheckFailed, match="no answer within 0.3 s"):
            question.answer()
    assert time.monotonic() - started < 10
    assert all(t.daemon for t in threading.enumerate() if t is not threading.main_thread())
    never.set()


def test_question_gives_its_answer_or_its_error() -> None:
    """What was asked is answered, again and again; an error comes as it was raised."""

    def refuse() -> str:
        raise KafkaUnavailable("no broker answers")

    deadline = Deadline(30)
    assert Question(lambda: 7, deadline).answer() == 7
    assert Question(refuse, deadline).answer_or_none() is None
    with pytest.raises(KafkaUnavailable, match="no broker answers"):
        Question(refuse, deadline).answer()


@pytest.mark.parametrize(("quorum", "asked"), [(True, ["asked"]), (False, [])])
def test_health_asks_about_configs_only_with_a_quorum(quorum: bool, asked: list[str]) -> None:
    """Without ZooKeeper such a question would hold one of a broker's request threads."""

    def look() -> None:
        if not quorum:
            raise CheckFailed("expected one leader, observed none")

    checks, seen = Checks(), list[str]()
    checks.run("ZooKeeper quorum", look)
    health = Health(checks, facts.read([], "stockstream"), Limits(timeout_s=30))
    health._anybody = True
    health._configs(lambda: seen.append("asked")).answer_or_none()
    assert seen == asked
