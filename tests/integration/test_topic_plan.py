"""Topics on a real Kafka are brought to what is declared, and what would lose ticks is refused."""

from collections.abc import Callable

import pytest

from stockstream.config import Settings
from stockstream.errors import TopicMissing
from stockstream.kafka_admin import ClusterAdmin
from stockstream.ops.topic_plan import Permissions, carry_out, plan
from stockstream.ops.topics import TopicSpec
from support.waiting import wait_for

SYMBOLS = ("AAPL", "GOOGL", "AMZN", "TSLA", "MSFT")
DAY_MS, HOUR_MS = 86_400_000, 3_600_000


@pytest.fixture
def admin(kafka) -> ClusterAdmin:  # type: ignore[no-untyped-def]
    return ClusterAdmin(Settings(kafka_bootstrap_servers=(kafka.bootstrap,)))


def steps(admin: ClusterAdmin, name: str, spec: TopicSpec, **may: bool) -> list[str]:
    return [str(step) for step in plan(admin, {name: spec}, SYMBOLS, Permissions(**may))]


def wait_until_done(admin: ClusterAdmin, name: str, spec: TopicSpec) -> None:
    """Wait until nothing is left to do: the broker takes a moment to know of a change."""
    wait_for(lambda: steps(admin, name, spec), lambda seen: seen == [])


@pytest.fixture
def known_topic(admin: ClusterAdmin, topic_factory: Callable[..., str]) -> Callable[..., str]:
    """Return a function that makes a topic, and waits until the broker knows its configs."""

    def create(**configs: str) -> str:
        name = topic_factory(**configs)
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
    wanted = plan(admin, {name: declared}, SYMBOLS, Permissions())
    assert list(carry_out(admin, wanted)) == [
        f"{name}: retention.ms 3600000 -> 86400000",
        f"{name}: segment.ms 604800000 -> 3600000",
        f"{name}: max.message.bytes 2000000 -> (the default)",
    ]
    wait_until_done(admin, name, declared)
    assert admin.layout(name).set_configs == {"retention.ms": "86400000", "segment.ms": "3600000"}


def test_plan_fewer_partitions_are_refused_for_good(
    admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """Kafka cannot take partitions away, and no permission changes that."""
    (step,) = steps(admin, known_topic(), TopicSpec(2, 1), rekey=True, data_loss=True)
    assert "refused: partitions 3 -> 2: Kafka cannot take partitions away" in step


def test_plan_more_partitions_are_refused_with_the_symbols_that_would_move(
    admin: ClusterAdmin, known_topic: Callable[..., str]
) -> None:
    """More partitions move symbols: they are named, and only --allow-rekey lets it happen."""
    name, declared = known_topic(), TopicSpec(4, 1)
    (step,) = steps(admin, name, declared)
    assert "refused: partitions 3 -> 4: " in step
    # murmur2 of each key, modulo 3 and modulo 4; GOOGL stays.
    assert "AAPL, AMZN, TSLA, MSFT would move" in step
    list(carry_out(admin, plan(admin, {name: declared}, SYMBOLS, Permissions(rekey=True))))
    wait_until_done(admin, name, declared)
    assert admin.layout(name).partitions == 4


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
    ],
)
def test_plan_shorter_retention_is_refused_unless_allowed(
    admin: ClusterAdmin,
    known_topic: Callable[..., str],
    set_before: dict[str, str],
    declared: dict[str, str | int | float | bool],
) -> None:
    """What would drop ticks that are kept now happens with --allow-data-loss only."""
    name, spec = known_topic(**set_before), TopicSpec(3, 1, declared)
    (step,) = steps(admin, name, spec)
    assert "refused: " in step
    assert "--allow-data-loss" in step
    list(carry_out(admin, plan(admin, {name: spec}, SYMBOLS, Permissions(data_loss=True))))
    wait_until_done(admin, name, spec)
