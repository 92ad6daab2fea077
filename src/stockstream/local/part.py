"""One part of the local mode: a child process in a session of its own, with its log."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stockstream.errors import LocalError
from stockstream.local.signals import STOP_SIGNALS

_LEASH = Path(__file__).with_name("leash.py")


class Part:
    """A command that is started, watched and stopped; its output goes to `log`.

    It gets a session of its own, so that Ctrl-C on the terminal reaches only the process that
    runs the parts, which then stops them in order. On Linux it ends with that process.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = environment
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._started().pid

    @property
    def exit_code(self) -> int | None:
        """The exit code (minus the signal's number for a killed one), None while it runs."""
        return self._started().poll()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the command; call it from the main thread.

        Linux takes the end of the thread that started a child for the end of the parent.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log, _signals_held():
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_LEASH), str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._directory,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send the signal to the process alone."""
        self._started().send_signal(number)

    def stop(self, timeout_s: float = 20.0) -> int | None:
        """Ask it to end with SIGTERM, and kill what is left of it after `timeout_s`.

        Returns its exit code, None where it was never started.
        """
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        return self.kill()

    def kill(self) -> int | None:
        """End it at once with SIGKILL, and what is left of its children; return as `stop` does."""
        if self._process is None:
            return None
        with contextlib.suppress(ProcessLookupError, PermissionError):  # EPERM: a zombie, macOS
            os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()

    def check(self) -> None:
        """Raise LocalError where the part has ended, with its last lines."""
        if (code := self.exit_code) is not None:
            raise LocalError(f"{self.name} has ended ({_ending(code)}); {self.last_words()}")

    def last_words(self, lines: int = 10) -> str:
        """Return the last lines of the log, with where the rest is."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                tail = "".join(deque(log, lines)).rstrip()
        except OSError as error:
            return f"its log {self.log} cannot be read: {error.strerror}"
        return f"the last lines of {self.log}:\n{tail}" if tail else f"{self.log} is empty"

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise LocalError(f"{self.name} was not started")
        return self._process


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let a signal wait, so that its exception cannot come between a start and its record.

    The child inherits this; leash.py undoes it there.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
