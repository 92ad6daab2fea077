"""`stockstream topics` on a real Kafka."""

import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from stockstream import config
from stockstream.errors import KafkaError, KafkaUnavailable
from stockstream.kafka import Admin
from stockstream.local.broker import Broker
from stockstream.ops import topics
from stockstream.ops.topics import TopicSpec


@pytest.fixture
def admin(kafka: Broker) -> Admin:
    return Admin(config.load({"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap}))


@pytest.fixture
def name() -> str:
    """Return a name that no topic has."""
    return f"topics-{uuid.uuid4()}"


def configs_of(bootstrap: str, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    client = AdminClient({"bootstrap.servers": bootstrap})
    found = client.describe_configs([resource])[resource].result(60)
    return {key: str(entry.value) for key, entry in found.items()}


def test_apply_missing_topic_is_created_as_the_file_says(
    kafka: Broker, admin: Admin, name: str
) -> None:
    """Partitions and configs on the broker are those of config/topics.yml."""
    spec = topics.load("dev")["stock_ticks"]
    assert [*topics.apply(admin, {name: spec})][0].startswith(f"{name}: created, 3 partitions")
    assert admin.describe(name).partitions == 3
    assert spec.kafka_configs().items() <= configs_of(kafka.bootstrap, name).items()


def test_apply_again_leaves_the_topic_alone(kafka: Broker, admin: Admin, name: str) -> None:
    """A topic that is there keeps its id, its partitions and its configs, whatever is wanted."""
    [*topics.apply(admin, {name: TopicSpec(2, 1, {"retention.ms": 1000})})]
    before = admin.describe(name)
    (line,) = topics.apply(admin, {name: topics.load("dev")["stock_ticks"]})
    assert line == f"{name}: is there, left alone, 2 partitions, id {before.id}"
    assert admin.describe(name) == before
    assert configs_of(kafka.bootstrap, name)["retention.ms"] == "1000"


def test_apply_unknown_config_is_refused_with_its_name(admin: Admin, name: str) -> None:
    """Kafka's own words say which config it does not know; no topic is made."""
    with pytest.raises(KafkaError, match=r"retention\.seconds"):
        [*topics.apply(admin, {name: TopicSpec(1, 1, {"retention.seconds": 1})})]
    assert [*topics.describe(admin, [name])] == [f"{name}: missing"]


def test_apply_too_few_brokers_ends_with_what_was_seen(admin: Admin, name: str) -> None:
    """It waits for the brokers that the replicas need, for the time given and no longer."""
    with pytest.raises(KafkaUnavailable, match=f"{name}: expected 3 brokers, observed 1"):
        [*topics.apply(admin, {name: TopicSpec(1, 3)}, timeout_s=1)]


def test_topics_command_applies_and_describes(broker_factory: Callable[[], Broker]) -> None:
    """The command creates the topic of the shipped file, and shows it."""
    broker = broker_factory()

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "stockstream", "topics", *arguments],
            env=config.child_environment(KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap),
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout

    assert run("describe") == "stock_ticks: missing\n"
    assert run("apply").startswith("stock_ticks: created, 3 partitions, id ")
    assert run("apply", "--phase", "dev").startswith("stock_ticks: is there, left alone")
    assert run("describe").startswith("stock_ticks: 3 partitions, id ")


def test_topics_command_without_kafka_ends_with_1_and_one_line(free_port: int) -> None:
    """Its wait is bounded; the last error is the last line."""
    done = subprocess.run(
        [sys.executable, "-m", "stockstream", "topics", "apply", "--timeout", "1"],
        env=config.child_environment(KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}"),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "stockstream: stock_ticks: expected 1 brokers, observed 0 (no broker answers at 127.0.0.1:"
    )
