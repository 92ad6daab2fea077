"""The only module that knows confluent_kafka: clients, facts of the topic, errors in our words."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

import confluent_kafka as ck
import msgspec
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stockstream.config import Settings
from stockstream.errors import KafkaError, KafkaUnavailable, TopicMissing

#: One record as librdkafka hands it over: value(), key(), partition(), offset(), error().
Record = ck.Message

# librdkafka takes syslog's numbers.
_SYSLOG = {"error": 3, "warning": 4, "info": 6, "debug": 7}

_E = ck.KafkaError
_UNAVAILABLE = {
    _E._TRANSPORT, _E._TIMED_OUT, _E._ALL_BROKERS_DOWN, _E._RESOLVE, _E._WAIT_COORD,
    _E.LEADER_NOT_AVAILABLE, _E.BROKER_NOT_AVAILABLE, _E.REQUEST_TIMED_OUT,
    _E.COORDINATOR_NOT_AVAILABLE, _E.COORDINATOR_LOAD_IN_PROGRESS, _E.NOT_COORDINATOR,
}  # fmt: skip
_MISSING = {_E.UNKNOWN_TOPIC_OR_PART, _E._UNKNOWN_TOPIC, _E._UNKNOWN_PARTITION}


class TopicInfo(msgspec.Struct, frozen=True):
    """What the cluster says of a topic; `id` is None where the broker has no topic ids."""

    name: str
    id: str | None
    partitions: int


def translate(error: Any) -> KafkaError:
    """Return our error for librdkafka's KafkaError or KafkaException."""
    cause = error.args[0] if isinstance(error, ck.KafkaException) else error
    if not isinstance(cause, ck.KafkaError):
        return KafkaError(str(cause))
    if cause.code() in _UNAVAILABLE:
        return KafkaUnavailable(cause.str())
    if cause.code() in _MISSING:
        return TopicMissing(cause.str())
    return KafkaError(cause.str())


def client_options(settings: Settings) -> dict[str, Any]:
    """Return what every client of ours is created with."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "client.id": "stockstream",
        "log_level": _SYSLOG[settings.kafka_log_level],
        "log.connection.close": False,
        # Back within a second of the broker's return; the default's 10 s is a long gap.
        "reconnect.backoff.max.ms": 1000,
        # With its default, all brokers down means a new set of brokers and no back-off: 20 tries
        # and log lines a second. Our brokers keep their names.
        "metadata.recovery.strategy": "none",
        "allow.auto.create.topics": False,
        "socket.keepalive.enable": True,
    }
    if settings.kafka_log_level == "debug":
        options["debug"] = "broker,topic,cgrp,fetch,msg"
    return options


class Admin:
    """Asks the cluster about its topics; no call waits longer than `timeout_s`."""

    def __init__(self, settings: Settings, timeout_s: float = 5.0) -> None:
        self._client = AdminClient(client_options(settings))
        self._bootstrap = settings.bootstrap
        self._timeout_s = timeout_s

    def describe(self, topic: str) -> TopicInfo:
        """Return the topic's id and number of partitions.

        Raises:
            KafkaUnavailable: no broker answered in time.
            TopicMissing: there is no such topic.
        """
        try:
            found = self._client.list_topics(topic, timeout=self._timeout_s).topics[topic]
            if found.error is not None:
                raise translate(found.error)
            return TopicInfo(topic, self._topic_id(topic), len(found.partitions))
        except ck.KafkaException as error:
            raise self._translate(error) from error

    def broker_count(self) -> int:
        """Return how many brokers answer for the cluster.

        Raises:
            KafkaUnavailable: none does.
        """
        try:
            return len(self._client.list_topics(timeout=self._timeout_s).brokers)
        except ck.KafkaException as error:
            raise self._translate(error) from error

    def create(
        self, topic: str, partitions: int, replication_factor: int, configs: Mapping[str, str]
    ) -> bool:
        """Create the topic; return False where it is already there, whatever it looks like.

        Raises:
            KafkaError: Kafka refused it.
        """
        wanted = NewTopic(topic, partitions, replication_factor, config=dict(configs))
        future = self._client.create_topics([wanted], request_timeout=self._timeout_s)[topic]
        try:
            future.result(self._timeout_s + 1)
        except ck.KafkaException as error:
            if error.args[0].code() == _E.TOPIC_ALREADY_EXISTS:
                return False
            raise self._translate(error) from error
        return True

    def _translate(self, error: ck.KafkaException) -> KafkaError:
        found = translate(error)
        if isinstance(found, KafkaUnavailable):
            return KafkaUnavailable(f"no broker answers at {self._bootstrap}: {found}")
        return found

    def _topic_id(self, topic: str) -> str | None:
        """Return the topic's id; librdkafka's in-process broker has none."""
        wanted = ck.TopicCollection([topic])
        future = self._client.describe_topics(wanted, request_timeout=self._timeout_s)[topic]
        try:
            return str(future.result(self._timeout_s + 1).topic_id)
        except ck.KafkaException as error:
            if error.args[0].code() == _E._UNSUPPORTED_FEATURE:
                return None
            raise


class Reader:
    """Reads given partitions from given offsets; no group membership, so it sees all of them.

    `read` is meant to be called by one thread; `errors` and `statistics` are what librdkafka
    reported last, during a read.
    """

    def __init__(
        self, settings: Settings, topic: str, group: str = "", statistics_s: float = 0
    ) -> None:
        self._topic = topic
        self.error: str | None = None
        self.failed_commits = 0
        self.statistics: bytes = b""
        self.statistics_at = time.monotonic()
        self._consumer = ck.Consumer(
            {
                **client_options(settings),
                # librdkafka wants a name even where nothing joins; a random one cannot clash.
                "group.id": group or f"reader-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # An offset that retention took goes to the earliest; the caller sees the jump.
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "statistics.interval.ms": int(statistics_s * 1000),
                "error_cb": self._on_error,
                "stats_cb": self._on_statistics,
                "on_commit": self._on_commit,
            }
        )

    def assign(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions from now on, each from its offset."""
        self._consumer.assign([self._at(p, offset) for p, offset in offsets.items()])

    def add(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions too, each from its offset."""
        self._consumer.incremental_assign([self._at(p, offset) for p, offset in offsets.items()])

    def read(self, timeout_s: float, limit: int = 10_000) -> list[Record]:
        """Wait for a first record, then take what else is already there, without waiting again."""
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        records = [first, *self._consumer.consume(limit, 0)]
        good = [record for record in records if record.error() is None]
        for record in records if len(good) < len(records) else ():
            if error := record.error():
                self._on_error(error)
        return good

    def watermarks(self, partition: int, timeout_s: float = 5.0) -> tuple[int, int]:
        """Return the partition's first offset, and the one that its next record will get."""
        try:
            found = self._consumer.get_watermark_offsets(self._at(partition), timeout=timeout_s)
        except ck.KafkaException as error:
            raise translate(error) from error
        if found is None:
            raise KafkaUnavailable(f"no answer on the offsets of partition {partition}")
        return found

    def commit(self, positions: Mapping[int, int]) -> None:
        """Write the positions to the group, so that lag shows in the usual tools.

        A commit that fails is counted in `failed_commits`; nothing depends on it.
        """
        offsets = [self._at(p, offset) for p, offset in positions.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except ck.KafkaException:
            self.failed_commits += 1

    def close(self) -> None:
        """Leave at once; nothing is committed."""
        self._consumer.close()

    def _at(self, partition: int, offset: int = ck.OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self._topic, partition, offset)

    def _on_error(self, error: ck.KafkaError) -> None:
        self.error = error.str()

    def _on_statistics(self, text: str) -> None:
        self.statistics = text.encode()
        self.statistics_at = time.monotonic()

    def _on_commit(self, error: ck.KafkaError | None, _: list[TopicPartition]) -> None:
        self.failed_commits += error is not None
