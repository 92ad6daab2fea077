"""Ticks that are published together, and who gets which of them."""

from collections.abc import Sequence

from stockstream.bridge.backlog import Batch, Framed
from stockstream.bridge.symbols import ALL, set_of

#: What a round keeps of the batches that it has joined, for others who get the same.
_KEPT_BYTES = 4 << 20


class Round:
    """Ticks that leave together, and the part of them that a set of symbols gets.

    Sets that get the same part share its bytes, whatever else is in them.
    """

    __slots__ = ("_batches", "_kept_bytes", "_numbers", "_places", "ticks", "wanted")

    def __init__(self, ticks: Sequence[Framed], numbers: Sequence[int]) -> None:
        self.ticks = ticks
        self.wanted = set_of(numbers)  # the symbols that have a tick here
        self._numbers = numbers
        self._places: list[tuple[int, int]] = []  # of each tick's bit: which byte, and which of it
        self._batches: dict[tuple[int, int], Batch] = {}
        self._kept_bytes = 0

    def batch(self, symbols: int, skipped: int = 0) -> Batch | None:
        """Return the ticks of a set of symbols, behind a notice if `skipped`; None: nothing."""
        part = symbols & self.wanted
        if not (part or skipped):
            return None
        batch = self._batches.get((part, skipped))
        if batch is None:
            batch = Batch(self.ticks if part == self.wanted else self._select(part), skipped)
            if self._kept_bytes < _KEPT_BYTES:
                self._kept_bytes += batch.size
                self._batches[part, skipped] = batch
        return batch

    def of(self, symbols: int) -> list[tuple[int, Framed]]:
        """Return the ticks of a set of symbols, each with its symbol's number."""
        if symbols == ALL:
            return list(zip(self._numbers, self.ticks, strict=True))
        return [
            (number, tick)
            for number, tick in zip(self._numbers, self.ticks, strict=True)
            if symbols >> number & 1
        ]

    def _select(self, part: int) -> list[Framed]:
        """Return the ticks of some of the symbols that have one.

        The set is looked at as bytes: to shift a large integer for each tick would copy it.
        """
        if not self._places:
            self._places = [(number >> 3, 1 << (number & 7)) for number in self._numbers]
        bits = part.to_bytes((self.wanted.bit_length() + 7) >> 3, "little")
        return [
            tick for tick, (at, bit) in zip(self.ticks, self._places, strict=True) if bits[at] & bit
        ]
