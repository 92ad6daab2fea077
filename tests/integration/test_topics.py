"""`stockstream topics` on a real Kafka."""

import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from stockstream import config
from stockstream.errors import KafkaError, KafkaUnavailable, TopicMissing
from stockstream.kafka.admin import Admin
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
    with pytest.raises(TopicMissing):
        admin.describe(name)


def test_apply_too_few_brokers_ends_with_what_was_seen(admin: Admin, name: str) -> None:
    """It waits for the brokers that the replicas need, for the time given and no longer."""
    with pytest.raises(KafkaUnavailable, match=f"{name}: expected 3 brokers, observed 1"):
        [*topics.apply(admin, {name: TopicSpec(1, 3)}, timeout_s=1)]


def command(bootstrap: str, *arguments: str, file: str = "") -> subprocess.CompletedProcess[str]:
    """Run `stockstream topics ARGUMENTS`, with this text in the place of config/topics.yml."""
    given = ["--file", "-"] if file else []
    return subprocess.run(
        [sys.executable, "-m", "stockstream", "topics", *arguments, *given],
        env=config.child_environment(KAFKA_BOOTSTRAP_SERVERS=bootstrap),
        capture_output=True, text=True, input=file,
    )  # fmt: skip


def test_topics_command_applies_and_describes(broker_factory: Callable[[], Broker]) -> None:
    """The command creates the topic of the shipped file, and shows it."""
    bootstrap = broker_factory().bootstrap

    def run(*arguments: str) -> str:
        done = command(bootstrap, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("describe") == "stock_ticks: missing\n"
    assert run("apply").startswith("stock_ticks: created, 3 partitions, id ")
    assert run("apply", "--phase", "dev").startswith("stock_ticks: is there, left alone")
    lines = run("describe").splitlines()
    assert lines[0].startswith("stock_ticks: 3 partitions, replication factor 1, id ")
    assert lines[1:] == [
        *(f"  partition {number}: leader 1, replicas 1, in sync 1" for number in range(3)),
        "  configs: message.timestamp.type=LogAppendTime, retention.ms=86400000, "
        "segment.ms=3600000",
    ]
    assert run("describe", "--no-configs").splitlines() == lines[:-1]


def declared(**topics: str) -> str:
    """Return a topics file with these topics of one replica; the value is the rest of each."""
    entries = (f"  {name}: {{replication_factor: 1, {rest}}}\n" for name, rest in topics.items())
    return "dev:\n" + "".join(entries)


def test_topics_command_refusal_leaves_every_topic_as_it_is(
    kafka: Broker, admin: Admin, name: str
) -> None:
    """Where one topic's change is refused, no other is created or changed before it."""
    assert command(kafka.bootstrap, "apply", file=declared(**{name: "partitions: 2"})).stdout
    file = declared(
        **{f"{name}-first": "partitions: 1", name: "partitions: 1", f"{name}-last": "partitions: 1"}
    )
    done = command(kafka.bootstrap, "apply", file=file)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{name}: refused: partitions 2 -> 1: ")
    for missing in (f"{name}-first", f"{name}-last"):
        with pytest.raises(TopicMissing):
            admin.describe(missing)


def test_topics_command_unknown_config_leaves_every_topic_as_it_is(
    kafka: Broker, admin: Admin, name: str
) -> None:
    """What Kafka itself would refuse is found out before the first topic is created."""
    bad = "partitions: 1, configs: {retention.seconds: 1}"
    file = declared(**{f"{name}-first": "partitions: 1", name: bad})
    done = command(kafka.bootstrap, "apply", file=file)
    assert done.returncode == 1
    assert "retention.seconds" in done.stderr
    with pytest.raises(TopicMissing):
        admin.describe(f"{name}-first")


def test_topics_command_bad_value_leaves_every_topic_as_it_is(kafka: Broker, name: str) -> None:
    """A value that Kafka does not take for a running topic stops the others' changes too."""
    both = {f"{name}-first": "partitions: 1", name: "partitions: 1"}
    assert command(kafka.bootstrap, "apply", file=declared(**both)).returncode == 0
    before = command(kafka.bootstrap, "describe", file=declared(**both)).stdout
    both = {
        f"{name}-first": "partitions: 2, configs: {segment.ms: 3600000}",
        name: "partitions: 1, configs: {segment.ms: soon}",
    }
    done = command(kafka.bootstrap, "apply", "--allow-rekey", file=declared(**both))
    assert done.returncode == 1
    assert "segment.ms" in done.stderr
    assert command(kafka.bootstrap, "describe", file=declared(**both)).stdout == before


def test_topics_command_changed_topic_is_not_called_left_alone(kafka: Broker, name: str) -> None:
    """Each topic has its own lines: what was created, changed, or is as declared."""
    file = declared(**{name: "partitions: 1", f"{name}-same": "partitions: 1"})
    assert command(kafka.bootstrap, "apply", file=file).returncode == 0
    changed = "partitions: 1, configs: {segment.ms: 3600000}"
    file = declared(**{
        name: changed, f"{name}-same": "partitions: 1", f"{name}-new": "partitions: 1",
    })  # fmt: skip
    done = command(kafka.bootstrap, "apply", file=file)
    assert done.returncode == 0, done.stderr
    same, change, new = done.stdout.splitlines()
    assert same.startswith(f"{name}-same: is there, left alone, 1 partitions, id ")
    assert change == f"{name}: segment.ms 604800000 -> 3600000"
    assert new.startswith(f"{name}-new: created, 1 partitions, id ")


def test_topics_command_bad_retention_ends_with_2_and_its_place(kafka: Broker, name: str) -> None:
    """A value that is no number is told with topic, key and value, not with a traceback."""
    file = declared(**{name: "partitions: 1, configs: {retention.ms: 24h}"})
    for verb in ("plan", "apply"):
        done = command(kafka.bootstrap, verb, file=file)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert f"dev.{name}: retention.ms=24h: expected a whole number of ms" in line


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
