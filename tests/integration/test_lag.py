"""A group's lag on a real Kafka: what it has never committed counts from the beginning."""

from collections.abc import Callable, Mapping

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from stockstream.config import Settings
from stockstream.kafka.cluster_admin import ClusterAdmin
from stockstream.local.broker import Broker
from stockstream.ops import probes
from stockstream.ops.checks import CheckFailed
from support.ticks import SYMBOLS, Ticker


@pytest.fixture
def admin(kafka: Broker) -> ClusterAdmin:
    return ClusterAdmin(Settings(kafka_bootstrap_servers=(kafka.bootstrap,)))


@pytest.fixture
def ticks(kafka: Broker, topic: str) -> dict[int, int]:
    """Write ten rounds of ticks to the topic; return how many each partition holds."""
    ticker = Ticker(kafka.bootstrap, topic)
    for _ in range(10):
        ticker.round()
    admin = ClusterAdmin(Settings(kafka_bootstrap_servers=(kafka.bootstrap,)))
    group = f"{topic}-from-the-beginning"
    commit(kafka.bootstrap, group, topic, dict.fromkeys(range(3), 0))
    held = admin.lag(group, topic)
    assert sum(held.values()) == 10 * len(SYMBOLS)
    assert all(held.values())
    return held


def commit(bootstrap: str, group: str, topic: str, positions: Mapping[int, int]) -> None:
    """Write a group's positions, as if it had read so far."""
    places = [TopicPartition(topic, p, offset) for p, offset in positions.items()]
    wanted = [ConsumerGroupTopicPartitions(group, places)]
    client = AdminClient({"bootstrap.servers": bootstrap})
    client.alter_consumer_group_offsets(wanted)[group].result(60)


def test_lag_partition_never_committed_counts_from_its_beginning(
    kafka: Broker,
    admin: ClusterAdmin,
    topic: str,
    ticks: dict[int, int],
) -> None:
    """A group that stands still on one partition of three is behind by all that is there."""
    commit(kafka.bootstrap, topic, topic, {p: ticks[p] for p in (0, 1)})
    assert admin.lag(topic, topic) == {0: 0, 1: 0, 2: ticks[2]}
    with pytest.raises(CheckFailed, match=f"expected at most 0 records, observed {ticks[2]}"):
        probes.group_lag(admin, topic, topic, 0)


def test_lag_partition_that_is_empty_need_not_be_committed(
    kafka: Broker,
    admin: ClusterAdmin,
    topic_factory: Callable[..., str],
) -> None:
    """A fresh group has no position where nothing ever was: that is no lag."""
    topic = topic_factory()
    commit(kafka.bootstrap, topic, topic, {0: 0})
    assert admin.lag(topic, topic) == {0: 0, 1: 0, 2: 0}
    assert probes.group_lag(admin, topic, topic, 0) == "0 records"


def test_lag_expired_records_of_a_partition_never_committed_do_not_count(
    kafka: Broker,
    admin: ClusterAdmin,
    topic: str,
    ticks: dict[int, int],
) -> None:
    """What Kafka has deleted can no longer be read: the partition's first offset is the start."""
    client = AdminClient({"bootstrap.servers": kafka.bootstrap})
    place = TopicPartition(topic, 2, ticks[2] - 3)
    client.delete_records([place])[place].result(60)
    commit(kafka.bootstrap, topic, topic, {p: ticks[p] for p in (0, 1)})
    assert admin.lag(topic, topic) == {0: 0, 1: 0, 2: 3}


def test_lag_group_that_never_committed_is_told_so(admin: ClusterAdmin, topic: str) -> None:
    """No position at all is not a lag of everything: the group has never run."""
    assert admin.lag("nobody", topic) == {}
    with pytest.raises(CheckFailed, match="expected nobody to have committed, observed nothing"):
        probes.group_lag(admin, "nobody", topic, 1_000)
