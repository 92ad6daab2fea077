"""The one writer of a client's socket: whole frames, in order, without ever waiting.

It stands in for the socket that simple-websocket would write to. That library calls `send` once
and takes what it returns for granted, but a non-blocking socket may take a part of the bytes: a
slow reader's stream is corrupt from then on. Ticks, pongs and closes all go through here instead.
"""

import contextlib
import fcntl
import os
import socket
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from gevent.hub import get_hub

from stockstream.bridge import protocol
from stockstream.bridge.backlog import Backlog, Batch
from stockstream.bridge.stats import Stats

#: Above this nothing more is read from the client, else its pings and mistakes, which are all
#: answered, would fill the backlog.
READ_PAUSE_BYTES = 16 << 10
#: What is read at a time: at most 85 frames, which take the library 1 ms.
READ_BYTES = 512
#: What the kernel may hold for a client: small, so that it does not keep seconds of stale ticks.
SNDBUF_BYTES = 64 << 10

FLUSH_S = 2.0
#: How long to wait for the client's side of the close. Bytes that it sent and nobody read would
#: turn our close into a reset, and a reset can overtake the Close frame.
LINGER_S = 1.0

_WRITABLE = 2  # libev's EV_WRITE
_write = os.write


class Outbox:
    """The bytes that wait for one client, and the only way to its socket.

    `give` and `send` may be called from any greenlet and from callbacks of the event loop; they
    never switch greenlets and never raise. The descriptor itself is closed by gunicorn, after the
    client's handler has returned: closed here, its number could already be another client's.
    """

    # Without a dictionary a write finds what it needs in one place, and an idle client is smaller.
    __slots__ = (
        "clear", "_fd", "_stats", "backlog", "ending", "dead", "_ended", "_sock", "_writable",
        "_timer", "_progress", "early", "before_read", "after_read", "before_close", "last_life_s",
        "_unsent_bytes", "_taken_s",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, stats: Stats) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SNDBUF_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._fd = sock.fileno()
        self._stats = stats
        self.backlog = Backlog(stats)
        self._writable: Any = None  # made when a write first comes up short: most never need it
        self._timer: Any = None  # runs while the ticks wait until the next notice may go
        self._progress = Event()
        #: Bytes of the client that were read before this outbox was there.
        self.early = b""
        #: Called before each read, to answer what the client said; returns for how many seconds
        #: nothing may be read.
        self.before_read: Callable[[], float] = lambda: 0.0
        #: Called after each read with the number of bytes, and whether they had to be waited for;
        #: it returns when they may be looked at.
        self.after_read: Callable[[int, bool], None] = lambda count, waited: None
        #: Called before a Close goes out: ticks that others keep for the client come first.
        self.before_close: Callable[[], None] = lambda: None
        self.clear = True  # nothing waits, so that a write may go straight to the socket
        self.ending = False  # nothing more is accepted
        self._ended = False  # the Close, where there is one, has been handed to the kernel
        self.dead = False
        self.last_life_s = time.monotonic()
        self._unsent_bytes = 0  # in the kernel, when `stalled_s` looked last
        self._taken_s = 0.0  # when the client last took a byte while others waited

    @property
    def readable(self) -> bool:
        """Whether the client may be listened to: what it says can be answered."""
        held = self._timer is not None and self._timer.active
        return self.backlog.queued_bytes <= READ_PAUSE_BYTES and not held

    def give(self, batch: Batch) -> bool:
        """Write ticks; what the socket does not take is conflated. True: it took all."""
        if not self.clear:
            if not self.ending:
                self.backlog.add(batch)
            return False
        try:
            sent = _write(self._fd, batch.data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._die()
            return False
        if sent == batch.size:
            return True
        self._stats.ticks_out += self.backlog.cut(batch, sent)
        self._stats.bytes_out += sent
        self._schedule()
        return False

    def give_with_notice(self, batch: Batch) -> bool:
        """Write ticks with a notice in front, or keep them until the client may be told again."""
        if self.clear and not self.backlog.tell():
            self.backlog.add(batch)
            self._schedule()
            return False
        return self.give(batch)

    def send(self, data: bytes) -> int:
        """Write whole frames, or queue what the socket does not take now.

        simple-websocket calls it too, with its pongs and its Close.
        """
        if self.ending:
            return len(data)
        if protocol.is_close(data):
            self.before_close()
            data = self.backlog.forget_ticks() + data
        sent = self._write(data) if self.clear else 0
        if sent < len(data) and not self.dead:
            self.backlog.push(data)
            self.backlog.advance(sent)
            self._schedule()
        return len(data)

    def send_after_ticks(self, data: bytes) -> None:
        """Send frames whose positions include the ticks that wait: these go first."""
        if not self.clear and not self.ending:
            self.backlog.seal()
        self.send(data)

    def send_metrics(self, frame: bytes) -> None:
        """Send a frame of which only the newest is of use."""
        if self.clear:
            self.send(frame)
        elif not self.ending:
            self.backlog.replace_metrics(frame)

    def forget_ticks(self) -> None:
        """Take the ticks that wait for skipped: those of another topic follow."""
        if not self.clear and (notice := self.backlog.forget_ticks()):
            self.send(notice)

    def stalled_s(self) -> float:
        """Return for how long the client has taken no byte although some wait for it.

        The socket becomes writable only when a third of its buffer is free; a client on a slow
        line that takes less is not a stalled one, so the kernel is asked what it still holds.
        """
        if self._writable is None or not self._writable.active:
            return 0.0
        unsent_bytes = _unsent_bytes(self._fd)
        if unsent_bytes != self._unsent_bytes:
            self._unsent_bytes = unsent_bytes
            self._taken_s = time.monotonic()
        return time.monotonic() - self._taken_s

    def recv(self, size: int) -> bytes:
        """Wait for the client's bytes; b"" once it is gone or ended.

        Nothing is read while more than READ_PAUSE_BYTES wait for the client, or while
        `before_read` says so, and at most READ_BYTES at a time.
        """
        self._wait_until_readable()
        if not self.ending:
            try:
                data, waited = self._read(min(size, READ_BYTES))
            except OSError:  # reset by the client, or shut down by `_die`
                return b""
            self.last_life_s = time.monotonic()
            if data:
                self.after_read(len(data), waited)
            if not self.ending:
                return data
        self._linger()
        return b""

    def _wait_until_readable(self) -> None:
        while not self.ending:
            if self.readable:
                pause_s = self.before_read()  # it may fill the backlog again
                if pause_s > 0:
                    self._wait_for_progress(pause_s)
                elif self.readable:
                    return
            if not (self.readable or self.ending):
                self._wait_for_progress()

    def _read(self, size: int) -> tuple[bytes, bool]:
        """Return bytes, and whether they had to be waited for."""
        if self.early:
            data, self.early = self.early[:size], self.early[size:]
            return data, False
        try:
            return os.read(self._fd, size), False
        except BlockingIOError:
            return self._sock.recv(size), True

    def finish(self, close_frame: bytes) -> None:
        """Send the Close at once, ahead of everything that has not begun to go out.

        A frame that is already cut has to be completed first, or the client could not read the
        Close. Where the kernel's buffer is full it is made larger by just these bytes. The socket
        is shut down LINGER_S later at the latest, which ends the handler's `recv`.
        """
        if self.ending:
            return
        self.before_close()
        self.ending = True
        self.clear = False
        last = self.backlog.end() + close_frame
        self._stop_watching()
        self._progress.set()
        sent = self._write(last)
        if sent < len(last) and not self.dead:
            full = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, full + len(last) - sent)
            self._write(last[sent:])
        self._end()

    def close(self) -> None:
        """Write what is queued, for at most FLUSH_S, then end the connection.

        Called by the handler, after the library's own Close.
        """
        self.ending = True
        self.clear = False
        self.backlog.forget_ticks()
        with gevent.Timeout(FLUSH_S, False):
            while self.backlog.queued_bytes:
                self._wait_for_progress()
        self._end()
        self._linger()
        self._die()

    def _schedule(self) -> None:
        """Go on when the socket takes bytes again, or when the client may be told of its loss."""
        self.clear = self.backlog.empty and not self.ending
        hold_s = self.backlog.hold_s()
        if self.backlog.empty or hold_s:
            self._stop_watching()
        elif self._writable is None or not self._writable.active:
            self._taken_s = time.monotonic()
            self._writable = self._writable or get_hub().loop.io(self._fd, _WRITABLE)
            self._writable.start(self._flush)
        if hold_s:
            self._timer = get_hub().loop.timer(hold_s)
            self._timer.start(self._schedule)
        self._progress.set()

    def _flush(self) -> None:
        """Write on: the event loop calls it when the socket takes bytes again."""
        backlog = self.backlog
        if not backlog.queued_bytes and not backlog.hold_s():
            backlog.seal()
        while data := backlog.next_bytes():
            sent = self._write(data)
            if self.dead:
                return
            if sent:
                self.last_life_s = self._taken_s = (
                    time.monotonic()
                )  # it reads: slowly, but it lives
                self._stats.ticks_out += backlog.advance(sent)
                self._stats.bytes_out += sent
            if sent < len(data):
                break
        self._schedule()

    def _write(self, data: bytes) -> int:
        """Return how many bytes the socket took; a broken one kills the outbox."""
        if self.dead:
            return 0
        try:
            return _write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self._die()
            return 0

    def _wait_for_progress(self, timeout_s: float | None = None) -> None:
        self._progress.clear()
        self._progress.wait(timeout_s)

    def _end(self) -> None:
        """Say that no more is coming; what the client still sends is read for LINGER_S."""
        if not self._ended:
            self._ended = True
            self._shut_down(socket.SHUT_WR)
            self._stop_watching()
            if not self.dead:
                self._timer = get_hub().loop.timer(LINGER_S)
                self._timer.start(self._die)

    def _linger(self) -> None:
        """Read and drop until the client's side has closed too, or `_die` has cut it short."""
        with contextlib.suppress(OSError):
            while not self.dead and self._sock.recv(65_536):
                gevent.sleep(0)  # recv alone lets nobody else in while there are bytes

    def _shut_down(self, how: int) -> None:
        with contextlib.suppress(OSError):  # the client was faster
            self._sock.shutdown(how)

    def _stop_watching(self) -> None:
        if self._writable is not None:
            self._writable.stop()
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    def _die(self) -> None:
        if self.dead:
            return
        self.dead = self.ending = True
        self.clear = False
        self.backlog.end()
        self._stop_watching()
        if self._writable is not None:
            self._writable.close()
            self._writable = None
        self._progress.set()
        self._shut_down(socket.SHUT_RDWR)


def _unsent_bytes(fd: int) -> int:
    """Return how many bytes the kernel holds that the client has not acknowledged."""
    return int.from_bytes(fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
