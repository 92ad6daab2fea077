"""Topics on a real Kafka are brought to what is declared, and what would lose ticks is refused."""

from collections.abc import Callable
from functools import partial

import pytest

from stockstream.config import Settings
from stockstream.errors import TopicMissing
from stockstream.kafka.cluster_admin import ClusterAdmin
from stockstream.local.broker import Broker
from stockstream.ops.topic_apply import carry_out, newest_symbols
from stockstream.ops.topic_plan import Permissions, plan
from stockstream.ops.topics import TopicSpec
from support.ticks import SYMBOLS, Ticker
from support.waiting import wait_for

DAY_MS, HOUR_MS = 86_400_000, 3_600_000


@pytest.fixture
def admin(kafka: Broker) -> ClusterAdmin:
    return ClusterAdmin(Settings(kafka_bootstrap_servers=(kafka.bootstrap,)))


def steps(admin: ClusterAdmin, name: str, spec: TopicSpec, **may: bool) -> list[str]:
    return [str(step) for step in plan(admin, {name: spec}, Permissions(**may))]


def change(admin: ClusterAdmin, name: str, spec: TopicSpec, **may: bool) -> list[str]:
    """Make the topic what is declared, and return the lines on it."""
    specs = {name: spec}
    return list(carry_out(admin, specs, plan(admin, specs, Permissions(**may))))


def wait_until_done(admin: ClusterAdmin, name: str, spec: TopicSpec) -> None:
    """Wait until nothing is left to do: the broker takes a moment to know of a change."""
    wait_for(lambda: steps(admin, name, spec), lambda seen: seen == [])


@pytest.fixture
def known_topic(admin: ClusterAdmin, topic_factory: Callable[..., str]) -> Callable[..., str]:
    """Return a function that makes a topic, and waits until the broker knows its configs."""

    def create(**configs: str) -> str:
        name = topic_factory(message_timestamp_type="", **configs)
        wait_for(lambda: set_configs(admin, name), lambda seen: seen == len(configs))
        return name

    return create


def set_configs(admin: ClusterAdmin, name: str) -> int | None:
    """Return how many configs the topic has of its own, None while the broker does not know it."""
    try:
        return len(admin.layout(name).set_configs)
    except TopicMissing:
        return None


def test_plan_topic_as_declared_has_nothing_to_do(
    admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """A topic that is as it is declared needs no step."""
    name = known_topic(retention_ms=str(DAY_MS))
    assert steps(admin, name, TopicSpec(3, 1, {"retention.ms": DAY_MS})) == []


def test_plan_missing_topic_is_to_be_created(admin: ClusterAdmin) -> None:
    """A topic that is not there is created, whatever may be refused otherwise."""
    assert steps(admin, "not-there", TopicSpec(3, 1)) == ["not-there: create with 3 partitions"]


def test_carry_out_changed_configs_are_set_and_a_second_run_does_nothing(
    admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """A config that differs is set, one that is not declared goes, and then all is as declared."""
    name = known_topic(retention_ms=str(HOUR_MS), max_message_bytes="2000000")
    declared = TopicSpec(3, 1, {"retention.ms": DAY_MS, "segment.ms": HOUR_MS})
    assert change(admin, name, declared) == [
        f"{name}: retention.ms 3600000 -> 86400000",
        f"{name}: segment.ms 604800000 -> 3600000",
        f"{name}: max.message.bytes 2000000 -> (the default)",
    ]
    wait_until_done(admin, name, declared)
    assert admin.layout(name).set_configs == {"retention.ms": "86400000", "segment.ms": "3600000"}


def test_carry_out_topic_from_before_gets_the_arrival_in_its_records(
    admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """A topic with its producers' times becomes one with the broker's by a plain change."""
    name = known_topic()
    declared = TopicSpec(3, 1, {"message.timestamp.type": "LogAppendTime"})
    line = f"{name}: message.timestamp.type CreateTime -> LogAppendTime"
    assert change(admin, name, declared) == [line]
    wait_until_done(admin, name, declared)


def test_plan_fewer_partitions_are_refused_for_good(
    admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """Kafka cannot take partitions away, and no permission changes that."""
    (step,) = steps(admin, known_topic(), TopicSpec(2, 1), rekey=True, data_loss=True)
    assert "refused: partitions 3 -> 2: Kafka cannot take partitions away" in step


def test_plan_more_partitions_are_refused_with_the_symbols_that_would_move(
    kafka: Broker, admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """More partitions move symbols: those of the topic's ticks, whatever is configured here."""
    name, declared = known_topic(), TopicSpec(4, 1)
    Ticker(kafka.bootstrap, name).round((*SYMBOLS[:3], "NVDA"))
    settings = Settings(kafka_bootstrap_servers=(kafka.bootstrap,), stock_symbols=("TSLA",))
    symbols = partial(newest_symbols, settings)
    (step,) = plan(admin, {name: declared}, Permissions(), symbols)
    # murmur2 of each key, modulo 3 and modulo 4; GOOGL stays.
    assert "refused: partitions 3 -> 4: AAPL, AMZN, NVDA would move" in str(step)
    assert change(admin, name, declared, rekey=True) == [f"{name}: partitions 3 -> 4"]
    wait_until_done(admin, name, declared)
    assert admin.layout(name).partitions == 4


def test_plan_more_partitions_of_an_empty_topic_name_no_symbol(
    kafka: Broker, admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """Where no tick is, none is named; it is refused all the same."""
    symbols = partial(newest_symbols, Settings(kafka_bootstrap_servers=(kafka.bootstrap,)))
    (step,) = plan(admin, {known_topic(): TopicSpec(4, 1)}, Permissions(), symbols)
    assert "no symbol of its newest ticks, but perhaps others would move" in step.refusal


def test_plan_other_replication_is_refused(
    admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """Copies are not moved by a script that creates topics."""
    (step,) = steps(admin, known_topic(), TopicSpec(3, 2), rekey=True, data_loss=True)
    assert "refused: replication factor 1 -> 2: " in step
    assert "kafka-reassign-partitions" in step


@pytest.mark.parametrize(
    ("set_before", "declared"),
    [
        ({"retention_ms": str(DAY_MS)}, {"retention.ms": HOUR_MS}),
        ({"retention_ms": "-1"}, {"retention.ms": DAY_MS}),
        ({}, {"retention.bytes": 1_000_000}),
        ({}, {"cleanup.policy": "compact"}),
        ({"retention_ms": str(DAY_MS)}, {}),
        ({}, {"unclean.leader.election.enable": True}),
        ({"unclean_leader_election_enable": "false"}, {}),
        ({"min_insync_replicas": "2"}, {"min.insync.replicas": 1}),
        ({"min_insync_replicas": "2"}, {}),
    ],
)
def test_plan_what_may_lose_ticks_is_refused_unless_allowed(
    admin: ClusterAdmin,
    known_topic: Callable[..., str],
    set_before: dict[str, str],
    declared: dict[str, str | int | float | bool],
) -> None:
    """What drops ticks, or lets acknowledged ones be lost, needs --allow-data-loss."""
    name, spec = known_topic(**set_before), TopicSpec(3, 1, declared)
    (step,) = steps(admin, name, spec)
    assert "refused: " in step
    assert "--allow-data-loss" in step
    change(admin, name, spec, data_loss=True)
    wait_until_done(admin, name, spec)


@pytest.mark.parametrize(
    ("set_before", "declared"),
    [
        ({"unclean_leader_election_enable": "true"}, {}),
        ({"unclean_leader_election_enable": "true"}, {"unclean.leader.election.enable": False}),
        ({}, {"unclean.leader.election.enable": False}),
        ({"min_insync_replicas": "1"}, {}),
        ({}, {"min.insync.replicas": 1}),
        ({"retention_ms": str(HOUR_MS)}, {"retention.ms": DAY_MS}),
    ],
)
def test_plan_what_loses_nothing_needs_no_permission(
    admin: ClusterAdmin,
    known_topic: Callable[..., str],
    set_before: dict[str, str],
    declared: dict[str, str | int | float | bool],
) -> None:
    """A change that keeps ticks at least as well as before is simply made."""
    name, spec = known_topic(**set_before), TopicSpec(3, 1, declared)
    (line,) = change(admin, name, spec)
    assert "refused" not in line
    wait_until_done(admin, name, spec)
