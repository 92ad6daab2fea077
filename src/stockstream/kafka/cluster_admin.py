"""What the operator's scripts ask of a cluster and change there: topics, and groups' lag."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import confluent_kafka as ck
import msgspec
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    OffsetSpec,
)
from confluent_kafka.cimpl import NewPartitions

from stockstream.kafka.admin import Admin


class Copies(msgspec.Struct, frozen=True):
    """Which brokers have a partition, by their ids; without a leader nobody can use it."""

    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


class TopicLayout(msgspec.Struct, frozen=True):
    """How a topic is laid out: `set_configs` are what was set for it, `configs` all in force."""

    partitions: int
    replication_factor: int
    set_configs: dict[str, str]
    configs: dict[str, str]


class ClusterAdmin(Admin):
    """An Admin that also changes topics; no call waits longer than `timeout_s`."""

    def broker_addresses(self) -> list[str]:
        """Return the host:port that each broker gives its clients.

        Raises:
            KafkaUnavailable: none answers.
        """
        try:
            brokers = self._client.list_topics(timeout=self._timeout_s).brokers.values()
        except ck.KafkaException as error:
            raise self._translate(error) from error
        return [f"{broker.host}:{broker.port}" for broker in brokers]

    def copies(self, topic: str) -> dict[int, Copies]:
        """Return which brokers have each of the topic's partitions.

        Raises:
            KafkaUnavailable: no broker answered in time.
            TopicMissing: there is no such topic.
        """
        self.describe(topic)  # its errors name what is missing
        try:
            partitions = self._client.list_topics(topic, timeout=self._timeout_s).topics[topic]
        except ck.KafkaException as error:
            raise self._translate(error) from error
        return {
            number: Copies(
                None if found.leader < 0 else found.leader,
                tuple(found.replicas),
                tuple(sorted(found.isrs)),
            )
            for number, found in sorted(partitions.partitions.items())
        }

    def layout(self, topic: str) -> TopicLayout:
        """Return the topic's partitions, copies and configs.

        Raises:
            KafkaUnavailable: no broker answered in time.
            TopicMissing: there is no such topic.
        """
        copies = self.copies(topic).values()
        wanted = ConfigResource(ConfigResource.Type.TOPIC, topic)
        entries = self._ask(self._client.describe_configs, [wanted])
        configs = {name: str(entry.value) for name, entry in entries.items()}
        own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        return TopicLayout(
            len(copies),
            min(len(found.replicas) for found in copies),
            {name: configs[name] for name, entry in entries.items() if entry.source == own},
            configs,
        )

    def change_configs(
        self, topic: str, changes: Mapping[str, str | None], dry_run: bool = False
    ) -> None:
        """Set these configs of the topic; None takes one away, so that the broker's counts.

        A dry run only asks whether Kafka would do it.

        Raises:
            KafkaError: Kafka refused them.
        """
        operations = {True: AlterConfigOpType.SET, False: AlterConfigOpType.DELETE}
        entries = [
            ConfigEntry(name, value, incremental_operation=operations[value is not None])
            for name, value in changes.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
        self._ask(self._client.incremental_alter_configs, [resource], validate_only=dry_run)

    def add_partitions(self, topic: str, partitions: int, dry_run: bool = False) -> None:
        """Give the topic this many partitions, more than it has.

        A dry run only asks whether Kafka would do it.

        Raises:
            KafkaError: Kafka refused it.
        """
        wanted = NewPartitions(topic, partitions)
        self._ask(self._client.create_partitions, [wanted], validate_only=dry_run)

    def delete(self, topic: str) -> None:
        """Delete the topic with all of its records.

        Raises:
            KafkaError: Kafka refused it.
        """
        self._ask(self._client.delete_topics, [topic])

    def least_in_sync(self, topics: Iterable[str]) -> dict[str, int]:
        """Return each topic's min.insync.replicas, the broker's where the topic has none.

        The broker reads configs from ZooKeeper: without it, each question holds a request thread.

        Raises:
            KafkaUnavailable: no broker answered in time.
        """
        wanted = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
        if not wanted:
            return {}
        futures = self._client.describe_configs(wanted, request_timeout=self._timeout_s)
        try:
            found = {r.name: future.result(self._timeout_s + 1) for r, future in futures.items()}
        except ck.KafkaException as error:
            raise self._translate(error) from error
        return {name: int(configs["min.insync.replicas"].value) for name, configs in found.items()}

    def lag(self, group: str, topic: str) -> dict[int, int]:
        """Return how many records of each partition the group has not committed yet.

        A partition that it has never committed counts from its first record: the group may stand
        still there. A group without any position is not behind, it has not begun: {}.

        Raises:
            KafkaError: the group or the topic cannot be asked about.
        """
        wanted = ck.ConsumerGroupTopicPartitions(group)
        positions = self._ask(self._client.list_consumer_group_offsets, [wanted])
        mine = [p for p in positions.topic_partitions if p.topic == topic and p.offset >= 0]
        if not mine:
            return {}
        partitions = set(range(self.describe(topic).partitions))
        begun = {p.partition: p.offset for p in mine}
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        firsts = self._offsets(topic, partitions - begun.keys(), earliest)
        ends = self._offsets(topic, partitions, latest)
        return {partition: end - (begun | firsts)[partition] for partition, end in ends.items()}

    def _offsets(self, topic: str, partitions: Iterable[int], which: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(topic, partition): which for partition in partitions}
        if not wanted:
            return {}
        futures = self._client.list_offsets(wanted, request_timeout=self._timeout_s)
        try:
            return {p.partition: self._result(found).offset for p, found in futures.items()}
        except ck.KafkaException as error:
            raise self._translate(error) from error

    def _ask(
        self, request: Callable[..., dict[Any, Any]], wanted: list[Any], **options: bool
    ) -> Any:
        """Send a request about one thing, and return the answer."""
        try:
            (future,) = request(wanted, request_timeout=self._timeout_s, **options).values()
            return self._result(future)
        except ck.KafkaException as error:
            raise self._translate(error) from error
