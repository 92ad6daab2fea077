"""A Docker engine and the Phase 1 stack on it: once for all tests here, under --all only."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import compose, images
from lab.engine import Engine
from lab.stack import Stack
from support.waiting import wait_for

_STACK = pytest.StashKey[Stack]()


@pytest.fixture(autouse=True, scope="session")
def _only_with_all(request: pytest.FixtureRequest) -> None:
    if not request.config.option.all_parts:
        pytest.skip("starts a Docker engine and builds images: runs under --all only")


@pytest.fixture(scope="session")
def compose_v2(engine: Engine) -> None:
    """Make `docker compose` work."""
    compose.ensure_v2(engine)


@pytest.fixture(scope="session")
def stack(
    request: pytest.FixtureRequest, engine: Engine, stand_ins: images.Images, compose_v2: None
) -> Iterator[Stack]:
    """The shipped compose file as a project; the first test that needs it brings it up."""
    project = request.config.stash[_STACK] = Stack(engine, f"stockstream-lab-{os.getpid()}")
    yield project
    _take_down(request.config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Take the stack down with the last test here: what follows has the machine for itself."""
    if nextitem is None or not _is_here(nextitem):
        _take_down(item.config)


def _is_here(item: pytest.Item) -> bool:
    return Path(__file__).parent in item.path.parents


def _take_down(config: pytest.Config) -> None:
    if project := config.stash.get(_STACK, None):
        del config.stash[_STACK]
        project.take_down()


@pytest.fixture
def healthy(stack: Stack) -> Stack:
    """The stack with every container healthy, whatever the test before did to it."""
    if not stack.is_healthy():
        # A container that was frozen stays unhealthy for some seconds, and compose then gives up.
        wait_for(lambda: stack.compose("up", "-d") is not None)
        stack.wait_until_healthy()
    return stack


#: The first test of all pays for the images, and for compose itself where the machine has none.
FIRST_TEST_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests here the time that their set-up takes on a new, busy machine."""
    for item in filter(_is_here, items):
        item.add_marker(pytest.mark.timeout(FIRST_TEST_S))
