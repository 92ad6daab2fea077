"""Pacing: each symbol one tick an interval, evenly spread, and no burst after a pause."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockstream.producer.pacing import CATCH_UP_S, Pacer


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def paced(interval_s: float, symbols: int) -> tuple[Pacer, Clock]:
    clock = Clock()
    pacer = Pacer(interval_s, clock)
    pacer.share(symbols)
    return pacer, clock


def test_take_four_symbols_a_second_gives_one_every_250_ms() -> None:
    """The ticks of four symbols are spread evenly over their common interval."""
    pacer, clock = paced(1.0, 4)
    taken = []
    for _ in range(65):
        taken.append(pacer.take(100))
        clock.now_s += 1 / 32
    assert [n for n, count in enumerate(taken) if count] == list(range(0, 65, 8))
    assert set(taken) == {0, 1}


@settings(deadline=None)
@given(
    interval_s=st.floats(0.001, 2),
    symbols=st.integers(1, 50),
    steps=st.lists(st.floats(0.0001, CATCH_UP_S), min_size=50, max_size=200),
)
def test_take_any_loop_that_is_not_late_keeps_the_rate(
    interval_s: float, symbols: int, steps: list[float]
) -> None:
    """However irregular the loop is, the number of ticks is what the time asks for."""
    pacer, clock = paced(interval_s, symbols)
    total = pacer.take(1_000_000)
    start_s = clock.now_s
    for step_s in steps:
        clock.now_s += step_s
        total += pacer.take(1_000_000)
    wanted = (clock.now_s - start_s) / (interval_s / symbols) + 1
    assert abs(total - wanted) <= 1.001


def test_take_after_a_pause_does_not_catch_up() -> None:
    """What was due while the loop stood still is not made up for."""
    pacer, clock = paced(0.01, 5)
    pacer.take(100)
    clock.now_s += 60
    assert pacer.take(1000) == 1
    clock.now_s += 0.002
    assert pacer.take(1000) == 1


def test_take_queue_without_room_makes_nothing_and_little_more_after() -> None:
    """While there is no room the market pauses; of 10 s, a tenth of one is made up for at most."""
    pacer, clock = paced(0.01, 5)
    for _ in range(1000):
        assert pacer.take(0) == 0
        clock.now_s += 0.01
    assert pacer.take(1_000_000) <= CATCH_UP_S / (0.01 / 5) + 1


def test_take_interval_zero_is_as_much_as_there_is_room() -> None:
    """Interval 0 means no limit but the caller's, and no waiting."""
    pacer, _ = paced(0, 5)
    assert (pacer.take(1000), pacer.take(7)) == (1000, 7)
    assert pacer.wait_s(1) == 0


def test_take_without_symbols_is_nothing() -> None:
    """A replica that holds no partition makes nothing, and sleeps as long as it may."""
    pacer, _ = paced(0, 0)
    assert pacer.take(1000) == 0
    assert pacer.wait_s(0.1) == 0.1


def test_wait_until_the_next_tick() -> None:
    """The wait ends when a tick is due, or when the caller has to look up."""
    pacer, clock = paced(1.0, 5)
    pacer.take(1)
    assert pacer.wait_s(1.0) == pytest.approx(0.2)
    assert pacer.wait_s(0.1) == 0.1
    clock.now_s += 5
    assert pacer.wait_s(1.0) == 0


def test_share_more_symbols_wait_no_longer_than_their_gap() -> None:
    """When more symbols come, the next tick does not wait for the old, longer gap."""
    pacer, _ = paced(1.0, 1)
    pacer.take(1)
    pacer.share(10)
    assert pacer.wait_s(1.0) == pytest.approx(0.1)
