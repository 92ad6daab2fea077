"""What one client could not take: the bytes that must follow, and the newest tick of each symbol.

A queue would grow with the client's slowness, and what it reads would be older and older. Here the
backlog is bounded by the number of symbols, and what is left out is counted.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence

from stockstream.bridge import protocol
from stockstream.bridge.stats import Stats

#: A tick's symbol and its frame, which all clients share.
Framed = tuple[str, bytes]

#: A client is told at most so often what it has missed.
NOTICE_S = 1.0
#: How many bytes are joined for one write: about what the kernel holds for a client.
_WRITE_BYTES = 64 << 10


#: What waits in the queue: whole frames, how many of them are ticks, and how many a notice counts.
_Entry = tuple[bytes, int, int]


class Batch:
    """Ticks that leave together: their frames, and the same joined, after the notice if any."""

    __slots__ = ("data", "notice", "size", "skipped", "ticks")

    def __init__(self, ticks: Sequence[Framed], skipped: int = 0) -> None:
        self.ticks = ticks
        self.skipped = skipped
        self.notice = protocol.conflated(skipped) if skipped else b""
        self.data = self.notice + b"".join([frame for _, frame in ticks])
        self.size = len(self.data)


class Backlog:
    """The queue of what has to go out, and the ticks that may still be replaced by newer ones.

    From time to time the ticks are sealed: they move into the queue, behind a notice of how many
    were left out. Ticks that come meanwhile wait for the next seal, so that under any load each
    symbol gets its turn, and the offsets of a partition only rise.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self.queued_bytes = 0
        self.skipped = 0  # ticks left out that the client has not been told of
        self.ticks: dict[str, bytes] = {}  # in the order of their offsets
        self._queue: deque[_Entry] = deque()
        self._head_sent = 0  # bytes of the first entry that have gone out
        self._newest_metrics = b""
        self._told_s = -NOTICE_S

    @property
    def empty(self) -> bool:
        """Whether nothing waits at all."""
        return not (self._queue or self.ticks or self.skipped or self._newest_metrics)

    @property
    def size_bytes(self) -> int:
        """All that waits."""
        return self.queued_bytes + sum(map(len, self.ticks.values())) + len(self._newest_metrics)

    def push(self, data: bytes, ticks: int = 0, skipped: int = 0) -> None:
        """Queue whole frames that must all go out, ahead of the ticks that are not sealed."""
        self._queue.append((data, ticks, skipped))
        self.queued_bytes += len(data)

    def replace_metrics(self, frame: bytes) -> None:
        """Keep the newest metrics; they follow the ticks, for their positions include these."""
        self._newest_metrics = frame

    def conflate(self, ticks: Iterable[Framed]) -> None:
        """Keep the newest tick of each symbol, and count the others as skipped."""
        for symbol, frame in ticks:
            if self.ticks.pop(symbol, None) is not None:
                self._skip(1)
            self.ticks[symbol] = frame

    def cut(self, batch: Batch, sent: int) -> int:
        """Take over a batch of which only `sent` bytes went out; nothing else waits yet.

        A frame that has begun has to be finished, the others may be replaced. Returns how many
        ticks have gone out, the one that is cut among them.
        """
        end = len(batch.notice)
        if 0 < sent < end:
            self._finish_later(batch.notice, sent, skipped=batch.skipped)
        elif end and not sent:
            self.skipped += batch.skipped
        gone = 0
        for _, frame in batch.ticks:
            start, end = end, end + len(frame)
            if start >= sent:
                break
            gone += 1
            if end > sent:
                self._finish_later(frame, sent - start, ticks=1)
        self.conflate(batch.ticks[gone:])
        return gone

    def add(self, batch: Batch) -> None:
        """Take over a batch of which nothing went out."""
        self.skipped += batch.skipped
        self.conflate(batch.ticks)

    def hold_s(self) -> float:
        """Return how long the ticks wait until the client may be told what it missed."""
        if self._queue or not self.skipped:
            return 0.0
        return max(0.0, self._told_s + NOTICE_S - time.monotonic())

    def tell(self) -> bool:
        """Tell whether a notice may go out now; if so, it is taken for gone."""
        may_go = time.monotonic() >= self._told_s + NOTICE_S
        if may_go:
            self._told_s = time.monotonic()
        return may_go

    def seal(self) -> None:
        """Move the ticks into the queue, behind the notice that explains them, if it may go."""
        if self.skipped and time.monotonic() >= self._told_s + NOTICE_S:
            self.push(protocol.conflated(self.skipped), skipped=self.skipped)
            self._tell()
        for frame in self.ticks.values():
            self.push(frame, ticks=1)
        self.ticks.clear()
        if self._newest_metrics:
            self.push(self._newest_metrics)
            self._newest_metrics = b""

    def next_bytes(self) -> bytes:
        """Return what has to be written next; b"" where the queue is empty."""
        parts: list[bytes] = []
        size = -self._head_sent
        for data, _, _ in self._queue:
            if size >= _WRITE_BYTES:
                break
            parts.append(data)
            size += len(data)
        if len(parts) == 1:  # a large one is written in slices, and not copied for each
            return parts[0][self._head_sent : self._head_sent + _WRITE_BYTES]
        return b"".join(parts)[self._head_sent :]

    def advance(self, sent: int) -> int:
        """Take `sent` bytes off the queue; return how many ticks have begun with them."""
        begun = -self._queue[0][1] if self._head_sent else 0  # that one was counted before
        self.queued_bytes -= sent
        left = self._head_sent + sent
        while self._queue and left >= len(self._queue[0][0]):
            data, ticks, skipped = self._queue.popleft()
            left -= len(data)
            begun += ticks
            if skipped:  # it may have waited long: the client hears the next one a second later
                self._told_s = time.monotonic()
        self._head_sent = left
        return begun + (self._queue[0][1] if left else 0)

    def forget_ticks(self) -> bytes:
        """Take the ticks that are not sealed for skipped; return the notice of all, if any."""
        self._skip(len(self.ticks))
        self.ticks.clear()
        self._newest_metrics = b""
        if not self.skipped:
            return b""
        notice = protocol.conflated(self.skipped)
        self._tell()
        return notice

    def end(self) -> bytes:
        """Return what has to precede a Close, and drop everything.

        That is the rest of a frame that is cut, and the notice of all that does not follow.
        """
        rest = b""
        if self._head_sent:
            data, _, _ = self._queue.popleft()
            end = 0
            while end < self._head_sent:
                end += protocol.frame_length(data, end)
            rest = data[self._head_sent : end]
        self._skip(sum(ticks for _, ticks, _ in self._queue))
        self.skipped += sum(skipped for _, _, skipped in self._queue)
        self._queue.clear()
        self._head_sent = self.queued_bytes = 0
        return rest + self.forget_ticks()

    def _finish_later(self, frame: bytes, sent: int, ticks: int = 0, skipped: int = 0) -> None:
        self.push(frame, ticks, skipped)
        self.queued_bytes -= sent
        self._head_sent = sent

    def _skip(self, count: int) -> None:
        self.skipped += count
        self._stats.skipped += count

    def _tell(self) -> None:
        self.skipped = 0
        self._told_s = time.monotonic()
