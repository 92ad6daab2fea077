"""Sets of symbols as integers: which symbols have a number, and how many nobody has seen."""

import random

import pytest

from stockstream.bridge.protocol import Refused
from stockstream.bridge.rounds import Round
from stockstream.bridge.symbols import ALL, Symbols, set_of


def test_add_beyond_the_bound_is_refused_whole() -> None:
    """Known symbols do not count; of a message that goes beyond the bound nothing is added."""
    symbols = Symbols(("AAPL",), unknown_limit=3)
    symbols.add({"AAPL", "X", "Y"})
    with pytest.raises(Refused, match="at most 3") as refused:
        symbols.add({"Y", "Z", "W"})
    assert refused.value.code == "too_many_unknown_symbols"
    assert symbols.unknown == {"X", "Y"}
    symbols.add({"Z", "X"})
    assert symbols.room == 0


def test_see_makes_an_unknown_symbol_known_under_its_number() -> None:
    """A symbol that begins to tick keeps its number, so that its subscribers get it."""
    symbols = Symbols((), unknown_limit=2)
    wanted = symbols.add({"X", "Y"})
    assert wanted >> symbols.see("X") & 1
    assert symbols.unknown == {"Y"}
    assert symbols.room == 1


def test_sweep_gives_the_numbers_of_unwanted_symbols_to_others() -> None:
    """What nobody wants is forgotten, and sets stay short; what has a tick or is wanted stays."""
    symbols = Symbols(("AAPL",), unknown_limit=100)
    wanted = symbols.add({"WANTED"})
    for visit in range(50):
        symbols.add({f"{visit}-{number}" for number in range(99)})
        symbols.sweep(wanted)
        assert symbols.unknown == {"WANTED"}
    assert symbols.names(wanted) == ["WANTED"]
    assert symbols.add({"AAPL", "NEXT"}).bit_length() <= 101


def test_keep_known_of_another_topic_makes_the_others_unknown() -> None:
    """Symbols of a topic that is no more are wanted at the most."""
    symbols = Symbols(("AAPL",), unknown_limit=9)
    symbols.see("OLD")
    symbols.keep_known({"NEW"})
    assert symbols.unknown == {"OLD"}
    symbols.sweep(0)
    assert symbols.find({"OLD"}) == 0
    assert symbols.names(symbols.find({"AAPL", "NEW"})) == ["AAPL", "NEW"]


def test_round_gives_each_set_its_ticks_in_order() -> None:
    """Whatever the sets: the ticks of the set's symbols, each once, in the order of the round."""
    chance = random.Random(4711)
    for _ in range(300):
        numbers = [chance.randrange(chance.choice((5, 300))) for _ in range(chance.randint(1, 40))]
        ticks = [(f"S{number}", b"%d:%d;" % (number, at)) for at, number in enumerate(numbers)]
        published = Round(ticks, numbers)
        for _ in range(8):
            chosen = {chance.randrange(300) for _ in range(chance.choice((0, 1, 100, 290)))}
            expected = [t for n, t in zip(numbers, ticks, strict=True) if n in chosen]
            batch = published.batch(set_of(chosen))
            assert (batch.ticks if batch else []) == expected
            assert [tick for _, tick in published.of(set_of(chosen))] == expected
        assert published.batch(ALL).ticks == ticks


def test_round_shares_the_bytes_of_sets_that_get_the_same() -> None:
    """Sets that differ only in symbols without a tick here are one write."""
    published = Round([("A", b"a"), ("B", b"b")], [0, 1])
    first = published.batch(set_of({0, 7}))
    assert first is published.batch(set_of({0, 800}))
    assert first.data == b"a"
    assert published.batch(set_of({0, 1, 9})) is published.batch(ALL)
    assert published.batch(set_of({7})) is None
