"""Numbers for symbols: a set of symbols is an integer whose bit n stands for symbol n.

A client's set then costs bytes, whatever it names, and what a client gets of a batch is one `&`.
"""

import heapq
from collections.abc import Collection, Iterable

from stockstream.bridge.protocol import Refused

#: The set of all symbols, also those that appear later: each bit of -1 is set.
ALL = -1


class Symbols:
    """The number of each symbol that has ticks, is configured, or is subscribed to.

    A symbol that is only subscribed to is unknown. It keeps its number for as long as a client
    wants it (see `sweep`), and there are at most `unknown_limit` of these: clients invent names.
    """

    def __init__(self, configured: Iterable[str], unknown_limit: int) -> None:
        self.unknown: set[str] = set()
        self._unknown_limit = unknown_limit
        self._configured = tuple(configured)
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._free: list[int] = []  # a heap: low numbers make short integers
        self.keep_known(())

    @property
    def room(self) -> int:
        """How many further unknown symbols can be subscribed to."""
        return self._unknown_limit - len(self.unknown)

    def see(self, symbol: str) -> int:
        """Return the number of a symbol that has a tick; it is known from now on."""
        number = self._numbers.get(symbol)
        if number is None:
            number = self._add(symbol)
        elif self.unknown:
            self.unknown.discard(symbol)
        return number

    def find(self, symbols: Iterable[str]) -> int:
        """Return the set of those of `symbols` that have a number."""
        numbers = (self._numbers.get(symbol) for symbol in symbols)
        return set_of(number for number in numbers if number is not None)

    def add(self, symbols: Collection[str]) -> int:
        """Return the set of `symbols`; new ones are unknown symbols.

        Raises:
            Refused: the bridge has too many unknown symbols; none was added.
        """
        new = {symbol for symbol in symbols if symbol not in self._numbers}
        if new and len(new) > self.room:
            raise Refused(
                "too_many_unknown_symbols",
                f"expected at most {self._unknown_limit} symbols without a tick, "
                "of all the bridge's clients together",
            )
        for symbol in new:
            self._add(symbol)
        self.unknown |= new
        return self.find(symbols)

    def keep_known(self, seen: Iterable[str]) -> None:
        """Take the configured symbols and `seen` for known, and all others for unknown."""
        known = {*self._configured, *seen}
        for symbol in known:
            self.see(symbol)
        self.unknown = self._numbers.keys() - known

    def sweep(self, wanted: int) -> None:
        """Forget the unknown symbols that are not in the set `wanted`."""
        gone = [symbol for symbol in self.unknown if not wanted >> self._numbers[symbol] & 1]
        for symbol in gone:
            heapq.heappush(self._free, self._numbers.pop(symbol))
        self.unknown.difference_update(gone)

    def names(self, numbers: int) -> list[str]:
        """Return the symbols of a set; not of ALL."""
        digits = bin(numbers)[:1:-1]  # the lowest bit first
        return [self._names[number] for number, bit in enumerate(digits) if bit == "1"]

    def _add(self, symbol: str) -> int:
        if self._free:
            number = heapq.heappop(self._free)
            self._names[number] = symbol
        else:
            number = len(self._names)
            self._names.append(symbol)
        self._numbers[symbol] = number
        return number


def set_of(numbers: Iterable[int]) -> int:
    """Return the set of these numbers."""
    given = tuple(numbers)
    # In bytes first: setting the bits of a large integer one by one would copy it each time.
    bits = bytearray((max(given, default=0) >> 3) + 1)
    for number in given:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")
