"""The one writer of a client's socket: whole frames, in order, without ever waiting.

It stands in for the socket that simple-websocket would write to. That library calls `send` once
and takes what it returns for granted, but a non-blocking socket may take a part of the bytes: a
slow reader's stream is corrupt from then on. Ticks, pongs and closes all go through here instead.
"""

import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from gevent.hub import get_hub

#: How much of a client's unread bytes the bridge holds; a client above it is ended.
BACKLOG_LIMIT_BYTES = 1 << 20
#: Above this nothing more is read from the client, else its pings and mistakes, which are all
#: answered, would fill the backlog.
READ_PAUSE_BYTES = 16 << 10
#: What the kernel may hold for a client: small, so that it does not keep seconds of stale ticks.
SNDBUF_BYTES = 64 << 10

FLUSH_S = 2.0
#: How long to wait for the client's side of the close. Bytes that it sent and nobody read would
#: turn our close into a reset, and a reset can overtake the Close frame.
LINGER_S = 1.0

_WRITABLE = 2  # libev's EV_WRITE


class Outbox:
    """The bytes that wait for one client, and the only way to its socket.

    `send` may be called from any greenlet and from callbacks of the event loop; it never switches
    greenlets and never raises. The descriptor itself is closed by gunicorn, after the client's
    handler has returned: closed here, its number could already be another client's.
    """

    def __init__(self, sock: socket.socket, on_overflow: Callable[[], None]) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SNDBUF_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._fd = sock.fileno()
        self._waiting: deque[bytes] = deque()
        self._head_sent = 0  # how much of the first waiting chunk has gone out
        self._writable: Any = None  # made when a write first comes up short: most never need it
        self._progress = Event()
        self._on_overflow = on_overflow
        self.backlog_bytes = 0
        self.ending = False  # nothing more is accepted
        self._ended = False  # the Close, where there is one, has been handed to the kernel
        self.dead = False
        self.last_life_s = time.monotonic()

    def send(self, data: bytes) -> int:
        """Queue whole frames and write what the socket takes now.

        Above BACKLOG_LIMIT_BYTES the bytes are dropped and `on_overflow` is called.
        """
        if self.ending:
            return len(data)
        sent = 0 if self._waiting else self._write(data)
        if sent == len(data) or self.dead:
            return len(data)
        if self.backlog_bytes + len(data) > BACKLOG_LIMIT_BYTES:
            self._on_overflow()
            return len(data)
        if not self._waiting:
            self._head_sent = sent
            self._watch()
        self._waiting.append(data)
        self.backlog_bytes += len(data) - sent
        return len(data)

    def recv(self, size: int) -> bytes:
        """Wait for the client's bytes; b"" once it is gone or ended.

        Nothing is read while more than READ_PAUSE_BYTES wait for the client.
        """
        while self.backlog_bytes > READ_PAUSE_BYTES:
            self._wait_for_progress()
        if not self.ending:
            try:
                data = self._sock.recv(size)
            except OSError:  # reset by the client, or shut down by `_die`
                return b""
            self.last_life_s = time.monotonic()
            if not self.ending:
                return data
        self._linger()
        return b""

    def finish(self, close_frame: bytes) -> None:
        """Send the Close at once, ahead of everything that has not begun to go out.

        A frame that is already cut has to be completed first, or the client could not read the
        Close. Where the kernel's buffer is full it is made larger by just these bytes. The socket
        is shut down LINGER_S later at the latest, which ends the handler's `recv`.
        """
        if self.ending:
            return
        self.ending = True
        last = self._rest_of_cut_frame() + close_frame
        self._forget()
        sent = self._write(last)
        if sent < len(last) and not self.dead:
            full = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, full + len(last) - sent)
            self._write(last[sent:])
        self._end()

    def close(self) -> None:
        """Write what waits, for at most FLUSH_S, then end the connection. Called by the handler."""
        self.ending = True
        with gevent.Timeout(FLUSH_S, False):
            while self._waiting:
                self._wait_for_progress()
        self._end()
        self._linger()
        self._die()

    def _flush(self) -> None:
        """Write on: the event loop calls it when the socket takes bytes again."""
        while self._waiting:
            head = self._waiting[0]
            sent = self._write(memoryview(head)[self._head_sent :])
            if self.dead:
                return
            self.last_life_s = time.monotonic()  # it reads: slowly, but it lives
            self.backlog_bytes -= sent
            self._head_sent += sent
            if self._head_sent < len(head):
                break
            self._waiting.popleft()
            self._head_sent = 0
        if not self._waiting:
            self._writable.stop()
        self._progress.set()

    def _write(self, data: bytes | memoryview) -> int:
        """Return how many bytes the socket took; a broken one kills the outbox."""
        if self.dead:
            return 0
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self._die()
            return 0

    def _rest_of_cut_frame(self) -> bytes:
        """Return the bytes still owed of a frame that has partly gone out."""
        if not self._head_sent:
            return b""
        head, end = self._waiting[0], 0
        while end < self._head_sent:
            end += _frame_length(head, end)
        return head[self._head_sent : end]

    def _watch(self) -> None:
        if self._writable is None:
            self._writable = get_hub().loop.io(self._fd, _WRITABLE)
        self._writable.start(self._flush)

    def _wait_for_progress(self) -> None:
        self._progress.clear()
        self._progress.wait()

    def _end(self) -> None:
        """Say that no more is coming; what the client still sends is read for LINGER_S."""
        if not self._ended:
            self._ended = True
            self._shut_down(socket.SHUT_WR)
            gevent.spawn_later(LINGER_S, self._die)

    def _linger(self) -> None:
        """Read and drop until the client's side has closed too, or `_die` has cut it short."""
        with contextlib.suppress(OSError):
            while not self.dead and self._sock.recv(65_536):
                pass

    def _shut_down(self, how: int) -> None:
        with contextlib.suppress(OSError):  # the client was faster
            self._sock.shutdown(how)

    def _forget(self) -> None:
        self._waiting.clear()
        self._head_sent = self.backlog_bytes = 0
        if self._writable is not None:
            self._writable.stop()
        self._progress.set()

    def _die(self) -> None:
        if self.dead:
            return
        self.dead = self.ending = True
        self._forget()
        if self._writable is not None:
            self._writable.close()
        self._shut_down(socket.SHUT_RDWR)


def _frame_length(data: bytes, at: int) -> int:
    """Return the length, header included, of the (unmasked) server frame that begins at `at`."""
    length = data[at + 1]
    if length == 126:
        return 4 + int.from_bytes(data[at + 2 : at + 4], "big")
    if length == 127:
        return 10 + int.from_bytes(data[at + 2 : at + 10], "big")
    return 2 + length
