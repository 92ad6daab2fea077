"""The rotation: paths take turns, and each record goes where its symbol lives."""

from collections import Counter

from stockstream import tick
from stockstream.market import Company, Market
from stockstream.producer.rotation import Rotation

COMPANY = Company(price=100.0, volatility=0.3, volume=10)


def rotation(*symbols: str) -> Rotation:
    market = Market("seed", 0.4, 0.02)
    found = Rotation()
    for partition, symbol in enumerate(symbols):
        found.add(market.path(symbol, COMPANY), partition)
    return found


def made(found: Rotation, count: int) -> list[tuple[str, int, int]]:
    return [
        (run.key.decode(), run.partition, tick.decode(record).sequence)
        for run, records in found.make(count, 0)
        for record in records
    ]


def test_make_one_by_one_takes_turns() -> None:
    """Each symbol has its tick before one has two."""
    found = rotation("A", "B", "C")
    assert [made(found, 1)[0] for _ in range(4)] == [
        ("A", 0, 1),
        ("B", 1, 1),
        ("C", 2, 1),
        ("A", 0, 2),
    ]


def test_make_many_shares_them_out() -> None:
    """A batch gives each symbol as many, and the rest to those whose turn it is."""
    found = rotation("A", "B", "C")
    assert Counter(symbol for symbol, _, _ in made(found, 8)) == {"A": 4, "B": 2, "C": 2}
    assert Counter(symbol for symbol, _, _ in made(found, 1)) == {"B": 1}


def test_keep_stops_the_others() -> None:
    """What is not kept makes no more ticks; what is kept goes on."""
    found = rotation("A", "B", "C")
    made(found, 3)
    found.keep({"B", "unknown"})
    assert found.symbols == {"B"}
    assert made(found, 2) == [("B", 1, 2), ("B", 1, 3)]
