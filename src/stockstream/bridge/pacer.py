"""The timer of all clients that asked for fewer updates: one for all of them."""

import time

import gevent
from gevent.event import Event

from stockstream.bridge.hub import Hub

#: What falls due within this goes out together, so that many symbols do not mean as many wake-ups.
STEP_S = 0.005


class Pacer:
    """Releases withheld ticks when their time has come; sleeps while there are none."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._wanted = Event()
        self._planned_s: float | None = None
        hub.on_withheld = self._wake

    def run(self) -> None:
        """Release for ever."""
        while True:
            self._wanted.clear()
            self._planned_s = self._hub.release(time.monotonic())
            if self._planned_s is None:
                self._wanted.wait()
            else:
                self._wanted.wait(max(0.0, self._planned_s - time.monotonic()))
            gevent.sleep(STEP_S)

    def _wake(self, next_s: float) -> None:
        """Come sooner, where something falls due before what was planned."""
        if self._planned_s is None or next_s < self._planned_s:
            self._planned_s = next_s
            self._wanted.set()
