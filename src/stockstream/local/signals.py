"""A request to stop: Ctrl-C, SIGTERM, or a terminal that closes."""

import signal
from types import FrameType

#: Each of them asks to stop.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked to stop: not an error, and not for any `except Exception` to take."""


class StopSignals:
    """Raises `Stopped` in the main thread at the first signal; later ones change nothing.

    `received` tells it too, for an exception that is raised inside a library's callback is lost.
    """

    def __init__(self) -> None:
        self.received = False

    def listen(self) -> None:
        """Take the signals from now on; under nohup SIGHUP stays ignored."""
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._stop)

    def ignore(self) -> None:
        """Let nothing interrupt the clean-up."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.ignore()
        self.received = True
        raise Stopped
