"""Who wants which symbol, and what every new subscriber has to be told first.

The hub runs in the event loop and never switches greenlets, so that each of its methods happens at
one point of the stream: a snapshot taken here and the ticks after it have no seam.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from stockstream.bridge import protocol
from stockstream.bridge.groups import Client, Group, Key, PacedGroup
from stockstream.bridge.stats import Stats
from stockstream.succession import Verdict, judge
from stockstream.tick import Stored


class Hub:
    """The newest tick of each symbol, the positions, and the groups of subscribers."""

    def __init__(
        self, configured: Sequence[str], limits: Mapping[str, float], stats: Stats
    ) -> None:
        self.epoch: str | None = None
        self.positions: dict[int, int] = {}
        self.newest: dict[str, Stored] = {}
        self.clients: set[Client] = set()
        self._configured = configured
        self._limits = limits
        self._stats = stats
        self._groups: dict[Key, Group] = {}
        self._by_symbol: dict[str | None, set[Group]] = {}  # None: those who get all of them
        #: Called with the time when `release` next has something to do.
        self.on_withheld: Callable[[float], None] = lambda next_s: None
        #: Called with the tick that begins a symbol's new run, and the last one of the run before.
        self.on_new_run: Callable[[Stored, Stored], None] = lambda stored, last: None

    # The feed's side

    def open(self, epoch: str, newest: Mapping[str, Stored], positions: Mapping[int, int]) -> None:
        """Begin the stream of a topic; clients that already wait get their snapshot."""
        self.epoch = epoch
        self.newest = dict(newest)
        self.positions = dict(positions)
        welcome = self._welcome()
        for group in self._groups.values():
            group.forget()
        for client in self.clients:
            client.outbox.forget_ticks()
            client.outbox.send(welcome)
            if client.group is not None:
                self._send_snapshot(client, client.wanted)

    def publish(self, ticks: Iterable[Stored], positions: Mapping[int, int]) -> None:
        """Give a batch, in the order of its partitions, to all who want it.

        `positions` are the offsets after the batch, records that are no ticks included.
        """
        touched: set[Group] = set()
        timestamps: list[int] = []
        for stored in ticks:
            symbol = stored.tick.symbol
            last = self.newest.get(symbol)
            verdict = judge(stored, last)
            if verdict is Verdict.REPEAT:
                self._stats.duplicates += 1
                continue
            if verdict is Verdict.NEW_RUN and last is not None:
                self._stats.new_runs += 1
                self.on_new_run(stored, last)
            self.newest[symbol] = stored
            timestamps.append(stored.tick.timestamp)
            frame = b""
            for group in self._interested(symbol):
                frame = frame or protocol.stock_tick(stored)
                group.ticks.append((symbol, frame))
                touched.add(group)
        self.positions.update(positions)
        for group in touched:
            group.publish()
            if isinstance(group, PacedGroup) and group.next_s is not None:
                self.on_withheld(group.next_s)
        self._stats.ticks_in += len(timestamps)
        self._stats.note_delays(timestamps)

    def release(self, now_s: float) -> float | None:
        """Give paced clients what may go by now; return when there is more to give, if ever."""
        next_s: float | None = None
        for group in self._groups.values():
            if isinstance(group, PacedGroup) and group.next_s is not None:
                if group.next_s <= now_s:
                    group.release(now_s)
                if group.next_s is not None:
                    next_s = group.next_s if next_s is None else min(next_s, group.next_s)
        return next_s

    def send_metrics(self) -> None:
        """Tell every client the numbers, and the positions past what its filter left out."""
        stats = self._stats
        frame = protocol.event(
            "metrics",
            {
                "messagesProcessed": stats.ticks_in,
                "connectedClients": stats.clients,
                "uptime": stats.uptime_ms(),
                "serverTime": protocol.server_time_ms(),
                "positions": self.positions,
            },
        )
        for client in self.clients:
            client.outbox.send_metrics(frame)

    # The sessions' side

    def add(self, client: Client) -> None:
        """Register a connection and welcome it."""
        self.clients.add(client)
        self._stats.clients = len(self.clients)
        client.outbox.send(self._welcome())

    def remove(self, client: Client) -> None:
        """Forget a connection."""
        self.clients.discard(client)
        self._stats.clients = len(self.clients)
        self._leave_group(client)

    def subscribe(self, client: Client, symbols: frozenset[str]) -> None:
        """Add symbols; the snapshot has those that are new to the client."""
        added = symbols - client.symbols if not client.joined else frozenset()
        client.symbols |= symbols
        self._regroup(client)
        self._send_snapshot(client, added)

    def join(self, client: Client) -> None:
        """Add all symbols, also those that appear later."""
        had = frozenset(self.newest) if client.joined else client.symbols
        client.joined = True
        self._regroup(client)
        self._send_snapshot(client, frozenset(self.newest) - had)

    def unsubscribe(self, client: Client, symbols: frozenset[str]) -> None:
        """Remove symbols that were subscribed by name."""
        client.symbols -= symbols
        self._regroup(client)

    def pace(self, client: Client, max_rate: float | None) -> None:
        """Give at most so many updates a second and symbol from now on; None: all of them."""
        client.max_rate = max_rate
        self._regroup(client)

    def leave(self, client: Client) -> None:
        """Undo `join`; symbols that were subscribed by name stay."""
        client.joined = False
        self._regroup(client)

    # Inside

    def _welcome(self) -> bytes:
        return protocol.welcome(self.epoch, [*self._configured, *self.newest], self._limits)

    def _send_snapshot(self, client: Client, symbols: frozenset[str] | None) -> None:
        """Send the newest tick of each of `symbols`; before the stream is open, `open` does it."""
        if self.epoch is None:
            return
        wanted = self.newest if symbols is None else symbols
        ticks = [self.newest[symbol] for symbol in wanted if symbol in self.newest]
        client.outbox.send_after_ticks(protocol.snapshot(ticks, self.positions))

    def _interested(self, symbol: str) -> Iterable[Group]:
        yield from self._by_symbol.get(None, ())
        yield from self._by_symbol.get(symbol, ())

    def _regroup(self, client: Client) -> None:
        """Move the client to the group of what it wants now."""
        key = client.wanted, client.max_rate
        if client.group is not None and client.group.key == key:
            return
        self._leave_group(client)
        if client.wanted is not None and not client.wanted:
            return
        group = self._groups.get(key)
        if group is None:
            group = self._open_group(key)
        group.add(client)
        client.group = group

    def _open_group(self, key: Key) -> Group:
        symbols, max_rate = key
        group = self._groups[key] = (PacedGroup if max_rate else Group)(key, self._stats)
        for symbol in (None,) if symbols is None else symbols:
            self._by_symbol.setdefault(symbol, set()).add(group)
        return group

    def _leave_group(self, client: Client) -> None:
        group, client.group = client.group, None
        if group is None:
            return
        group.part(client)
        # Clients that are being closed have left the group before: another of them may have
        # been the last, and a new group of the same key may be there by now.
        if group.members or self._groups.get(group.key) is not group:
            return
        del self._groups[group.key]
        for symbol in (None,) if group.symbols is None else group.symbols:
            self._by_symbol[symbol].discard(group)
            if not self._by_symbol[symbol]:
                del self._by_symbol[symbol]
