"""Turns in the event loop for the work that clients cause, so that ticks never wait for it.

A greenlet runs until it has to wait, and a client that always has bytes for it never lets it wait.
So whatever a client causes (a new connection, a request, some bytes of a WebSocket) takes a turn:
one after the other, in the order in which they came, and a half of the time at most for all of
them together. The ticks have the other half.
"""

import contextlib
import time
from collections import deque
from typing import Any

from gevent.hub import Waiter, get_hub

#: So long may turns follow one another before they pay back: a visit takes less.
BURST_S = 0.002
#: For each second of work so many seconds must pass, the work's own included.
PRICE = 2.0


class Turns:
    """Who may work now.

    | state | `take` |
    | --- | --- |
    | free: nobody works or waits, and all but BURST_S is paid back | returns at once |
    | working: a turn lasts until its greenlet lets the event loop go on | waits in line |
    | resting: until what was used is paid back | waits in line |
    """

    def __init__(self) -> None:
        self._line: deque[Waiter[None]] = deque()
        self._paid_s = 0.0  # the time at which all turns so far are paid back
        self._began_s: float | None = None  # when the turn began that is under way
        self._timer: Any = None

    def take(self) -> None:
        """Return when the caller may work: until it next waits for anything."""
        now_s = time.monotonic()
        if self._began_s is None and not self._line and self._rest_s(now_s) <= 0:
            self._began_s = now_s
            get_hub().loop.run_callback(self._end)
            return
        waiter: Waiter[None] = Waiter()
        self._line.append(waiter)
        if self._began_s is None and self._timer is None:
            self._wait(self._rest_s(now_s))
        try:
            waiter.get()
        except BaseException:  # its greenlet is being killed
            with contextlib.suppress(ValueError):
                self._line.remove(waiter)
            raise

    def _end(self) -> None:
        """End a turn that was taken at once: its greenlet has let the event loop go on."""
        self._pay(time.monotonic())
        self._next()

    def _next(self) -> None:
        """Give turns to those in line, until it is time to rest; runs in the event loop itself."""
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        while self._line:
            now_s = time.monotonic()
            if (rest_s := self._rest_s(now_s)) > 0:
                self._wait(rest_s)
                return
            self._began_s = now_s
            self._line.popleft().switch(None)
            self._pay(time.monotonic())

    def _pay(self, now_s: float) -> None:
        if self._began_s is not None:
            work_s = now_s - self._began_s
            self._paid_s = max(self._paid_s, self._began_s) + PRICE * work_s
            self._began_s = None

    def _rest_s(self, now_s: float) -> float:
        return self._paid_s - BURST_S - now_s

    def _wait(self, seconds: float) -> None:
        self._timer = get_hub().loop.timer(max(0.0, seconds))
        self._timer.start(self._next)
