"""`stockstream check`, the look at Kafka from inside the bridge: each of its checks seen red."""

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable

import msgspec
import pytest
from confluent_kafka import Producer

from stockstream import config, tick
from stockstream.local.broker import Broker
from support.ticks import Ticker

NOWHERE = "nowhere.invalid"  # a name that no resolver may know (RFC 6761)


def run(bootstrap: str, topic: str, *options: str) -> dict[str, str]:
    """Return each check's line; the exit code has to say whether one failed."""
    done = subprocess.run(
        [sys.executable, "-m", "stockstream", "check", "--json", *options],
        env=config.child_environment(
            KAFKA_BOOTSTRAP_SERVERS=bootstrap, KAFKA_TOPIC=topic, KAFKA_LOG_LEVEL="error"
        ),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout, done.stderr
    found = msgspec.json.decode(done.stdout)
    assert done.returncode == (0 if found["ok"] else 1)
    return {c["name"]: f"{c['status']} {c['detail']}" for c in found["checks"]}


def failed(seen: dict[str, str]) -> set[str]:
    return {name for name, line in seen.items() if line.startswith("FAIL ")}


def followers(seen: dict[str, str]) -> dict[str, str]:
    return {name: line for name, line in seen.items() if line.startswith("SKIP ")}


@pytest.fixture
def ticking(kafka: Broker, topic: str) -> str:
    """Return a topic with fresh ticks."""
    Ticker(kafka.bootstrap, topic).round()
    return topic


def test_check_all_well_passes(kafka: Broker, ticking: str) -> None:
    """From the name to the newest tick, each check passes and says what it saw."""
    seen = run(kafka.bootstrap, ticking, "--max-tick-age", "3600")
    assert list(seen) == [
        "name 127.0.0.1", f"connection {kafka.bootstrap}", "Kafka answers", f"topic {ticking}",
        "newest tick",
    ]  # fmt: skip
    assert all(line.startswith("PASS ") for line in seen.values())
    assert seen[f"topic {ticking}"] == "PASS 3 partitions"


def test_check_name_that_does_not_resolve_fails(topic: str) -> None:
    """Without an address nothing else can be asked."""
    seen = run(f"{NOWHERE}:9092", topic)
    assert failed(seen) == {f"name {NOWHERE}"}
    assert f"no address for {NOWHERE}: " in seen[f"name {NOWHERE}"]
    follows = f"SKIP follows from name {NOWHERE}"
    assert followers(seen) == {
        f"connection {NOWHERE}:9092": follows, "Kafka answers": follows,
        f"topic {topic}": follows, "newest tick": follows,
    }  # fmt: skip


def test_check_nothing_listening_fails(topic: str, free_port: int) -> None:
    """A port where nobody listens is named."""
    connection = f"connection 127.0.0.1:{free_port}"
    seen = run(f"127.0.0.1:{free_port}", topic)
    assert failed(seen) == {connection}
    assert seen[connection].startswith(f"FAIL no connection to 127.0.0.1:{free_port}: ")
    follows = f"SKIP follows from {connection}"
    assert followers(seen) == dict.fromkeys(
        ("Kafka answers", f"topic {topic}", "newest tick"), follows
    )


def test_check_one_broker_of_two_away_fails_alone(
    kafka: Broker, ticking: str, free_port: int
) -> None:
    """A broker that is away is told; Kafka is asked at the other."""
    both = f"127.0.0.1:{free_port},{kafka.bootstrap}"
    seen = run(both, ticking, "--max-tick-age", "3600")
    assert failed(seen) == {f"connection 127.0.0.1:{free_port}"}
    assert followers(seen) == {}


def test_check_something_else_than_kafka_fails(topic: str) -> None:
    """What takes a connection and never answers is no Kafka."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        seen = run(f"127.0.0.1:{port}", topic)
    assert failed(seen) == {"Kafka answers"}
    assert f"no broker answers at 127.0.0.1:{port}" in seen["Kafka answers"]
    assert set(followers(seen).values()) == {"SKIP follows from Kafka answers"}
    assert set(followers(seen)) == {f"topic {topic}", "newest tick"}


def test_check_missing_topic_fails(kafka: Broker) -> None:
    """A topic that is not there is told with what creates it."""
    name = f"missing-{uuid.uuid4()}"
    seen = run(kafka.bootstrap, name)
    assert failed(seen) == {f"topic {name}"}
    assert "`stockstream topics apply` creates those" in seen[f"topic {name}"]
    assert followers(seen) == {"newest tick": f"SKIP follows from topic {name}"}


def test_check_topic_without_a_tick_fails(kafka: Broker, topic: str) -> None:
    """An empty topic has no newest tick."""
    seen = run(kafka.bootstrap, topic)
    assert failed(seen) == {"newest tick"}
    assert seen["newest tick"] == "FAIL no tick on the topic"


def test_check_old_tick_fails_with_its_age(
    kafka: Broker, topic_factory: Callable[..., str]
) -> None:
    """The age is that of the tick's own time, however new its record is."""
    topic, made_ms = topic_factory(), time.time_ns() // 1_000_000 - 3_600_000
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topic, tick.encode(tick.Tick("AAPL", 1.5, 1, made_ms, 1)), "AAPL")
    assert producer.flush(60) == 0
    seen = run(kafka.bootstrap, topic)
    assert failed(seen) == {"newest tick"}
    assert seen["newest tick"].startswith("FAIL expected at most 30 s old, observed 36")
    assert failed(run(kafka.bootstrap, topic, "--max-tick-age", "7200")) == set()


def test_check_other_records_are_no_ticks(kafka: Broker, topic: str) -> None:
    """A record that is no tick has no age that could be told."""
    ticker = Ticker(kafka.bootstrap, topic)
    ticker.record("AAPL", b"no tick")
    ticker.flush()
    seen = run(kafka.bootstrap, topic)
    assert failed(seen) == {"newest tick"}
    assert seen["newest tick"] == "FAIL expected a tick as the newest record, observed others only"
