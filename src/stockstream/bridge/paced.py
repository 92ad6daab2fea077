"""Clients of one rate: each gets a tick of a symbol at once, then at most one in an interval."""

import heapq
import time

from stockstream.bridge.backlog import NOTICE_S, Framed
from stockstream.bridge.client import Client
from stockstream.bridge.rounds import Round
from stockstream.bridge.stats import Stats
from stockstream.bridge.symbols import set_of


class PacedGroup:
    """Clients of one rate: of each symbol a tick at once, then at most one in an interval.

    Whatever their sets, a tick is withheld, timed and counted once for all of them.
    """

    def __init__(self, rate: float, stats: Stats) -> None:
        self.rate = rate
        self.members: dict[Client, int] = {}  # with the set of symbols that each gets
        self.next_s: float | None = None  # when `release` has something to do
        self._stats = stats
        self._interval_s = 1 / rate
        self._wanted: int | None = 0  # what the members get together; None: to be added up
        self._due_s: dict[int, float] = {}  # when each symbol's next tick may go
        self._withheld: dict[int, tuple[int, Framed]] = {}  # a symbol's tick, and its place in line
        self._round: Round | None = None  # all that is withheld, where it is known
        self._line = 0
        self._queue: list[tuple[float, int]] = []  # a heap: when each withheld symbol is due
        # Ticks left out since the last notices: the symbols whose count has bit 0, bit 1, ... set.
        self._skipped: list[int] = []
        self._fresh: set[int] = set()  # symbols with one that is not counted there yet
        self._told_s = -NOTICE_S
        #: Those of the skipped that a member must not be told of: it was not there, or had them.
        self._known: dict[Client, int] = {}
        #: Symbols whose withheld tick a newcomer's snapshot already had.
        self._had: dict[Client, int] = {}

    @property
    def wanted(self) -> int:
        """The set of the symbols that the members get together."""
        if self._wanted is None:
            self._wanted = 0
            for symbols in self.members.values():
                self._wanted |= symbols
        return self._wanted

    def add(self, client: Client) -> None:
        """Take in a client, whose snapshot has what is withheld now."""
        symbols = self.members[client] = client.wanted
        if self._wanted is not None:
            self._wanted |= symbols
        if skipped := self._skipped_of(symbols):
            self._known[client] = skipped
        if had := symbols & set_of(self._withheld):
            self._had[client] = had

    def part(self, client: Client) -> None:
        """Let a client go, with the ticks withheld for it and the count of those left out."""
        if client not in self.members:
            return
        symbols = self.members.pop(client)
        self._wanted = None
        self._give(client, symbols, self._all_withheld(), self._count_skipped(client, symbols))
        self._had.pop(client, None)

    def forget(self) -> None:
        """Count what is withheld as left out, and tell the members."""
        for number in tuple(self._withheld):
            self._skip(number)
        self._count_fresh()
        self._queue.clear()
        self._had.clear()
        self._due_s.clear()
        self._told_s = time.monotonic()
        self._tell(Round((), ()))
        self._plan()

    def publish(self, published: Round) -> None:
        """Give what may go now, and withhold the rest."""
        now_s = time.monotonic()
        ready: list[Framed] = []
        numbers: list[int] = []
        for number, tick in published.of(self.wanted):
            due_s = self._due_s.get(number, 0.0)
            if number in self._withheld:
                self._skip(number)
            elif now_s >= due_s:
                self._due_s[number] = now_s + self._interval_s
                ready.append(tick)
                numbers.append(number)
                continue
            else:
                heapq.heappush(self._queue, (due_s, number))
            self._line += 1
            self._withheld[number] = self._line, tick
        self._count_fresh()
        self._round = None
        self._write(Round(ready, numbers), now_s)

    def release(self, now_s: float) -> None:
        """Give the withheld ticks that may go by now."""
        ready: list[tuple[int, Framed, int]] = []
        while self._queue and self._queue[0][0] <= now_s:
            _, number = heapq.heappop(self._queue)
            line, tick = self._withheld.pop(number)
            self._due_s[number] = now_s + self._interval_s
            ready.append((line, tick, number))
        self._round = None
        ready.sort()  # in the order of their offsets
        self._write(Round([tick for _, tick, _ in ready], [number for *_, number in ready]), now_s)

    def _all_withheld(self) -> Round:
        """Return what is withheld as a round; many clients may leave at once, and share it."""
        if self._round is None:
            ticks = [tick for _, tick in self._withheld.values()]
            self._round = Round(ticks, tuple(self._withheld))
        return self._round

    def _skip(self, number: int) -> None:
        """Leave a withheld tick out."""
        del self._withheld[number]
        if number in self._fresh:
            self._count_fresh()
        self._fresh.add(number)

    def _count_fresh(self) -> None:
        """Count one more of each fresh symbol; those whose snapshot had it have not missed it."""
        if not self._fresh:
            return
        carry = set_of(self._fresh)
        self._fresh.clear()
        self._round = None
        for client, had in tuple(self._had.items()):
            if known := had & carry:
                self._known[client] = self._known.get(client, 0) + known.bit_count()
                self._keep_had(client, had & ~known)
        for place, digits in enumerate(self._skipped):
            self._skipped[place], carry = digits ^ carry, digits & carry
        if carry:
            self._skipped.append(carry)

    def _write(self, ready: Round, now_s: float) -> None:
        """Write the ticks once to each member, behind a notice when one is due.

        A notice goes with the next ticks, or alone where none will come.
        """
        may_tell = now_s >= self._told_s + NOTICE_S and (ready.ticks or not self._withheld)
        if may_tell and self._skipped:
            self._told_s = now_s
            self._tell(ready)
        elif ready.ticks:
            for client, symbols in self.members.items():
                self._give(client, symbols, ready, 0)
        self._plan()

    def _tell(self, ready: Round) -> None:
        """Write the ticks, behind the count of those that were left out before."""
        for client, symbols in self.members.items():
            self._give(client, symbols, ready, self._count_skipped(client, symbols))
        self._skipped.clear()

    def _count_skipped(self, client: Client, symbols: int) -> int:
        """Return how many ticks were left out for a client since it was told, and count them."""
        skipped = self._skipped_of(symbols) - self._known.pop(client, 0)
        self._stats.skipped += skipped
        return skipped

    def _skipped_of(self, symbols: int) -> int:
        """Return how many ticks of a set of symbols were left out since the last notices."""
        counts = ((symbols & digits).bit_count() << bit for bit, digits in enumerate(self._skipped))
        return sum(counts)

    def _give(self, client: Client, symbols: int, ready: Round, skipped: int) -> None:
        """Write to one client what it gets of the ticks, without what its snapshot had."""
        if had := self._had.get(client, 0):
            symbols &= ~had
            self._keep_had(client, had & ~ready.wanted)
        batch = ready.batch(symbols, skipped)
        if batch is None:
            return
        give = client.outbox.give_with_notice if skipped else client.outbox.give
        if give(batch):
            self._stats.ticks_out += len(batch.ticks)
            self._stats.bytes_out += batch.size

    def _keep_had(self, client: Client, had: int) -> None:
        if had:
            self._had[client] = had
        else:
            del self._had[client]

    def _plan(self) -> None:
        if self._queue:
            self.next_s = self._queue[0][0]
        elif self._skipped:
            self.next_s = self._told_s + NOTICE_S
        else:
            self.next_s = None
