"""The symbols that the bridge keeps: a bound on what invented ones can cost."""

from collections.abc import Collection


class Roster:
    """The configured symbols, which always fit, and others while there are fewer than `limit`."""

    def __init__(self, configured: Collection[str], limit: int) -> None:
        self._known = set(configured)
        self._limit = limit

    def admits(self, symbol: str) -> bool:
        """Return whether the symbol is kept; a new one takes a place, for good."""
        if symbol in self._known:
            return True
        if len(self._known) >= self._limit:
            return False
        self._known.add(symbol)
        return True
