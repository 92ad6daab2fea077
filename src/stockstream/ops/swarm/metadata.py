"""How one broker sees the cluster, asked of it alone; and the election of preferred leaders."""

import struct

import msgspec

from stockstream.errors import KafkaError
from stockstream.ops.swarm import wire
from stockstream.ops.swarm.wire import Fields

# Metadata: the first version that names the controller. Every broker of the ZooKeeper era knows it.
_METADATA, _METADATA_VERSION = 3, 1
_ALL = struct.pack(">i", -1)
# ElectLeaders: the first version that knows the kind of an election.
_ELECT, _ELECT_VERSION = 43, 1
_PREFERRED = 0
_NOT_CONTROLLER = 41


class Partition(msgspec.Struct, frozen=True):
    """One partition as a broker knows it; `leader` is -1 where it has none."""

    topic: str
    number: int
    leader: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"


class ClusterView(msgspec.Struct, frozen=True):
    """The cluster as one broker knows it: live brokers, controller (-1: none), partitions."""

    brokers: frozenset[int]
    controller: int
    partitions: tuple[Partition, ...]


def view_from(host: str, port: int, timeout_s: float = 5.0) -> ClusterView:
    """Ask the broker at this address how it sees the cluster.

    Raises:
        KafkaUnavailable: it does not answer in time.
    """
    return wire.request((host, port), _METADATA, _METADATA_VERSION, _ALL, _view, timeout_s)


def elect_preferred_leaders(host: str, port: int, timeout_s: float = 30.0) -> None:
    """Have the controller, at this address, give each partition to the first of its replicas.

    A partition whose first replica is not in sync keeps its leader. (confluent-kafka 2.16 has
    elect_leaders, which raises SystemError whatever it is given.)

    Raises:
        KafkaError: it refused, or is not the controller any more.
    """
    body = struct.pack(">b", _PREFERRED) + _ALL + struct.pack(">i", int(timeout_s * 1000))
    error = wire.request((host, port), _ELECT, _ELECT_VERSION, body, _election_error, timeout_s)
    if error:
        why = "it is not the controller any more" if error == _NOT_CONTROLLER else "it refused"
        raise KafkaError(f"no election by {host}:{port}: {why} (error code {error})")


def _view(fields: Fields) -> ClusterView:
    brokers = fields.array(lambda: _broker(fields))
    controller = fields.int32()
    topics = fields.array(lambda: _topic(fields))
    partitions = tuple(partition for topic in topics for partition in topic)
    return ClusterView(frozenset(brokers), controller, partitions)


def _broker(fields: Fields) -> int:
    identity = fields.int32()
    fields.string()  # host
    fields.int32()  # port
    fields.string()  # rack
    return identity


def _topic(fields: Fields) -> list[Partition]:
    fields.int16()  # error
    name = fields.string()
    fields.int8()  # whether it is one of Kafka's own
    return fields.array(lambda: _partition(fields, name))


def _partition(fields: Fields, topic: str) -> Partition:
    fields.int16()  # error: that it has no leader shows in the leader
    number, leader = fields.int32(), fields.int32()
    replicas, isr = fields.array(fields.int32), fields.array(fields.int32)
    return Partition(topic, number, leader, tuple(replicas), tuple(isr))


def _election_error(fields: Fields) -> int:
    fields.int32()  # throttled for
    return fields.int16()
