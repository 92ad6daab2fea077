"""Clients that get the same bytes: all who want the same symbols, at the same rate."""

import socket
import time
from collections.abc import Sequence

from stockstream.bridge import protocol
from stockstream.bridge.backlog import NOTICE_S, Batch, Framed
from stockstream.bridge.outbox import Outbox
from stockstream.bridge.stats import Stats

#: The symbols (None: all, also those that appear later), and the updates a second and symbol.
Key = tuple[frozenset[str] | None, float | None]


class Client:
    """One connection as the hub sees it: its outbox, and what it subscribed to."""

    __slots__ = ("ended_by", "group", "joined", "max_rate", "outbox", "symbols")

    def __init__(self, sock: socket.socket, stats: Stats) -> None:
        self.outbox = Outbox(sock, stats)
        self.outbox.before_close = self._settle
        self.ended_by = ""  # why the bridge ended it; empty while it lives, or if the client left
        self.joined = False
        self.symbols: frozenset[str] = frozenset()
        self.max_rate: float | None = None
        self.group: Group | None = None

    @property
    def wanted(self) -> frozenset[str] | None:
        """The symbols it gets; None is all of them, also those that appear later."""
        return None if self.joined else self.symbols

    def end(self, by: str, code: int, reason: str) -> None:
        """Close the connection with the code; `by` is what the closed clients are counted under."""
        if not self.outbox.ending:
            self.ended_by = by
            self.outbox.finish(protocol.close_frame(code, reason))

    def _settle(self) -> None:
        if self.group is not None:
            self.group.part(self)


class Group:
    """Clients who get each tick of their symbols at once."""

    def __init__(self, key: Key, stats: Stats) -> None:
        self.key = key
        # In the order in which they came: a set's walk through memory costs a batch 2 % more.
        self.members: dict[Client, Outbox] = {}
        self.ticks: list[Framed] = []  # of the batch that is being published
        self._stats = stats

    @property
    def symbols(self) -> frozenset[str] | None:
        """The symbols that the members get; None is all of them."""
        return self.key[0]

    def add(self, client: Client) -> None:
        """Take in a client."""
        self.members[client] = client.outbox

    def part(self, client: Client) -> None:
        """Let a client go; it gets what it has to its credit."""
        self.members.pop(client, None)

    def forget(self) -> None:
        """Drop what belongs to a topic that is no more."""

    def publish(self) -> None:
        """Join the batch's frames and write them once to each member."""
        batch, self.ticks = Batch(self.ticks), []
        whole = 0
        for outbox in self.members.values():
            whole += outbox.give(batch)
        # What a slow client gets is counted by its outbox, when it goes.
        self._stats.ticks_out += whole * len(batch.ticks)
        self._stats.bytes_out += whole * batch.size


class PacedGroup(Group):
    """Clients who get a tick of a symbol at once, then at most one in an interval: the newest."""

    def __init__(self, key: Key, stats: Stats) -> None:
        super().__init__(key, stats)
        self._interval_s = 1 / (key[1] or 1)
        self._due_s: dict[str, float] = {}  # when each symbol's next tick may go
        self._withheld: dict[str, bytes] = {}
        self._skipped = 0  # ticks left out since the group began, and what the members know of it
        self._known: dict[Client, int] = {}
        self._told_s = -NOTICE_S
        #: Those of the withheld ticks that a newcomer's snapshot already had.
        self._had: dict[Client, dict[str, bytes]] = {}
        self.next_s: float | None = None  # when `release` has something to do

    def add(self, client: Client) -> None:
        """Take in a client, whose snapshot has what is withheld now."""
        super().add(client)
        self._known[client] = self._skipped
        if self._withheld:
            self._had[client] = dict(self._withheld)

    def part(self, client: Client) -> None:
        """Let a client go, with the ticks that were withheld and the count of what was left out."""
        if client not in self.members:
            return
        super().part(client)
        skipped = self._skipped - self._known.pop(client)
        self._give(client, Batch(list(self._withheld.items()), skipped))
        self._had.pop(client, None)

    def forget(self) -> None:
        """Count what is withheld as left out, and tell the members."""
        for symbol in tuple(self._withheld):
            self._replace(symbol, b"")
        self._withheld.clear()
        self._had.clear()
        for client, known in self._known.items():
            if known != self._skipped:
                client.outbox.give_with_notice(Batch((), self._skipped - known))
                self._known[client] = self._skipped
        self._plan()

    def publish(self) -> None:
        """Give what may go now, and withhold the rest."""
        ticks, self.ticks = self.ticks, []
        now_s = time.monotonic()
        ready: list[Framed] = []
        for symbol, frame in ticks:
            if symbol in self._withheld:
                self._replace(symbol, frame)
            elif now_s >= self._due_s.get(symbol, 0):
                self._due_s[symbol] = now_s + self._interval_s
                ready.append((symbol, frame))
            else:
                self._withheld[symbol] = frame
        self._write(ready, now_s)

    def release(self, now_s: float) -> None:
        """Give the withheld ticks that may go by now."""
        ready = [tick for tick in self._withheld.items() if self._due_s[tick[0]] <= now_s]
        for symbol, _ in ready:
            del self._withheld[symbol]
            self._due_s[symbol] = now_s + self._interval_s
        self._write(ready, now_s)

    def _replace(self, symbol: str, frame: bytes) -> None:
        """Withhold a newer tick in the place of an older one, which nobody will get."""
        del self._withheld[symbol]  # so that they stay in the order of their offsets
        self._withheld[symbol] = frame
        self._skipped += 1
        self._stats.skipped += len(self.members)
        for client, had in self._had.items():
            if had.pop(symbol, None) is not None:  # it had that one
                self._known[client] += 1
                self._stats.skipped -= 1

    def _write(self, ready: Sequence[Framed], now_s: float) -> None:
        """Write the ticks once to each member, behind a notice when one is due.

        A notice goes with the next ticks, or alone where none will come.
        """
        notice_due = now_s >= self._told_s + NOTICE_S and (ready or not self._withheld)
        if notice_due and any(known != self._skipped for known in self._known.values()):
            self._told_s = now_s
            self._write_with_notices(ready)
        elif ready:
            batch = Batch(ready)
            for client in self.members:
                self._give(client, batch)
        if self._had:
            self._had = {client: had for client, had in self._had.items() if had}
        self._plan()

    def _write_with_notices(self, ready: Sequence[Framed]) -> None:
        batches: dict[int, Batch] = {}
        for client in self.members:
            skipped = self._skipped - self._known[client]
            self._known[client] = self._skipped
            batch = batches.setdefault(skipped, Batch(ready, skipped))
            self._give(client, batch)

    def _give(self, client: Client, batch: Batch) -> None:
        """Write a batch to one client, without what its snapshot had."""
        if had := self._had.get(client):
            ticks = [tick for tick in batch.ticks if had.pop(tick[0], None) is None]
            batch = Batch(ticks, batch.skipped)
        if batch.skipped:
            whole = client.outbox.give_with_notice(batch)
        elif batch.size:
            whole = client.outbox.give(batch)
        else:
            return
        if whole:
            self._stats.ticks_out += len(batch.ticks)
            self._stats.bytes_out += batch.size

    def _plan(self) -> None:
        if self._withheld:
            self.next_s = min(self._due_s[symbol] for symbol in self._withheld)
        elif any(known != self._skipped for known in self._known.values()):
            self.next_s = self._told_s + NOTICE_S
        else:
            self.next_s = None
