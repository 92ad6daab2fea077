"""The shipped stack forms from zero on three nodes, and runs as its file says."""

import json
import socket
from urllib.request import urlopen

import pytest

from lab.bench import BOOTSTRAP, Bench
from lab.swarm import BROKERS, NODES, STACK, ZOOKEEPERS, Swarm
from support.waiting import wait_for

#: What root would be able to do; all of it is taken away.
NO_CAPABILITY = "0" * 16
SERVICES = (*ZOOKEEPERS, *BROKERS, "producer", "consumer", "websocket-bridge")
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
_LOOK = "id -u; grep -E '^Cap(Eff|Bnd):' /proc/1/status | cut -f2; touch /x 2>&1 || true"


def test_stack_forms_from_zero_on_three_nodes(stack: Swarm) -> None:
    """The plain `docker stack deploy` ends with each service at its replicas, topics made."""
    assert stack.replicas() == {
        **dict.fromkeys((*ZOOKEEPERS, *BROKERS), "1/1"),
        "topics": "0/1",
        "producer": "2/2",
        "consumer": "2/2",
        "websocket-bridge": "3/3",
    }
    assert stack.topics_made()


def test_identities_stand_where_their_label_is(stack: Swarm) -> None:
    """Broker n and ZooKeeper n run on node n, and a bridge on each."""
    for number, node in enumerate(NODES, start=1):
        for service in (f"kafka-{number}", f"zookeeper-{number}"):
            assert stack.container(service).node == node
    assert {container.node for container in stack.containers("websocket-bridge")} == set(NODES)


@pytest.mark.parametrize("service", SERVICES)
def test_container_is_neither_root_nor_able_to_become_it(stack: Swarm, service: str) -> None:
    """No root, no capability, no writable root file system: as the kernel sees it."""
    for container in stack.containers(service):
        seen = stack.docker("exec", container.id, "bash", "-c", _LOOK, node=container.node)
        user, effective, bounding, touched = seen.splitlines()
        assert int(user) > 0
        assert (effective, bounding) == (NO_CAPABILITY, NO_CAPABILITY)
        assert "Read-only file system" in touched


def test_no_volume_is_left_unnamed(stack: Swarm) -> None:
    """Each volume that an image declares is named or in memory: none piles up with the tasks."""
    for node in NODES:
        names = stack.docker("volume", "ls", "--quiet", node=node).splitlines()
        assert names
        assert [name for name in names if not name.startswith(f"{STACK}_")] == []


@pytest.mark.parametrize("codec", CODECS)
def test_broker_accepts_each_codec(bench: Bench, codec: str) -> None:
    """The natives of snappy and zstd load from /tmp, which is why that is no noexec tmpfs."""
    # A cluster that has just formed may not have told its brokers of the controller yet.
    wait_for(lambda: bench.ask("support.codec", BOOTSTRAP, codec), lambda said: "written" in said)


def test_bridge_answers_on_each_node_and_no_broker_does(stack: Swarm) -> None:
    """The dashboard's port is open on every node; Kafka and ZooKeeper are inside only."""
    for node in NODES:
        with urlopen(f"http://{stack.address(node)}:8080/health", timeout=30) as answer:
            assert json.load(answer)["status"] == "healthy"
        for port in (9092, 2181):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((stack.address(node), port), 10)
