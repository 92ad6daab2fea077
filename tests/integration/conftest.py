"""Fixtures of the bridge's tests: the real one, and broken ones that the tests must notice."""

from collections.abc import Callable, Iterator

import pytest

from support.bridge import Bridge, Bridges
from support.kafka import create_topic
from support.services import SERVICES
from support.ticks import Ticker


@pytest.fixture
def bridge_factory(
    request: pytest.FixtureRequest, kafka, topic: str, tmp_path
) -> Iterator[Callable[..., Bridge]]:
    """Return a function that starts a bridge on the test's topic, and waits until it is healthy.

    `broken` names a function of support/broken.py: the bridge with one decision left out.
    """
    parts = request.node.stash.setdefault(SERVICES, [])
    with Bridges(kafka.bootstrap, topic, tmp_path, parts) as bridges:
        yield bridges.start


@pytest.fixture
def bridge(bridge_factory: Callable[..., Bridge]) -> Bridge:
    """Return a healthy bridge of the test's own."""
    return bridge_factory()


@pytest.fixture(scope="module")
def shared_bridge(request: pytest.FixtureRequest, kafka, tmp_path_factory) -> Iterator[Bridge]:
    """Return a healthy bridge for a module's tests that leave it as it was."""
    parts = request.node.stash.setdefault(SERVICES, [])
    home = tmp_path_factory.mktemp("shared-bridge")
    with Bridges(kafka.bootstrap, create_topic(kafka.bootstrap), home, parts) as bridges:
        yield bridges.start()


@pytest.fixture
def ticker(kafka, topic: str) -> Ticker:
    """Return a writer of ticks to the test's topic."""
    return Ticker(kafka.bootstrap, topic)
