"""Turns in the event loop: one after the other, and the loop goes on between them."""

import time
from collections import Counter

import gevent
import pytest

from stockstream.bridge.turns import Turns

WORKERS = 20
PIECES = 30
PIECE_S = 0.001


def work(seconds: float) -> None:
    """Keep the event loop to oneself."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        pass


def pieces_between_looks(turns: Turns) -> list[int]:
    """Return how much work of many greedy greenlets came between two looks of another one."""
    done: Counter[int] = Counter()

    def be_greedy(number: int) -> None:
        for _ in range(PIECES):
            turns.take("192.0.2.1")
            work(PIECE_S)
            done[number] += 1

    greedy = [gevent.spawn(be_greedy, number) for number in range(WORKERS)]
    seen, between = 0, []
    while not all(greenlet.ready() for greenlet in greedy):
        gevent.sleep(0)
        between.append(done.total() - seen)
        seen = done.total()
        assert max(done.values()) - min(done[n] for n in range(WORKERS)) <= 2, done
    assert seen == WORKERS * PIECES
    return between


def test_take_lets_the_loop_go_on_between_turns() -> None:
    """Whoever else waits in the loop comes between two or three pieces, and all get the same."""
    assert max(pieces_between_looks(Turns())) <= 4


def test_take_that_waits_for_nobody_is_noticed(monkeypatch) -> None:
    """Without turns the first greenlet does all of its work before anybody else."""
    monkeypatch.setattr(Turns, "take", lambda self, address: None)
    with pytest.raises(AssertionError):
        assert max(pieces_between_looks(Turns())) <= 4


def test_take_rests_for_as_long_as_it_worked() -> None:
    """Half of the time is worked, and no machine's noise brings it to two thirds."""
    turns, worked_s = Turns(), 0.0
    started_s = time.monotonic()
    for _ in range(50):
        turns.take("192.0.2.1")
        began_s = time.monotonic()
        work(PIECE_S)
        worked_s += time.monotonic() - began_s
    gevent.sleep(0)
    assert worked_s <= 2 / 3 * (time.monotonic() - started_s)


def test_turn_lasts_until_its_greenlet_waits() -> None:
    """Whoever has waited since, for anything, needs another one."""
    turns, order = Turns(), []

    def serve(name: str) -> None:
        turns.take(name)
        work(PIECE_S * 5)
        order.append((name, turns.is_mine))
        gevent.sleep(0)
        order.append((name, turns.is_mine))

    gevent.joinall([gevent.spawn(serve, n) for n in "ab"], timeout=120, raise_error=True)
    assert sorted(order) == [("a", False), ("a", True), ("b", False), ("b", True)]


def test_take_serves_one_address_after_the_other() -> None:
    """Who has many connections waits behind its own; another address comes next."""
    turns, served = Turns(), []

    def serve(address: str) -> None:
        turns.take(address)
        work(PIECE_S * 5)
        served.append(address)

    many = [gevent.spawn(serve, "many") for _ in range(20)]
    gevent.sleep(0)
    one = gevent.spawn(serve, "one")
    gevent.joinall([*many, one], timeout=120, raise_error=True)
    assert served.index("one") <= 3


def test_take_that_is_killed_gives_its_place_to_the_next() -> None:
    """A connection that ends while it waits in line holds up nobody."""
    turns, served = Turns(), []

    def serve(name: str) -> None:
        turns.take("192.0.2.1")
        work(PIECE_S * 5)
        served.append(name)

    first, second, third = (gevent.spawn(serve, name) for name in ("first", "second", "third"))
    gevent.sleep(0)
    assert served == ["first"]
    second.kill()
    gevent.joinall([first, third], timeout=120, raise_error=True)
    assert served == ["first", "third"]
