"""What a run tells of itself: a failure at once, for the run may be cut off; times at the end."""

from collections import defaultdict
from pathlib import Path

import pytest

#: Their files are told one by one.
_STACKS = ("compose", "swarm")


class Told:
    """A plugin that shows why a test has failed, and adds up the time of each block.

    A block is a file of those that start real stacks, else a directory.
    """

    def __init__(self, plugins: pytest.PytestPluginManager) -> None:
        self._plugins = plugins
        self._spent_s: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a test's set-up, call or teardown, whichever worker it ran on."""
        self._spent_s[_block(report.nodeid)] += report.duration
        terminal = self._plugins.get_plugin("terminalreporter")
        if report.failed and terminal is not None:
            crash = getattr(report.longrepr, "reprcrash", None)
            why = crash or report.longrepr
            terminal.write_line(f"\nFAILED {report.nodeid} ({report.when}): {why}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the time that each block took."""
        terminalreporter.section("seconds a block")
        for block, spent_s in self._spent_s.items():
            terminalreporter.write_line(f"{spent_s:7.1f}  {block}")


def _block(nodeid: str) -> str:
    _, directory, *rest = Path(nodeid.partition("::")[0]).parts
    return f"{directory}/{rest[-1]}" if directory in _STACKS else directory
