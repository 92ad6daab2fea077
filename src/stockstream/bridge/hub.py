"""Who wants which symbol, and what every new subscriber has to be told first.

The hub runs in the event loop and never switches greenlets, so that each of its methods happens at
one point of the stream: a snapshot taken here and the ticks after it have no seam.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import UNSET

from stockstream.bridge import protocol
from stockstream.bridge.backlog import Framed
from stockstream.bridge.client import Client
from stockstream.bridge.protocol import MaxRate, Refused
from stockstream.bridge.rounds import Round
from stockstream.bridge.stats import Stats
from stockstream.bridge.subscriptions import Subscriptions
from stockstream.bridge.symbols import Symbols
from stockstream.succession import Verdict, judge
from stockstream.tick import Stored

#: Unknown symbols that nobody wants any more are looked for at most so often.
SWEEP_S = 1.0


class Hub:
    """The newest tick of each symbol, the positions, and the groups of subscribers."""

    def __init__(
        self,
        configured: Sequence[str],
        limits: Mapping[str, float],
        stats: Stats,
        unknown_limit: int = 10_000,
    ) -> None:
        self.epoch: str | None = None
        self.positions: dict[int, int] = {}
        self.newest: dict[str, Stored] = {}
        self.clients: set[Client] = set()
        self.symbols = Symbols(configured, unknown_limit)
        self._configured = configured
        self._limits = limits
        self._stats = stats
        self.subscriptions = Subscriptions(stats)
        self._frames: dict[str, tuple[Stored, bytes]] = {}  # a symbol's last tick that was framed
        self._swept_s = 0.0
        #: Called with the time when `release` next has something to do.
        self.on_withheld: Callable[[float], None] = lambda next_s: None
        #: Called with the tick that begins a symbol's new run, and the last one of the run before.
        self.on_new_run: Callable[[Stored, Stored], None] = lambda stored, last: None
        #: Called with a tick that the hub failed on, and the error.
        self.on_fault: Callable[[Stored, Exception], None] = lambda stored, error: None

    # The feed's side

    def open(self, epoch: str, newest: Mapping[str, Stored], positions: Mapping[int, int]) -> None:
        """Begin the stream of a topic; clients that already wait get their snapshot."""
        self.epoch = epoch
        self.newest = dict(newest)
        self.positions = dict(positions)
        self.symbols.keep_known(newest)
        self._frames.clear()
        welcome = self._welcome()
        self.subscriptions.forget_withheld()
        for client in self.clients:
            client.outbox.forget_ticks()
            client.outbox.send(welcome)
            if client.group is not None:
                symbols = self.newest if client.joined else self.symbols.names(client.symbols)
                self._send_snapshot(client, symbols)

    def publish(self, ticks: Iterable[Stored], positions: Mapping[int, int]) -> None:
        """Give a batch, in the order of its partitions, to all who want it.

        `positions` are the offsets after the batch, records that are no ticks included.
        """
        wanted = self.subscriptions.wanted
        framed: list[Framed] = []
        numbers: list[int] = []
        timestamps: list[int] = []
        for stored in ticks:
            symbol = stored.tick.symbol
            last = self.newest.get(symbol)
            try:
                verdict = judge(stored, last)
                if verdict is Verdict.REPEAT:
                    self._stats.duplicates += 1
                    continue
                number = self.symbols.see(symbol)
                if wanted >> number & 1:
                    framed.append((symbol, self._frame(stored)))
                    numbers.append(number)
            except Exception as error:
                # The last resort, as where records are read: one tick must not end the feed.
                self.on_fault(stored, error)
                continue
            if verdict is Verdict.NEW_RUN and last is not None:
                self._stats.new_runs += 1
                self.on_new_run(stored, last)
            self.newest[symbol] = stored
            timestamps.append(stored.tick.timestamp)
        self.positions.update(positions)
        if framed:
            next_s = self.subscriptions.publish(Round(framed, numbers))
            if next_s is not None:
                self.on_withheld(next_s)
        self._stats.ticks_in += len(timestamps)
        self._stats.note_delays(timestamps)

    def release(self, now_s: float) -> float | None:
        """Give paced clients what may go by now; return when there is more to give, if ever."""
        return self.subscriptions.release(now_s)

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
        self.subscriptions.leave(client)

    def subscribe(
        self, client: Client, symbols: Iterable[str], limit: int = 1_000, max_rate: MaxRate = UNSET
    ) -> None:
        """Add symbols, and set the rate if one is given; the snapshot has the added symbols.

        Raises:
            Refused: the client would have more than `limit` symbols by name, or the bridge too
                many unknown ones; nothing has changed.
        """
        named = set(symbols)
        known = self.symbols.find(named)
        unknown = len(named) - known.bit_count()
        if (client.symbols | known).bit_count() + unknown > limit:
            raise Refused("too_many_subscriptions", f"expected at most {limit} symbols")
        if unknown > self.symbols.room:
            self._make_room()
        wanted = client.symbols | self.symbols.add(named)
        added = [] if client.joined else self.symbols.names(wanted & ~client.symbols)
        client.symbols = wanted
        self._move(client, max_rate)
        self._send_snapshot(client, added)

    def join(self, client: Client, max_rate: MaxRate = UNSET) -> None:
        """Add all symbols, also those that appear later, and set the rate if one is given."""
        had = self.newest if client.joined else self.symbols.names(client.symbols)
        added = self.newest.keys() - had
        client.joined = True
        self._move(client, max_rate)
        self._send_snapshot(client, added)

    def unsubscribe(self, client: Client, symbols: Iterable[str]) -> None:
        """Remove symbols that were subscribed by name."""
        client.symbols &= ~self.symbols.find(symbols)
        self._move(client)

    def unsubscribe_all(self, client: Client) -> None:
        """Remove all symbols, also the join."""
        client.joined, client.symbols = False, 0
        self._move(client)

    def leave(self, client: Client) -> None:
        """Undo `join`; symbols that were subscribed by name stay."""
        client.joined = False
        self._move(client)

    # Inside

    def _welcome(self) -> bytes:
        return protocol.welcome(self.epoch, [*self._configured, *self.newest], self._limits)

    def _send_snapshot(self, client: Client, symbols: Iterable[str]) -> None:
        """Send the newest tick of each of `symbols`; before the stream is open, `open` does it."""
        if self.epoch is None:
            return
        frames = [self._frame(self.newest[symbol]) for symbol in symbols if symbol in self.newest]
        client.outbox.send_after_ticks(protocol.snapshot(frames, self.positions))

    def _frame(self, stored: Stored) -> bytes:
        """Return a tick's frame, which is made once for the stream and for all snapshots."""
        symbol = stored.tick.symbol
        known, frame = self._frames.get(symbol, (None, b""))
        if known is not stored:
            frame = protocol.stock_tick(stored)
            self._frames[symbol] = stored, frame
        return frame

    def _move(self, client: Client, max_rate: MaxRate = UNSET) -> None:
        """Give the client what it wants from now on, at most so often (None: every tick)."""
        if max_rate is not UNSET:
            client.max_rate = max_rate
        self.subscriptions.move(client)

    def _make_room(self) -> None:
        """Forget unknown symbols that nobody wants any more; for many clients it takes 1 ms."""
        now_s = time.monotonic()
        if now_s >= self._swept_s + SWEEP_S:
            self._swept_s = now_s
            self.sweep_symbols()

    def sweep_symbols(self) -> None:
        """Forget the unknown symbols that no client wants."""
        wanted = 0
        for client in self.clients:
            wanted |= client.symbols
        self.symbols.sweep(wanted)
