"""A Swarm of three nodes and the Phase 2 stack on it: once for all tests here, under --all only."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bench import Bench
from lab.engine import Engine
from lab.images import Images
from lab.swarm import NODES, Swarm
from stockstream.config import ROOT
from support.waiting import wait_for


@pytest.fixture(autouse=True, scope="session")
def _only_with_all(request: pytest.FixtureRequest) -> None:
    if not request.config.option.all_parts:
        pytest.skip("starts three Docker engines and a Swarm: runs under --all only")


@pytest.fixture(scope="session")
def swarm(_only_with_all: None, engine: Engine, stand_ins: Images) -> Iterator[Swarm]:
    """Three bare hosts in one Swarm, with the images on each; nothing is labelled or deployed."""
    built = engine.run([str(ROOT / "scripts/build-image.sh")], timeout_s=600).stdout.split()
    names = {**stand_ins.environment, "STOCKSTREAM_IMAGE": built[0]}
    lab = Swarm(engine, f"stockstream-swarm-{os.getpid()}", names)
    try:
        lab.start([built[0], stand_ins.kafka, stand_ins.zookeeper], stand_ins.host)
        yield lab
    finally:
        lab.take_down()


@pytest.fixture(scope="session")
def stack(swarm: Swarm) -> Swarm:
    """The shipped stack on three nodes, formed: node n carries the identities n and a bridge."""
    for number, node in enumerate(NODES, start=1):
        identities = (f"kafka-{number}", f"zookeeper-{number}", "bridge")
        swarm.label(node, *(f"stockstream.{identity}=true" for identity in identities))
    swarm.deploy()
    swarm.wait_until_formed()
    return swarm


@pytest.fixture(scope="module")
def bench(stack: Swarm) -> Iterator[Bench]:
    """A container beside brokers that are all in sync, for the tests' producer, consumer and audit.

    It goes with its module: while it stands there, the stack's network cannot be removed.
    """
    with Bench(stack, stack.variables["STOCKSTREAM_IMAGE"]) as found:
        wait_for(found.cluster, lambda seen: seen.whole)
        yield found


#: The first test of all pays for the images, the nodes, and the stack that forms.
FIRST_TEST_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests here the time that their set-up takes on a new, busy machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(FIRST_TEST_S))
