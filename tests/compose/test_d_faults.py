"""validate-cluster.sh: each check goes red when its fault is there, and only what depends on it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from lab.stack import Stack, override
from stockstream.config import Settings
from stockstream.kafka.cluster_admin import ClusterAdmin
from stockstream.ops import topics
from support.waiting import wait_for

# What cannot be told while the bridge has no Kafka, or is not there.
BEHIND_BRIDGE = {"tick over WebSocket", "lag of websocket-consumers"}
BEHIND_ZOOKEEPER = {"record round trip", "topic stock_ticks as declared", *BEHIND_BRIDGE}
BEHIND_TOPIC = {"bridge healthy", *BEHIND_BRIDGE, "lag of console-consumers"}
BEHIND_KAFKA = {
    "broker from inside", "broker from the host", "topic stock_ticks",
    "topic stock_ticks as declared", "record round trip", *BEHIND_TOPIC,
}  # fmt: skip

Fault = Callable[[Stack, Path], AbstractContextManager[None]]


def stopped(service: str) -> Fault:
    @contextmanager
    def fault(stack: Stack, _: Path) -> Iterator[None]:
        stack.compose("stop", service)
        try:
            yield
        finally:
            stack.compose("start", service)

    return fault


def paused(service: str) -> Fault:
    return lambda stack, _: stack.paused(service)


@contextmanager
def one_of_two_frozen(stack: Stack, _: Path) -> Iterator[None]:
    """Freeze a second producer; the first one goes on."""
    stack.compose("up", "-d", "--no-deps", "--scale", "producer=2", "producer")
    second = stack.compose("ps", "--quiet", "producer").split()[1]
    stack.engine.docker("pause", second)
    try:
        yield
    finally:
        stack.engine.docker("unpause", second)
        stack.compose("up", "-d", "--no-deps", "--scale", "producer=1", "producer")


def changed(service: str, **entry: dict[str, str] | list[str]) -> Fault:
    """Return a fault that runs the service with another setting."""

    @contextmanager
    def fault(stack: Stack, directory: Path) -> Iterator[None]:
        file = override(directory / "override.yml", service, **entry)
        stack.compose("up", "-d", "--no-deps", service, files=(file,))
        try:
            yield
        finally:
            stack.compose("up", "-d", "--no-deps", service)

    return fault


@contextmanager
def cut_off_inside(stack: Stack, _: Path) -> Iterator[None]:
    """Let the broker refuse the other containers, but neither itself nor the host."""
    pid = str(stack.inspect()["kafka"]["State"]["Pid"])
    rule = ["INPUT", "-p", "tcp", "--dport", "9092", "!", "-i", "lo", "-j", "REJECT"]
    inside = ["nsenter", "--net", "--target", pid, "iptables"]
    stack.engine.run([*inside, "--insert", *rule, "--reject-with", "tcp-reset"])
    try:
        yield
    finally:
        stack.engine.run([*inside, "--delete", *rule, "--reject-with", "tcp-reset"])


@contextmanager
def writes_refused(stack: Stack, _: Path) -> Iterator[None]:
    """Let the broker take no record that is longer than a byte."""
    limit_message_bytes(stack, "1")
    try:
        yield
    finally:
        limit_message_bytes(stack, None)


def limit_message_bytes(stack: Stack, limit: str | None) -> None:
    """Set the broker's own limit; None is Kafka's default again."""
    operation = AlterConfigOpType.SET if limit else AlterConfigOpType.DELETE
    entry = ConfigEntry("message.max.bytes", limit, incremental_operation=operation)
    broker = ConfigResource(ConfigResource.Type.BROKER, "1", incremental_configs=[entry])
    client = AdminClient({"bootstrap.servers": f"localhost:{stack.kafka_port}"})
    client.incremental_alter_configs([broker])[broker].result(60)


@contextmanager
def no_topic(stack: Stack, _: Path) -> Iterator[None]:
    admin(stack).delete("stock_ticks")
    try:
        yield
    finally:
        stack.compose("up", "-d", "topics")


@contextmanager
def one_partition(stack: Stack, _: Path) -> Iterator[None]:
    """Make the topic anew with one partition, and as it was at the end."""
    spec = topics.load("dev")["stock_ticks"]
    recreate(stack, 1, spec.kafka_configs())
    try:
        yield
    finally:
        recreate(stack, spec.partitions, spec.kafka_configs())


def recreate(stack: Stack, partitions: int, configs: dict[str, str]) -> None:
    admin(stack).delete("stock_ticks")
    wait_for(lambda: admin(stack).create("stock_ticks", partitions, 1, configs))


@contextmanager
def behind(stack: Stack, directory: Path) -> Iterator[None]:
    """Let both consumers commit to other groups, while ticks come fast."""
    consumer = override(
        directory / "consumer.yml", "consumer", command=["consumer", "--group", "x"]
    )
    bridge = override(
        directory / "bridge.yml", "websocket-bridge", environment={"CONSUMER_GROUP": "y"}
    )
    stack.compose(
        "up", "-d", "--no-deps", "producer", "consumer", "websocket-bridge",
        files=(consumer, bridge), TICK_INTERVAL="0.01",
    )  # fmt: skip
    for group in ("console-consumers", "websocket-consumers"):
        wait_for(lambda group=group: sum(admin(stack).lag(group, "stock_ticks").values()) > 1_000)
    try:
        yield
    finally:
        stack.compose("up", "-d", "--no-deps", "producer", "consumer", "websocket-bridge")


def admin(stack: Stack) -> ClusterAdmin:
    return ClusterAdmin(Settings(kafka_bootstrap_servers=(f"localhost:{stack.kafka_port}",)))


FAULTS: list[tuple[str, Fault, set[str], set[str]]] = [
    ("ZooKeeper stopped", stopped("zookeeper"), {"zookeeper container"},
     {"ZooKeeper answers", *BEHIND_ZOOKEEPER}),
    ("ZooKeeper frozen", paused("zookeeper"), {"zookeeper container"},
     {"ZooKeeper answers", *BEHIND_ZOOKEEPER}),
    ("ZooKeeper refuses to say how it is",
     changed("zookeeper", environment={
         "KAFKA_OPTS": "-Dzookeeper.4lw.commands.whitelist=ruok"}),
     {"ZooKeeper answers"}, BEHIND_ZOOKEEPER),
    ("broker frozen", paused("kafka"), {"kafka container"}, BEHIND_KAFKA),
    ("producer stopped", stopped("producer"), {"producer container"}, BEHIND_BRIDGE),
    ("one of two producers frozen", one_of_two_frozen, {"producer container"}, BEHIND_BRIDGE),
    ("consumer stopped", stopped("consumer"), {"consumer container"},
     {"lag of console-consumers"}),
    ("bridge stopped", stopped("websocket-bridge"), {"websocket-bridge container"},
     {"bridge healthy", *BEHIND_BRIDGE}),
    ("bridge without Kafka",
     changed("websocket-bridge", environment={"KAFKA_BOOTSTRAP_SERVERS": "nowhere:9092"}),
     {"bridge healthy"}, BEHIND_BRIDGE),
    ("bridge gets no ticks",
     changed("websocket-bridge", environment={"KAFKA_TOPIC": "__consumer_offsets"}),
     {"tick over WebSocket"}, {"lag of websocket-consumers"}),
    ("topics not applied", changed("topics", command=["topics", "apply", "--phase", "test"]),
     {"topics container"}, set()),
    ("broker refuses the others", cut_off_inside, {"broker from inside"},
     {"bridge healthy", *BEHIND_BRIDGE}),
    ("broker advertises what nothing can reach",
     changed("kafka", environment={
         "KAFKA_ADVERTISED_LISTENERS": "INTERNAL://kafka:9092,EXTERNAL://localhost:1"}),
     {"broker from the host"}, BEHIND_KAFKA - {"broker from inside", "broker from the host"}),
    ("writes refused", writes_refused, {"record round trip"}, BEHIND_BRIDGE),
    ("groups behind", behind, {"lag of console-consumers", "lag of websocket-consumers"}, set()),
    ("topic with one partition", one_partition, {"topic stock_ticks as declared"}, set()),
    ("no topic", no_topic, {"topic stock_ticks"},
     {"topic stock_ticks as declared", *BEHIND_TOPIC}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "red", "following"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_validate_cluster_fault_turns_its_check_red_and_no_other(
    healthy: Stack, tmp_path: Path, fault: Fault, red: set[str], following: set[str]
) -> None:
    """A fault fails the check that is there for it; what depends on it says that it follows."""
    with fault(healthy, tmp_path):
        seen = wait_for(
            lambda: healthy.validate("--timeout", "0"),
            lambda seen: {name for name, c in seen.items() if c["status"] == "FAIL"} == red,
        )
    skipped = {name for name, check in seen.items() if check["status"] == "SKIP"}
    assert skipped == following
    assert {check["root"] for check in seen.values()} <= {None, *red}


def test_validate_cluster_old_tick_is_refused(healthy: Stack) -> None:
    """A tick that is older than allowed is no sign of life."""
    wait_for(
        lambda: healthy.validate("--timeout", "0", "--max-tick-age", "0")["tick over WebSocket"],
        lambda seen: (
            "expected a tick of the last 0 s" in seen["detail"] and seen["status"] == "FAIL"
        ),
    )


def test_validate_cluster_every_check_has_its_fault(healthy: Stack) -> None:
    """No check stands here that was never seen red."""
    assert set(healthy.validate()) == {name for _, _, red, _ in FAULTS for name in red}
