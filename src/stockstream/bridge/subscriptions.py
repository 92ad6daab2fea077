"""Which group each client is in, and what goes to which group."""

from stockstream.bridge.client import Client
from stockstream.bridge.groups import Group
from stockstream.bridge.paced import PacedGroup
from stockstream.bridge.rounds import Round
from stockstream.bridge.stats import Stats


class Subscriptions:
    """The groups of the clients that get ticks: one a set of symbols, and one a rate."""

    def __init__(self, stats: Stats) -> None:
        self.groups: dict[int, Group] = {}  # by their set of symbols
        self.paced: dict[float, PacedGroup] = {}  # by their rate
        self._stats = stats
        self._wanted: int | None = 0  # None: to be added up

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self.groups) + len(self.paced)

    @property
    def wanted(self) -> int:
        """The set of all symbols that some client gets."""
        if self._wanted is None:
            self._wanted = 0
            for symbols in self.groups:
                self._wanted |= symbols
            for group in self.paced.values():
                self._wanted |= group.wanted
        return self._wanted

    def publish(self, published: Round) -> float | None:
        """Give the ticks to all who want them; return when `release` has something to do."""
        for group in self.groups.values():
            if batch := published.batch(group.symbols):
                group.publish(batch)
        for paced in self.paced.values():
            if paced.wanted & published.wanted:
                paced.publish(published)
        return self._next_s()

    def release(self, now_s: float) -> float | None:
        """Give paced clients what may go by now; return when there is more to give, if ever."""
        for paced in self.paced.values():
            if paced.next_s is not None and paced.next_s <= now_s:
                paced.release(now_s)
        return self._next_s()

    def forget_withheld(self) -> None:
        """Count what is withheld as left out: it belongs to a topic that is no more."""
        for paced in self.paced.values():
            paced.forget()

    def move(self, client: Client) -> None:
        """Move the client to the group of what it wants now."""
        symbols, group = client.wanted, client.group
        if isinstance(group, PacedGroup):
            stays = (group.members.get(client), group.rate) == (symbols, client.max_rate)
        else:
            stays = group is not None and client.max_rate is None and group.symbols == symbols
        if stays:
            return
        self.leave(client)
        if symbols:
            group = client.group = self._group(symbols, client.max_rate)
            group.add(client)
            self._wanted = None

    def leave(self, client: Client) -> None:
        """Take the client out of its group, which goes with its last member."""
        group, client.group = client.group, None
        if group is None:
            return
        group.part(client)
        self._wanted = None
        # Clients that are being closed have left the group before: another of them may have
        # been the last, and a new group of the same key may be there by now.
        if group.members:
            return
        if isinstance(group, PacedGroup):
            if self.paced.get(group.rate) is group:
                del self.paced[group.rate]
        elif self.groups.get(group.symbols) is group:
            del self.groups[group.symbols]

    def _group(self, symbols: int, max_rate: float | None) -> Group | PacedGroup:
        if max_rate is None:
            return self.groups.setdefault(symbols, Group(symbols, self._stats))
        return self.paced.setdefault(max_rate, PacedGroup(max_rate, self._stats))

    def _next_s(self) -> float | None:
        times = [paced.next_s for paced in self.paced.values() if paced.next_s is not None]
        return min(times, default=None)
