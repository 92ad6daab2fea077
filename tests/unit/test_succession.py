"""Which tick counts next: repeats are dropped, and no tick shuts out those after it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stockstream import succession, tails, tick
from stockstream.records import Records
from stockstream.succession import NEW_RUN_MS, Verdict, extend, judge, newest
from stockstream.tails import find_newest, read_tails
from stockstream.tick import Stored, Tick
from support.records import NOW_MS, FakeReader

AHEAD_MS = 60_000


def stored(sequence: int, time_ms: int = NOW_MS, arrived_ms: int = 2 * NOW_MS) -> Stored:
    return Stored(Tick("A", 1.0, 1, time_ms, sequence), 0, 0, arrived_ms)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (stored(6), Verdict.NEXT),
        (stored(6, 0), Verdict.NEXT),
        (stored(5), Verdict.REPEAT),
        (stored(4, NOW_MS + NEW_RUN_MS - 1), Verdict.REPEAT),
        (stored(4, NOW_MS + NEW_RUN_MS), Verdict.NEW_RUN),
        (stored(5, NOW_MS + AHEAD_MS, NOW_MS), Verdict.REPEAT),  # its arrival bounds its time
    ],
)
def test_judge_lower_sequence_is_a_repeat_unless_2_s_later(
    found: Stored, expected: Verdict
) -> None:
    """A cut-off producer's last batch is older than what came after it; a new run is later."""
    assert judge(found, stored(5)) is expected
    assert judge(found, None) is Verdict.NEXT


# What a forger can get accepted: any sequence, and a time up to 60 s ahead of its arrival.
FORGED = st.builds(
    lambda sequence, time_ms: stored(sequence, time_ms, NOW_MS),
    st.integers(1, 2**53),
    st.integers(0, NOW_MS + AHEAD_MS),
)


def genuine(count: int, from_ms: int, sequence: int = 1, every_ms: int = 100) -> list[Stored]:
    times = [from_ms + n * every_ms for n in range(count)]
    return [stored(sequence + n, at, at) for n, at in enumerate(times)]


@settings(deadline=None)  # no test depends on speed
@given(st.lists(FORGED, min_size=1, max_size=20), st.integers(1, 2**52))
def test_newest_after_any_forged_ticks_is_genuine_within_seconds(
    forged: list[Stored], sequence: int
) -> None:
    """The producer's ticks count again from 2 s after the last forged one on, each of them."""
    last = newest(forged, newest(genuine(5, NOW_MS - 500, sequence)))
    for found in genuine(50, NOW_MS + NEW_RUN_MS, sequence + 5):
        assert judge(found, last) is not Verdict.REPEAT
        last = found


def test_newest_after_a_forged_tick_stays_forged_by_a_weaker_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A time that is believed, or an hour in the place of 2 s, mutes the symbol."""
    forged = stored(2**53, NOW_MS + AHEAD_MS, NOW_MS)
    believed = stored(2**53, NOW_MS + AHEAD_MS)
    after = genuine(50, NOW_MS + NEW_RUN_MS)
    assert newest(after, forged) == after[-1]
    assert newest(after, believed) == believed
    monkeypatch.setattr(succession, "NEW_RUN_MS", 3_600_000)
    assert newest(after, forged) == forged


ANY = st.builds(
    lambda sequence, time_ms, late_ms: stored(sequence, NOW_MS + time_ms, NOW_MS + late_ms),
    st.integers(1, 9),
    st.integers(0, 9_000),
    st.integers(0, 9_000),
)


@settings(deadline=None, max_examples=500)
@given(st.lists(ANY), st.none() | ANY)
def test_extend_keeps_all_that_decides_on_the_newest(
    ticks: list[Stored], last: Stored | None
) -> None:
    """Whatever was before them, a trail ends on the same tick as the whole log."""
    trail: list[Stored] = []
    for found in ticks:
        extend(trail, found)
    assert newest(trail, last) == newest(ticks, last)


def test_extend_honest_log_is_one_tick() -> None:
    """A million ticks of a symbol cost no more memory than one."""
    trail: list[Stored] = []
    for found in genuine(1000, NOW_MS):
        extend(trail, found)
    assert [found.tick.sequence for found in trail] == [1000]


# The same rule from the ends of the partitions, as bridge and producer read them.


def log_of(*ticks: Stored) -> list[tuple[bytes, int]]:
    return [(tick.encode(found.tick), found.arrived_ms) for found in ticks]


def find(log: dict[int, list[tuple[bytes, int]]]) -> int | None:
    """Return the sequence that a producer goes on from."""
    found: dict[str, Stored | None] = {}
    for batch in find_newest(FakeReader(log), Records(60), {"A": 0}, log):
        found |= batch
    return found["A"].tick.sequence if found["A"] else None


@pytest.mark.parametrize("first_step", [1, 3, 10])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9_000)), min_size=1, max_size=30))
def test_find_newest_from_the_end_is_newest_from_the_beginning(
    first_step: int, monkeypatch: pytest.MonkeyPatch, ticks: list[tuple[int, int]]
) -> None:
    """However it steps back, it finds the newest tick of a reader that was there all along."""
    monkeypatch.setattr(tails, "FIRST_STEP", first_step)
    in_order = sorted(ticks, key=lambda found: found[1])
    log = [stored(sequence, NOW_MS + ms, NOW_MS + ms) for sequence, ms in in_order]
    last = newest(log)
    assert last is not None
    assert find({0: log_of(*log)}) == last.tick.sequence


def test_find_newest_is_of_the_newest_run() -> None:
    """A forged tick does not make the producer go on from it once it has made its own again."""
    forged = stored(2**53, NOW_MS + AHEAD_MS, NOW_MS)
    old, new = genuine(50, NOW_MS - 5_000, 1), genuine(50, NOW_MS, 51)
    assert find({0: log_of(*old, forged, *new)}) == 100
    # Where nothing came after it yet, it is the newest; LAST_CONTINUED then begins a new run.
    assert find({0: log_of(*old, forged)}) == 2**53
    # On another partition than the symbol's own it is judged by its time as well.
    assert find({0: log_of(*old, *new), 1: log_of(forged)}) == 100


def test_find_newest_before_a_late_batch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut-off producer's last batch at the very end does not hide the newest tick before it."""
    monkeypatch.setattr(tails, "FIRST_STEP", 5)
    late = [stored(n, NOW_MS, NOW_MS + 5_000) for n in range(1, 6)]
    log = {0: log_of(*genuine(50, NOW_MS), *late)}
    assert find(log) == 50
    reader = FakeReader(log)
    assert read_tails(reader, Records(60), [0], ["A"]).newest["A"].tick.sequence == 50
