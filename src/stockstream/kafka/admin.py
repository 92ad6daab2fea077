"""Asks the cluster about its topics, and creates them."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import confluent_kafka as ck
import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stockstream.config import Settings
from stockstream.errors import KafkaError, KafkaUnavailable, TopicMissing
from stockstream.kafka.client import client_options, translate

#: An admin client that gets no answer is replaced at most so often.
RENEW_S = 10.0

# How the cluster id of librdkafka's in-process broker begins.
_IN_PROCESS = "mockCluster"


class TopicInfo(msgspec.Struct, frozen=True):
    """What the cluster says of a topic; `id` is None where the broker has no topic ids."""

    name: str
    id: str | None
    partitions: int


class Admin:
    """Asks the cluster about its topics; no call waits longer than `timeout_s`."""

    def __init__(self, settings: Settings, timeout_s: float = 5.0) -> None:
        self._options = client_options(settings)
        self._bootstrap = settings.bootstrap
        self._timeout_s = timeout_s
        self._connect()

    def _connect(self) -> None:
        self._client = AdminClient(self._options)
        self._connected_s = time.monotonic()

    def describe(self, topic: str) -> TopicInfo:
        """Return the topic's id and number of partitions.

        Raises:
            KafkaUnavailable: no broker answered in time.
            TopicMissing: there is no such topic.
        """
        try:
            cluster = self._client.list_topics(topic, timeout=self._timeout_s)
            found = cluster.topics[topic]
            if found.error is not None:
                raise self._translate(found.error, topic)
            # Asking the in-process broker for the id would only time out.
            in_process = (cluster.cluster_id or "").startswith(_IN_PROCESS)
            topic_id = None if in_process else self._topic_id(topic)
            return TopicInfo(topic, topic_id, len(found.partitions))
        except ck.KafkaException as error:
            raise self._translate(error, topic) from error

    def commit(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """Write the positions to a group that has no members, for the tools that show lag.

        Raises:
            KafkaError: Kafka refused it, or did not answer in time.
        """
        places = [TopicPartition(topic, p, offset) for p, offset in positions.items()]
        wanted = ConsumerGroupTopicPartitions(group, places)
        future = self._client.alter_consumer_group_offsets(
            [wanted], request_timeout=self._timeout_s
        )[group]
        try:
            self._result(future)
        except ck.KafkaException as error:
            raise self._translate(error, topic) from error

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
        self,
        topic: str,
        partitions: int,
        replication_factor: int,
        configs: Mapping[str, str],
        dry_run: bool = False,
    ) -> bool:
        """Create the topic; return False where it is already there, whatever it looks like.

        A dry run only asks whether it would be created.

        Raises:
            KafkaError: Kafka refused it.
        """
        wanted = NewTopic(topic, partitions, replication_factor, config=dict(configs))
        future = self._client.create_topics(
            [wanted], request_timeout=self._timeout_s, validate_only=dry_run
        )[topic]
        try:
            self._result(future)
        except ck.KafkaException as error:
            if error.args[0].code() == ck.KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise self._translate(error) from error
        return True

    def _result(self, future: Future[Any]) -> Any:
        """Return what the request brought; librdkafka itself ends it after `timeout_s`."""
        try:
            return future.result(self._timeout_s + 1)
        except TimeoutError as error:
            raise KafkaUnavailable(f"no answer within {self._timeout_s + 1:g} s") from error

    def _translate(self, error: ck.KafkaException | ck.KafkaError, topic: str = "") -> KafkaError:
        found = translate(error)
        if isinstance(found, TopicMissing):
            return TopicMissing(
                f"topic {topic} does not exist; `stockstream topics apply` creates those of "
                "config/topics.yml"
            )
        if isinstance(found, KafkaUnavailable):
            # It may be cut off (see `Report.cut_off`), which an admin client cannot tell.
            if time.monotonic() - self._connected_s > RENEW_S:
                self._connect()
            return KafkaUnavailable(f"no broker answers at {self._bootstrap}: {found}")
        return found

    def _topic_id(self, topic: str) -> str | None:
        """Return the topic's id; an old broker has none."""
        wanted = ck.TopicCollection([topic])
        future = self._client.describe_topics(wanted, request_timeout=self._timeout_s)[topic]
        try:
            return str(self._result(future).topic_id)
        except ck.KafkaException as error:
            if error.args[0].code() == ck.KafkaError._UNSUPPORTED_FEATURE:
                return None
            raise
