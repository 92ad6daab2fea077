"""How long each block of tests takes: a file of those that start real stacks, else a directory."""

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Their files are told one by one.
_STACKS = ("compose", "swarm")


class Blocks:
    """A plugin that adds up the time of each block, set-up included, and prints it at the end."""

    def __init__(self, tests: Path) -> None:
        self._tests = tests
        self._spent_s: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Add the test's time to its block."""
        started = time.monotonic()
        try:
            return (yield)
        finally:
            self._spent_s[self._block(item.path)] += time.monotonic() - started

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the time that each block took."""
        terminalreporter.section("seconds a block")
        for block, spent_s in self._spent_s.items():
            terminalreporter.write_line(f"{spent_s:7.1f}  {block}")

    def _block(self, file: Path) -> str:
        directory, *rest = file.relative_to(self._tests).parts
        return f"{directory}/{rest[-1]}" if directory in _STACKS else directory
