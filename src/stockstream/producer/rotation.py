"""The paths that run here, each making a tick in its turn."""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from stockstream import tick
from stockstream.market import Path


class Run(msgspec.Struct, frozen=True):
    """A path that makes ticks, and the partition that they go to."""

    path: Path
    partition: int
    key: bytes


class Rotation:
    """Lets the paths take turns, so that their ticks are spread evenly."""

    def __init__(self) -> None:
        self._runs: deque[Run] = deque()

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def symbols(self) -> set[str]:
        """The symbols whose paths run here."""
        return {run.path.symbol for run in self._runs}

    def add(self, path: Path, partition: int) -> None:
        """Let this path take turns too."""
        self._runs.append(Run(path, partition, path.symbol.encode()))

    def keep(self, symbols: Iterable[str]) -> None:
        """Stop all other paths."""
        kept = set(symbols)
        self._runs = deque(run for run in self._runs if run.path.symbol in kept)

    def on(self, partitions: set[int]) -> set[str]:
        """Return the symbols whose ticks go to these partitions."""
        return {run.path.symbol for run in self._runs if run.partition in partitions}

    def make(self, count: int, timestamp_ms: int) -> Iterator[tuple[Run, list[bytes]]]:
        """Make `count` ticks; yield each path's records together, with where they go."""
        each = max(1, count // len(self._runs))
        while count > 0:
            run = self._runs[0]
            self._runs.rotate(-1)
            ticks = run.path.steps(min(each, count), timestamp_ms)
            records = [tick.encode(made) for made in ticks]
            count -= len(records)
            yield run, records
