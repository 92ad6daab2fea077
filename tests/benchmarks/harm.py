"""What harm is seen at the bridge itself: its event loop's stalls, its memory, its restarts."""

import re
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from support.bridge import Bridge
from support.waiting import wait_for

_REASON = re.compile(r'stockstream_closed_clients_total{reason="(.*)"}')
STALL = "stockstream_event_loop_stall_seconds"
#: A bridge that has had no longer stall within its window is calm.
CALM_S = 0.05
#: Between two looks; a stall is shown for 15 s at least.
LOOK_S = 1.0


class Watch:
    """Looks at a bridge again and again, from a calm moment until `finish`."""

    def __init__(self, bridge: Bridge, calm_s: float) -> None:
        self._bridge = bridge
        self._calm_s = calm_s  # how long to wait for a calm moment, at most
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.stall_s = 0.0  # the longest
        self.ended: dict[str, int] = {}  # connections by the reason that the bridge counted
        self.restarted = False  # another worker serves now, or none
        self._before_bytes = self._most_bytes = 0

    @property
    def growth_bytes(self) -> int:
        """The most memory that the worker ever had, without what it had before."""
        return max(0, self._most_bytes - self._before_bytes)

    def __enter__(self) -> "Watch":
        with suppress(AssertionError):
            wait_for(self._stall_s, lambda stall_s: stall_s < CALM_S, self._calm_s)
        self._worker = _worker(self._bridge)
        self._before_bytes = _status_bytes(self._worker, "VmRSS")
        Path(f"/proc/{self._worker}/clear_refs").write_text("5")  # the peak begins here
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def finish(self) -> None:
        """Look for the last time, once the bridge answers again."""
        self._over.set()
        self._thread.join()
        self._look()
        self.restarted = _worker(self._bridge) != self._worker

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        with suppress(OSError):  # the worker has gone
            self._most_bytes = max(self._most_bytes, _status_bytes(self._worker, "VmHWM"))
        with suppress(OSError):  # it serves nobody now
            seen = self._bridge.prometheus()
            self.stall_s = max(self.stall_s, seen[STALL])
            found = {_REASON.fullmatch(name): round(value) for name, value in seen.items()}
            self.ended = {match[1]: count for match, count in found.items() if match}

    def _stall_s(self) -> float:
        return self._bridge.prometheus()[STALL]


def _worker(bridge: Bridge) -> int:
    """Return the id of the process that serves; 0: there is none now."""
    children = psutil.Process(bridge.part.pid).children()
    return children[0].pid if children else 0


def _status_bytes(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) << 10
