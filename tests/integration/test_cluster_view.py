"""The Metadata request of ours against a real broker."""

import socket
from collections.abc import Callable

import pytest

from stockstream.config import Settings
from stockstream.errors import KafkaUnavailable
from stockstream.kafka.admin import Admin
from stockstream.ops.swarm import metadata


def address(bootstrap: str) -> tuple[str, int]:
    host, _, port = bootstrap.rpartition(":")
    return host, int(port)


def test_view_from_a_broker_names_brokers_controller_and_partitions(
    kafka: object, topic_factory: Callable[..., str]
) -> None:
    """What it reads is what librdkafka's own client reads."""
    name, bootstrap = topic_factory(partitions=3), kafka.bootstrap  # type: ignore[attr-defined]
    seen = metadata.view_from(*address(bootstrap))
    assert len(seen.brokers) == Admin(Settings(kafka_bootstrap_servers=(bootstrap,))).broker_count()
    assert seen.controller in seen.brokers
    mine = sorted((p for p in seen.partitions if p.topic == name), key=lambda p: p.number)
    assert [p.number for p in mine] == [0, 1, 2]
    assert all(p.leader in seen.brokers and p.isr == p.replicas for p in mine)


def test_election_of_preferred_leaders_is_accepted(kafka: object) -> None:
    """A broker takes the request; there is nothing to do where each leads already."""
    metadata.elect_preferred_leaders(*address(kafka.bootstrap))  # type: ignore[attr-defined]


def test_view_from_nothing_is_unavailable(free_port: int) -> None:
    """Nobody listens: the address is in the error."""
    with pytest.raises(KafkaUnavailable, match=f"localhost:{free_port}"):
        metadata.view_from("localhost", free_port, 1.0)


def test_view_from_one_that_does_not_answer_ends_in_time() -> None:
    """A frozen broker takes the connection and says nothing."""
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, pytest.raises(KafkaUnavailable, match="timed out"):
        metadata.view_from("127.0.0.1", silent.getsockname()[1], 0.2)
