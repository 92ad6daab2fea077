"""SIGTERM and Ctrl-C as something to look at, so that a service ends where it is safe to."""

import signal
import time
from types import FrameType


class Stop:
    """Whether the service was asked to end.

    A plain flag: the handler of a signal that comes during threading.Event.wait would deadlock.
    """

    def __init__(self) -> None:
        self.requested = False

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
        self.requested = True
