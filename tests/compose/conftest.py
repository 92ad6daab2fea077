"""A Docker engine and the Phase 1 stack on it: once for all tests here, under --all only."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import compose, images
from lab.engine import Engine, obstacle, running_engine
from lab.stack import Stack
from support.waiting import wait_for

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


@pytest.fixture(scope="session")
def stack(engine: Engine, stand_ins: images.Images, compose_v2: None) -> Iterator[Stack]:
    """The shipped compose file as a project; the first test that needs it brings it up."""
    project = Stack(engine, f"stockstream-lab-{os.getpid()}")
    yield project
    project.take_down()


@pytest.fixture
def healthy(stack: Stack) -> Stack:
    """The stack with every container healthy, whatever the test before did to it."""
    # A container that was frozen stays unhealthy for some seconds, and compose then gives up.
    wait_for(lambda: stack.compose("up", "-d") is not None)
    stack.wait_until_healthy()
    return stack


#: The first test of all pays for the images, and for compose itself where the machine has none.
FIRST_TEST_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests here the time that their set-up takes on a new, busy machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(FIRST_TEST_S))


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
