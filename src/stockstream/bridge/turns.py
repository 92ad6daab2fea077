"""Turns in the event loop for the work that clients cause, so that ticks never wait for it.

A greenlet runs until it has to wait, and a client that always has bytes for it never lets it wait.
So what a client causes (a new connection, a request, some bytes of a WebSocket) takes a turn: one
after the other, one address after the other, and after each as long a rest as it took.
"""

import time
from collections import deque
from typing import Any

from gevent import getcurrent
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

    Each address has a line of its own, and the lines are served in turn: whoever opens a thousand
    connections waits for itself, and a health check from elsewhere does not.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[Waiter[None]]] = {}  # the next one to be served comes first
        self._paid_s = 0.0  # the time at which all turns so far are paid back
        self._began_s: float | None = None  # when the turn began that is under way
        self._holder: Any = None  # the greenlet whose turn it is
        self._timer: Any = None

    @property
    def is_mine(self) -> bool:
        """Whether the caller's turn is under way: it has not waited for anything since `take`."""
        return self._holder is getcurrent()

    def take(self, address: str) -> None:
        """Return when the caller may work: until it next waits for anything."""
        now_s = time.monotonic()
        if self._began_s is None and not self._lines and self._rest_s(now_s) <= 0:
            self._begin(now_s)
            get_hub().loop.run_callback(self._end)
        else:
            self._wait_in_line(address, now_s)

    def _wait_in_line(self, address: str, now_s: float) -> None:
        waiter: Waiter[None] = Waiter()
        self._lines.setdefault(address, deque()).append(waiter)
        if self._began_s is None and self._timer is None:
            self._wait(self._rest_s(now_s))
        try:
            waiter.get()
        except BaseException:  # its greenlet is being killed
            line = self._lines.get(address, deque())
            if waiter in line:
                line.remove(waiter)
            if not line:
                self._lines.pop(address, None)
            raise
        self._holder = getcurrent()

    def _end(self) -> None:
        """End a turn that was taken at once: its greenlet has let the event loop go on."""
        self._pay(time.monotonic())
        self._next()

    def _next(self) -> None:
        """Give turns to those in line, until it is time to rest; runs in the event loop itself."""
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        while self._lines:
            now_s = time.monotonic()
            if (rest_s := self._rest_s(now_s)) > 0:
                self._wait(rest_s)
                return
            address = next(iter(self._lines))
            line = self._lines.pop(address)
            waiter = line.popleft()
            if line:
                self._lines[address] = line  # behind the others
            self._began_s = now_s
            waiter.switch(None)
            self._pay(time.monotonic())

    def _begin(self, now_s: float) -> None:
        self._began_s = now_s
        self._holder = getcurrent()

    def _pay(self, now_s: float) -> None:
        if self._began_s is not None:
            work_s = now_s - self._began_s
            self._paid_s = max(self._paid_s, self._began_s) + PRICE * work_s
        self._began_s = self._holder = None

    def _rest_s(self, now_s: float) -> float:
        return self._paid_s - BURST_S - now_s

    def _wait(self, seconds: float) -> None:
        self._timer = get_hub().loop.timer(max(0.0, seconds))
        self._timer.start(self._next)
