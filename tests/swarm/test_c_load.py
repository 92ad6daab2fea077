"""Under 1,000 acknowledged ticks/s: a broker, a ZooKeeper, a node is lost, brokers are rolled.

A producer of the tests makes the load, beside the service's own: it knows each acknowledgement,
and the audit of the topic asks for exactly these. The service's would go on from what the topic
still has, and so hide a loss at the very end.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import pytest

from lab.bench import Bench
from lab.swarm import BROKERS, FIRST, NODES, Swarm
from support.traffic import TOPIC, Traffic
from support.waiting import wait_for

#: What stateless tasks of a lost node may take to run elsewhere, where 60 s are aimed at.
ELSEWHERE_S = 180
STATELESS = ("producer", "consumer")

Through = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def load(stack: Swarm, bench: Bench) -> Through:
    """Return a context in which ticks of the given name flow, and which fails where one is lost.

    It prints how often a broker that is up has lost its ZooKeeper session.
    """

    @contextmanager
    def through(name: str) -> Iterator[None]:
        print(f"\n{name}:")
        wait_for(bench.cluster, lambda seen: seen.whole)
        started = datetime.now(UTC).isoformat()
        with Traffic(stack, bench, name).flowing():
            yield
        expired = {broker: stack.expired_sessions(broker, started) for broker in BROKERS}
        print(f"  ZooKeeper sessions that expired without a fault: {expired}")

    return through


def test_killed_partition_leader_loses_no_acknowledged_tick(
    stack: Swarm, bench: Bench, load: Through
) -> None:
    """Another broker leads, ticks flow again, and the killed one comes back into the ISR."""
    with load("LEADER"):
        leader = bench.cluster().leader(TOPIC)
        stack.kill(leader)
        wait_for(bench.cluster, lambda seen: seen.leader(TOPIC) not in (None, leader))


def test_killed_controller_loses_no_acknowledged_tick(
    stack: Swarm, bench: Bench, load: Through
) -> None:
    """Another broker becomes the controller, and elects leaders for what the killed one led."""
    with load("CONTROLLER"):
        controller = bench.cluster().controller
        stack.kill(controller)
        wait_for(bench.cluster, lambda seen: seen.controller not in (None, controller))


def test_killed_zookeeper_leader_loses_no_acknowledged_tick(
    stack: Swarm, bench: Bench, load: Through
) -> None:
    """The other two elect a leader, and the killed one comes back as a follower."""
    with load("ZOOKEEPER"):
        leader = bench.cluster().zookeeper_leader
        stack.kill(leader)
        wait_for(bench.cluster, lambda seen: seen.zookeeper_leader not in (None, leader))


def test_lost_node_loses_no_acknowledged_tick_and_comes_back(
    stack: Swarm, bench: Bench, load: Through
) -> None:
    """Stateless tasks go on elsewhere; broker and ZooKeeper when the node is there again."""
    with load("NODE"):
        node = _one_with_stateless_tasks(stack)
        stack.kill_node(node)
        started = time.monotonic()
        wait_for(lambda: _elsewhere(stack, node), timeout_s=ELSEWHERE_S)
        print(f"  stateless tasks of {node} ran elsewhere after {time.monotonic() - started:.1f} s")
        stack.start_node(node)
        stack.wait_until_formed()


def test_rolled_brokers_lose_no_acknowledged_tick(stack: Swarm, load: Through) -> None:
    """roll.sh restarts all three, the controller last, each at full ISR."""
    with load("ROLL"):
        stack.script("roll.sh", "kafka", check=True)


def _one_with_stateless_tasks(stack: Swarm) -> str:
    """Return a node, not the one that the tests ask, on which producer or consumer run."""
    nodes = {each.node for service in STATELESS for each in stack.containers(service)}
    return min(nodes & set(NODES) - {FIRST})


def _elsewhere(stack: Swarm, lost: str) -> bool:
    """Say whether all wanted stateless tasks run, on other nodes than the lost one."""
    replicas = stack.replicas()
    running = [
        task["Node"]
        for service in STATELESS
        for task in stack.tasks(service)
        if task["DesiredState"] == "Running" and task["CurrentState"].startswith("Running")
    ]
    return lost not in running and all(replicas[name] == "2/2" for name in STATELESS)
