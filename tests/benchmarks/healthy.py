"""Healthy clients whose every tick counts, however late it comes: client.c with DRAIN_S."""

import subprocess
from contextlib import suppress

import msgspec

from benchmarks.rig import Figures, Meter, Rig, Use
from benchmarks.words import JOIN
from support.bridge import Bridge


class Healthy:
    """Clients that join all symbols; they end with it.

    In this order: `wait_until_joined` waits until each has got a tick, `go` begins the warm-up,
    `wait_for_end` the time that is measured, and `figures` waits for the ticks that are late.
    """

    def __init__(
        self,
        rig: Rig,
        bridge: Bridge,
        clients: int,
        seconds: float,
        warmup_s: float,
        drain_s: float,
    ) -> None:
        self._rig = rig
        self._bridge = bridge
        self._words = [*map(str, (bridge.port, clients, seconds, warmup_s)), JOIN, str(drain_s)]
        self._used = Use(1.0, 0.0, 0.0)

    def __enter__(self) -> "Healthy":
        command = [str(self._rig.compile("client")), *self._words]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def wait_until_joined(self) -> None:
        """Wait until each has got a tick."""
        self._expect("joined")

    def go(self) -> None:
        """Begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def wait_for_end(self) -> None:
        """Measure what the bridge uses until the time is over."""
        self._expect("start")
        meter = Meter(self._rig, self._bridge.part)
        self._expect("end")
        with suppress(OSError):  # the worker that was measured has been killed
            self._used = meter.read()

    def figures(self) -> Figures:
        """Return what was measured."""
        figures = msgspec.json.decode(self._line(), type=Figures)
        figures.server_cpu_s = self._used.cpu_s * figures.seconds / self._used.seconds
        figures.others_core = self._used.others_core
        return figures

    def _expect(self, word: str) -> None:
        if (line := self._line()) != f"{word}\n":
            raise SystemExit(f"the healthy clients said {line!r} and not {word!r}")

    def _line(self) -> str:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise SystemExit(f"the clients did not stay; {self._bridge.part.last_words()}")
        return line
