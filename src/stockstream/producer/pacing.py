"""How many ticks are due: each symbol has one an interval, and the symbols take turns evenly."""

import time
from collections.abc import Callable

#: A loop that is late by more than this has paused; what was due meanwhile is not made up for.
CATCH_UP_S = 0.1


class Pacer:
    """Spreads the ticks of `symbols` symbols evenly over the interval; 0 s means no limit."""

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._gap_s = 0.0
        self._next_s = 0.0
        self._symbols = 0

    def share(self, symbols: int) -> None:
        """Make the ticks of this many symbols from now on."""
        self._symbols = symbols
        self._gap_s = self._interval_s / max(1, symbols)
        self._next_s = min(self._next_s, self._clock() + self._gap_s)

    def take(self, most: int) -> int:
        """Return how many ticks to make now, at most `most`, and count them as made."""
        if not self._symbols:
            return 0
        if not self._interval_s:
            return most
        now_s = self._clock()
        if now_s < self._next_s:
            return 0
        if now_s - self._next_s > max(CATCH_UP_S, self._gap_s):
            self._next_s = now_s
        due = min(most, int((now_s - self._next_s) / self._gap_s) + 1)
        self._next_s += due * self._gap_s
        return due

    def wait_s(self, longest_s: float) -> float:
        """Return for how long nothing is due, at most `longest_s`."""
        if not self._symbols:
            return longest_s
        if not self._interval_s:
            return 0.0
        return min(longest_s, max(0.0, self._next_s - self._clock()))
