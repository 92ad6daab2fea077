"""The shipped compose file: it comes up in order, stays, keeps its data, and is locked down."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from lab.images import OURS, Images
from lab.stack import SERVICES, Stack
from stockstream.config import ROOT
from support.waiting import wait_for


@pytest.fixture(scope="module")
def up(stack: Stack) -> Stack:
    """The stack after a plain `up -d` on an engine that has none of our images."""
    stack.engine.docker("image", "rm", "--force", OURS, f"{OURS}-bridge")
    stack.compose("up", "-d")
    return stack


def started_at(stack: Stack, service: str) -> datetime:
    return datetime.fromisoformat(stack.inspect()[service]["State"]["StartedAt"][:26])


def containers(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Return each service's container, and for those that stay, since when it runs."""
    return {
        service: (entry["Id"], *([entry["State"]["StartedAt"]] if service in SERVICES else []))
        for service, entry in stack.inspect().items()
    }


def test_up_on_a_fresh_engine_builds_and_starts_everything_in_order(up: Stack) -> None:
    """One command builds the missing images and starts each service after those that it needs."""
    up.wait_until_healthy()
    order = ["zookeeper", "kafka", "topics"]
    order_of = sorted(order, key=lambda service: started_at(up, service))
    assert order_of == order
    for service in ("producer", "consumer", "websocket-bridge"):
        assert started_at(up, "topics") < started_at(up, service)
    assert up.inspect()["topics"]["State"]["ExitCode"] == 0


def test_validate_cluster_on_the_running_stack_passes(up: Stack) -> None:
    """All checks of the live validator pass, and it says so with its exit code."""
    done = up.script("validate-cluster.sh", "--timeout", "120")
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout
    assert "SKIP" not in done.stdout


def test_up_again_changes_nothing(up: Stack) -> None:
    """The same command on a running stack leaves every container as it is, and running."""
    before = containers(up)
    up.compose("up", "-d")
    assert containers(up) == before


@pytest.mark.parametrize("service", [*SERVICES, "topics"])
def test_container_is_locked_down(up: Stack, service: str) -> None:
    """No root, no capability, no writable root, a memory limit, rotated logs, and an init."""
    entry = up.inspect()[service]
    host = entry["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["Init"]
    assert host["Memory"] > 0
    assert {"max-size", "max-file"} <= set(host["LogConfig"]["Config"])
    assert entry["Config"]["User"].partition(":")[0] not in ("", "0", "root")


@pytest.mark.parametrize("service", SERVICES)
def test_process_in_the_container_has_no_rights(up: Stack, service: str) -> None:
    """What runs is not root and holds no capability, whatever the settings say."""
    status = up.compose("exec", "-T", service, "cat", "/proc/self/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split()[1] != "0"
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"


def test_networks_keep_the_broker_off_the_front_one(up: Stack) -> None:
    """The bridge stands on both networks; broker and ZooKeeper only on the back one."""
    found = {s: set(e["NetworkSettings"]["Networks"]) for s, e in up.inspect().items()}
    back, front = f"{up.project}_back", f"{up.project}_front"
    assert found["kafka"] == found["zookeeper"] == {back}
    assert found["websocket-bridge"] == {back, front}


def test_kafka_topics_in_the_container_lists_the_topic(up: Stack) -> None:
    """The command that everybody knows works in the container, at localhost:9092."""
    command = ["kafka-topics", "--bootstrap-server", "localhost:9092", "--list"]
    assert "stock_ticks" in up.compose("exec", "-T", "kafka", *command).split()


@pytest.mark.parametrize("codec", ["none", "gzip", "lz4", "snappy", "zstd"])
def test_client_on_the_host_writes_with_every_codec(up: Stack, codec: str) -> None:
    """A client on this machine reaches the broker, which takes each compression codec.

    The natives of snappy and zstd load from /tmp, which is why that is no noexec tmpfs.
    """
    producer = Producer(
        {"bootstrap.servers": f"localhost:{up.kafka_port}", "compression.type": codec}
    )
    failures: list[object] = []
    for _ in range(200):
        producer.produce(
            "stock_ticks", b"not a tick " * 20, on_delivery=lambda e, _: e and failures.append(e)
        )
    assert producer.flush(60) == 0
    assert not failures


def test_check_inside_the_bridge_passes(up: Stack) -> None:
    """`stockstream check` tells, from inside the bridge, that Kafka is well and ticks are new."""
    found = wait_for(
        lambda: json.loads(
            up.compose("exec", "-T", "websocket-bridge", "stockstream", "check", "--json")
        )
    )
    assert [check["name"] for check in found["checks"]] == [
        "name kafka", "connection kafka:9092", "Kafka answers", "topic stock_ticks", "newest tick",
    ]  # fmt: skip


def test_log_level_debug_makes_a_new_bridge_and_no_other_service(up: Stack) -> None:
    """Debug mode is a new environment, so a new container, for the bridge alone."""
    before = containers(up)
    up.compose("up", "-d", "websocket-bridge", LOG_LEVEL="debug")
    after = containers(up)
    changed = {service for service in after if after[service] != before[service]}
    assert changed == {"websocket-bridge"}
    environment = up.inspect()["websocket-bridge"]["Config"]["Env"]
    assert "LOG_LEVEL=debug" in environment


def end_offset(stack: Stack) -> int:
    command = ["kafka-get-offsets", "--bootstrap-server", "localhost:9092", "--topic"]
    listed = stack.compose("exec", "-T", "kafka", *command, "stock_ticks")
    return sum(int(line.rpartition(":")[2]) for line in listed.split())


def test_down_and_up_keeps_the_ticks(up: Stack) -> None:
    """The data outlives the containers."""
    up.compose("stop", "producer")
    before = end_offset(up)
    assert before > 0
    up.compose("down")
    up.compose("up", "-d", "kafka")
    wait_for(lambda: end_offset(up), lambda seen: seen == before)


def test_reset_clears_also_what_a_broker_refuses(up: Stack) -> None:
    """Without ZooKeeper's data the broker's is no use, so that reset.sh deletes all of it."""
    up.compose("down")
    up.engine.docker("volume", "rm", f"{up.project}_zookeeper-data", f"{up.project}_zookeeper-log")
    up.compose("up", "-d", "kafka")
    wait_for(lambda: "Invalid cluster.id" in up.compose("logs", "kafka"))
    done = up.script("reset.sh", "--yes")
    assert done.returncode == 0, done.stderr
    assert not up.inspect()
    assert not up.engine.docker("volume", "ls", "-q", "--filter", f"name={up.project}_")


def test_step_by_step_brings_up_the_same_stack(up: Stack, stand_ins: Images) -> None:
    """The steps a person takes one by one end where the one command does."""
    up.compose("up", "-d", "zookeeper", "kafka", "producer", "consumer")
    up.compose("build", "websocket-bridge")
    up.compose("up", "-d", "websocket-bridge")
    up.wait_until_healthy()
    done = up.script("validate-cluster.sh", "--timeout", "120")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", [*SERVICES, "topics"])
def test_container_writes_to_declared_volumes_only(up: Stack, service: str) -> None:
    """A place that an image declares and nothing is mounted on would be a new volume each time."""
    mounts = up.inspect()[service]["Mounts"]
    names = {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
    assert all(name.startswith(f"{up.project}_") for name in names), names


def test_project_has_the_same_name_with_the_example_copied(up: Stack, tmp_path: Path) -> None:
    """Copying .env.example between two starts does not begin another stack beside the first."""
    phase = tmp_path / "phase1"
    shutil.copytree(ROOT / "phase1", phase, ignore=shutil.ignore_patterns(".env"))

    def name() -> str:
        command = ["docker", "compose", "-f", str(phase / "docker-compose.yml"), "config"]
        return json.loads(up.engine.run([*command, "--format", "json"]).stdout)["name"]

    assert name() == "phase1"
    shutil.copy(phase / ".env.example", phase / ".env")
    assert name() == "phase1"


def test_reset_without_a_terminal_asks_for_yes(up: Stack) -> None:
    """Without --yes and without a terminal nothing is deleted."""
    before = containers(up)
    done = up.script("reset.sh")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert containers(up) == before
