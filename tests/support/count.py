"""Sequences as they come: how many of each symbol, and whether each is above the one before."""

from dataclasses import asdict, dataclass


@dataclass
class Count:
    """What has come of one symbol."""

    first: int
    last: int
    count: int = 1
    disordered: int = 0


class Counts:
    """Counts sequences, symbol by symbol; one that is not above the last is out of order."""

    def __init__(self) -> None:
        self.by_symbol: dict[str, Count] = {}

    def add(self, symbol: str, sequence: int) -> None:
        """Take note of one."""
        if (found := self.by_symbol.get(symbol)) is None:
            self.by_symbol[symbol] = Count(sequence, sequence)
            return
        found.count += 1
        found.disordered += sequence <= found.last
        found.last = max(found.last, sequence)

    @property
    def total(self) -> int:
        """How many have come in all."""
        return sum(count.count for count in self.by_symbol.values())

    def report(self) -> dict[str, dict[str, int]]:
        """Return all of it for JSON."""
        return {symbol: asdict(count) for symbol, count in self.by_symbol.items()}
