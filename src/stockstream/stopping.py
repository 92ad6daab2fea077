"""SIGTERM and Ctrl-C as something to look at, so that a service ends where it is safe to."""

import signal
import time
from pathlib import Path
from types import FrameType

#: A container's health check takes a file that is 20 s old for a service that hangs.
BEAT_S = 1.0


class Stop:
    """Whether the service was asked to end.

    A plain flag: the handler of a signal that comes during threading.Event.wait would deadlock.
    Each loop of a service asks, so that asking is its sign of life: it touches `heartbeat`.
    """

    def __init__(self, heartbeat: str = "") -> None:
        self._requested = False
        self._heartbeat = Path(heartbeat) if heartbeat else None
        self._beat_at = 0.0

    @property
    def requested(self) -> bool:
        """Whether the service was asked to end."""
        self.beat()
        return self._requested

    def beat(self) -> None:
        """Show a sign of life, where a heartbeat is wanted."""
        if self._heartbeat and time.monotonic() - self._beat_at >= BEAT_S:
            self._beat_at = time.monotonic()
            self._heartbeat.touch()

    def on_signals(self) -> "Stop":
        """Take SIGTERM and SIGINT for the request from now on; call it from the main thread."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        return self

    def wait(self, timeout_s: float) -> None:
        """Return after `timeout_s`, or soon after the request."""
        deadline = time.monotonic() + timeout_s
        while not self.requested and (left_s := deadline - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.1))

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self._requested = True
