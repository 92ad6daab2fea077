"""Whether what a client received, and what it was told it had missed, is all there was."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


class Account:
    """Follows one client's events; fails at the first that contradicts the promise."""

    def __init__(self, snapshot: Mapping[str, int] | None = None) -> None:
        self.reached: Counter[str] = Counter(snapshot)  # each symbol's newest sequence
        self.received = 0
        self.told = 0  # the sum of `conflated`
        self._start = self.reached.total()

    def take(self, event: Mapping[str, Any]) -> None:
        """Fail where a tick comes late, twice, or after a jump that was not explained before."""
        data = event["data"]
        if event["event"] == "conflated":
            assert data["skipped"] > 0
            self.told += data["skipped"]
        elif event["event"] == "stock-tick":
            symbol, sequence = data["symbol"], data["sequence"]
            assert sequence > self.reached[symbol], (
                f"{symbol} was at {self.reached[symbol]}: {data}"
            )
            self.reached[symbol] = sequence
            self.received += 1
            missing = self.reached.total() - self._start - self.received
            assert missing <= self.told, f"{missing} missing, {self.told} explained: {data}"

    def take_all(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take one event after the other."""
        for event in events:
            self.take(event)

    def check(self, published: Mapping[str, int]) -> None:
        """Fail unless received + skipped is what was published, and the newest ticks are there."""
        self.check_count(sum(published.values()) - self._start)
        assert self.reached == Counter(published)

    def check_count(self, published: int) -> None:
        """Fail unless received + skipped is `published`."""
        assert self.received + self.told == published, (
            f"{self.received} received + {self.told} skipped: expected {published}"
        )
