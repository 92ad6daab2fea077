"""How long the tests of a directory take, a file a block: printed where they start real stacks."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Blocks:
    """Adds up the time of each file's tests in `directory`, set-up included."""

    def __init__(self, directory: Path, title: str) -> None:
        self._directory = directory
        self._title = title
        self._spent_s: dict[str, float] = defaultdict(float)

    def has(self, item: pytest.Item) -> bool:
        """Say whether the test is one of the directory's."""
        return self._directory in item.path.parents

    @contextmanager
    def measured(self, item: pytest.Item) -> Iterator[None]:
        """Add what happens inside to the test's block."""
        started = time.monotonic()
        try:
            yield
        finally:
            if self.has(item):
                self._spent_s[item.path.stem] += time.monotonic() - started

    def print(self, reporter: pytest.TerminalReporter) -> None:
        """Print the time that each block took, where any has run."""
        if sum(self._spent_s.values()) < 1:
            return
        reporter.section(f"{self._title}: seconds a block")
        for block, spent_s in self._spent_s.items():
            reporter.write_line(f"{spent_s:7.1f}  {block}")
        reporter.write_line(f"{sum(self._spent_s.values()):7.1f}  in all")
