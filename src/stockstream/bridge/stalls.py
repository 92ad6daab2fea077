"""How long the event loop stood still: while it does, no client is served."""

import time

import gevent

#: How often the loop is asked to come by; a shorter stall is not seen in full.
PERIOD_S = 0.05
#: A stall is shown for one to two of these, so that a scrape every 15 s meets each.
WINDOW_S = 15.0


class Stalls:
    """Wakes up again and again, and remembers by how much it came too late."""

    def __init__(self) -> None:
        self._longest_s = self._longest_before_s = 0.0
        self._window_ends_s = 0.0

    @property
    def longest_s(self) -> float:
        """The longest stall of the last 15 to 30 s."""
        return max(self._longest_s, self._longest_before_s)

    def run(self) -> None:
        """Watch for ever."""
        while True:
            asked_s = time.monotonic()
            gevent.sleep(PERIOD_S)
            now_s = time.monotonic()
            self.note(now_s - asked_s - PERIOD_S, now_s)

    def note(self, stall_s: float, now_s: float) -> None:
        """Remember a stall that ended now."""
        if now_s >= self._window_ends_s:
            self._longest_before_s, self._longest_s = self._longest_s, 0.0
            self._window_ends_s = now_s + WINDOW_S
        self._longest_s = max(self._longest_s, stall_s)
