"""A Docker engine and the Phase 1 stack on it: once for all tests here, under --all only."""

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import compose, images
from lab.engine import Engine, obstacle, running_engine

_spent_s: dict[str, float] = defaultdict(float)


@pytest.fixture(autouse=True, scope="session")
def _only_with_all(request: pytest.FixtureRequest) -> None:
    if not request.config.option.all_parts:
        pytest.skip("starts a Docker engine and builds images: runs under --all only")


@pytest.fixture(scope="session")
def engine(_only_with_all: None) -> Iterator[Engine]:
    """A Docker engine: the machine's, else one that ends with the tests."""
    if reason := obstacle():
        pytest.skip(reason)
    with running_engine() as found:
        yield found


@pytest.fixture(scope="session")
def stand_ins(engine: Engine) -> images.Images:
    """The images that stand in for the registry's; every command of the engine sees their names."""
    found = images.provide(engine)
    engine.environment.update(found.environment)
    return found


@pytest.fixture(scope="session")
def compose_v2(engine: Engine) -> None:
    """Make `docker compose` work."""
    compose.ensure_v2(engine)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Add the test's time, set-up included, to its block."""
    started = time.monotonic()
    try:
        return (yield)
    finally:
        if Path(__file__).parent in item.path.parents:
            _spent_s[item.path.stem] += time.monotonic() - started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the time that each block took."""
    if sum(_spent_s.values()) < 1:
        return
    terminalreporter.section("Docker Compose: seconds a block")
    for block, spent_s in _spent_s.items():
        terminalreporter.write_line(f"{spent_s:7.1f}  {block}")
    terminalreporter.write_line(f"{sum(_spent_s.values()):7.1f}  in all")
