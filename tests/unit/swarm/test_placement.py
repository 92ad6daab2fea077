"""What Docker tells of nodes and services, judged: from its own JSON to a line a check."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stockstream.errors import StackError
from stockstream.ops.checks import Check, Checks, Status
from stockstream.ops.swarm import facts, placement
from stockstream.ops.swarm.facts import Facts

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ALL = [name for name in placement.SERVICES if name != "topics"]


def node(name: str, state: str = "ready", availability: str = "active", **labels: str) -> str:
    """Return a node as `docker node inspect` writes it, with labels in the place of underscores."""
    given = {label.replace("_", "-"): value for label, value in labels.items()}
    entry = {
        "ID": f"id-{name}",
        "Spec": {"Labels": given, "Role": "manager", "Availability": availability},
        "Description": {"Hostname": name, "Engine": {"EngineVersion": "20.10.24"}},
        "Status": {"State": state, "Addr": "10.0.0.1"},
    }
    return f"node {json.dumps(entry)}"


def service(name: str, replicas: int | None = 1, constraint: str = "", *env: str) -> str:
    template = {
        "ContainerSpec": {"Image": "x:1", "Env": list(env)},
        "Placement": {"Constraints": [constraint] if constraint else []},
    }
    mode = {"Global": {}} if replicas is None else {"Replicated": {"Replicas": replicas}}
    spec = {"Name": f"stockstream_{name}", "Mode": mode, "TaskTemplate": template}
    return f"service {json.dumps({'ID': f'id-{name}', 'Spec': spec})}"


def task(
    name: str,
    state: str = "running",
    desired: str = "running",
    on: str = "n1",
    age_s: float = 60,
    error: str = "",
    address: str = "10.0.1.5/24",
) -> str:
    at = (NOW - timedelta(seconds=age_s)).isoformat().replace("+00:00", "Z")
    entry: dict[str, Any] = {
        "ID": f"task-{name}-{age_s}",
        "ServiceID": f"id-{name}",
        "NodeID": f"id-{on}",
        "CreatedAt": at,
        "DesiredState": desired,
        "Status": {"Timestamp": at, "State": state, "Err": error},
        "NetworksAttachments": [
            {"Network": {"Spec": {"Name": "stockstream_back"}}, "Addresses": [address]}
        ],
    }
    return f"task {json.dumps(entry)}"


def well() -> dict[str, list[str]]:
    """Return the lines of a stack where everything runs on one node, by what they are about."""
    lines = {"n1": [node("n1")]}
    for name in ALL:
        lines[name] = [service(name), task(name)]
    lines["topics"] = [service("topics"), task("topics", "complete", "shutdown")]
    return lines


def read(lines: dict[str, list[str]]) -> Facts:
    return facts.read([line for group in lines.values() for line in group], "stockstream", NOW)


def look(lines: dict[str, list[str]]) -> dict[str, Check]:
    checks = Checks()
    placement.check(checks, read(lines))
    return {check.name: check for check in checks.done}


def test_placement_everything_runs_passes() -> None:
    """Nodes and services pass, the one-shot service that has ended among them."""
    seen = look(well())
    assert {check.status for check in seen.values()} == {Status.PASS}
    assert seen["service topics"].detail == "done"
    assert seen["service kafka-1"].detail == "1 of 1"


def failures(*ages_s: float) -> list[str]:
    return [task("kafka-2", "failed", "shutdown", age_s=s, error="exit (1)") for s in ages_s]


def faults() -> Iterator[tuple[str, dict[str, list[str]], str, str]]:
    """Yield a name, the lines that are other, the check that fails, and what it says."""
    yield "node down", {"n1": [node("n1"), node("n9", "down")]}, "node n9", "observed down"
    yield (
        "node drained", {"n1": [
            node("n1"), node("n9", "ready", "drain", **{"stockstream.bridge": "true"})]},
        "node n9", "docker node update --availability active n9",
    )  # fmt: skip
    yield "not deployed", {"kafka-2": []}, "service kafka-2", "scripts/deploy.sh"
    yield (
        "scaled to none", {"producer": [service("producer", 0)]},
        "service producer", "docker service scale stockstream_producer=1",
    )  # fmt: skip
    yield (
        "one of two", {"producer": [service("producer", 2), task("producer")]},
        "service producer", "expected 2 running, observed 1",
    )  # fmt: skip
    yield (
        "pending", {"kafka-2": [
            service("kafka-2"), task("kafka-2", "pending", error="no suitable node")]},
        "service kafka-2", "no suitable node: docker service ps --no-trunc stockstream_kafka-2",
    )  # fmt: skip
    yield (
        "no label", {"kafka-2": [service("kafka-2", 1, "node.labels.stockstream.kafka-2 == true")]},
        "service kafka-2", "no node has the label of kafka-2: scripts/prepare-swarm.sh",
    )  # fmt: skip
    yield (
        "no bridge label", {"websocket-bridge": [
            service("websocket-bridge", None, "node.labels.stockstream.bridge == true")]},
        "service websocket-bridge", "scripts/prepare-swarm.sh",
    )  # fmt: skip
    yield (
        "topics failed", {"topics": [
            service("topics"), task("topics", "complete", "shutdown", age_s=90),
            task("topics", "failed", "shutdown", error="task: non-zero exit (1)")]},
        "service topics", "non-zero exit (1): docker service logs stockstream_topics",
    )  # fmt: skip
    yield (
        "restarts", {"kafka-2": [
            service("kafka-2"), task("kafka-2", age_s=1), *failures(9, 30, 60)]},
        "service kafka-2", "observed 3 failures within 5 minutes (exit (1))",
    )  # fmt: skip


@pytest.mark.parametrize(("fault", "name", "said"), [f[1:] for f in faults()],
                         ids=[f[0] for f in faults()])  # fmt: skip
def test_placement_fault_fails_its_check_alone(
    fault: dict[str, list[str]], name: str, said: str
) -> None:
    """One thing is not as it should be: its check says what, and what to do next."""
    seen = look({**well(), **fault})
    assert [c.name for c in seen.values() if c.status is not Status.PASS] == [name]
    assert said in seen[name].detail


def test_placement_drained_node_without_labels_passes() -> None:
    """A manager that is to run nothing misses nothing."""
    seen = look({**well(), "n1": [node("n1"), node("n9", "ready", "drain")]})
    assert seen["node n9"].detail == "ready, drain, without a label"


def test_placement_old_failures_are_forgotten() -> None:
    """What failed long ago, or once, is no reason to fail now."""
    ended = failures(3600, 3601, 3602, 30)
    seen = look({**well(), "kafka-2": [service("kafka-2"), task("kafka-2", age_s=1), *ended]})
    assert str(seen["service kafka-2"]).startswith("PASS")
    assert "failures lately: 1 (exit (1))" in seen["service kafka-2"].detail


def test_placement_service_that_has_run_for_a_while_is_taken_for_repaired() -> None:
    """Three failures are no reason any more once the last of them is a minute old."""
    seen = look(
        {**well(), "kafka-2": [service("kafka-2"), task("kafka-2", age_s=1), *failures(70, 80, 90)]}
    )
    assert seen["service kafka-2"].status is Status.PASS
    assert "failures lately: 3" in seen["service kafka-2"].detail


def test_placement_lost_node_explains_its_services() -> None:
    """A service that may run nowhere else follows from its node; one that moved does not."""
    label = "node.labels.stockstream.kafka-2 == true"
    lost = node("n2", "down", **{"stockstream.kafka_2": "true"})
    seen = look(
        {
            **well(),
            "n2": [lost],
            "kafka-2": [service("kafka-2", 1, label), task("kafka-2", on="n2")],
        }
    )
    assert seen["service kafka-2"] == Check(
        "service kafka-2", Status.SKIP, "follows from node n2", "node n2"
    )
    assert [c.name for c in seen.values() if c.status is Status.FAIL] == ["node n2"]


def test_placement_global_service_wants_a_task_on_each_node_that_fits() -> None:
    """A lost node's bridge is not missed: the others are as many as can be."""
    nodes = [node("n1"), node("n2"), node("n3", "down")]
    tasks = [task("websocket-bridge", on=f"n{n}", age_s=n) for n in (1, 2, 3)]
    bridge = [service("websocket-bridge", None), *tasks]
    seen = look({**well(), "n1": nodes, "websocket-bridge": bridge})
    assert seen["service websocket-bridge"].detail.startswith("2 of 2")


def test_placement_without_stack_everything_follows_from_it() -> None:
    """Where nothing is deployed, one line says so."""
    seen = look({"n1": [node("n1")]})
    assert [c.name for c in seen.values() if c.status is Status.FAIL] == ["stack"]
    assert seen["service kafka-1"].root == "stack"


def test_placement_managers_that_do_not_answer_are_the_root() -> None:
    """A Swarm without a leader tells nothing: all else follows from it."""
    seen = look({"problem": ["problem Error: The swarm does not have a leader."]})
    assert seen["Swarm"].status is Status.FAIL
    assert "does not have a leader" in seen["Swarm"].detail
    assert {check.root for check in seen.values()} == {None, "Swarm"}


def test_facts_carry_addresses_and_the_topics_file() -> None:
    """A task's address is that on the asked network; the file comes whole."""
    text = "prod:\n  ä: 1\n"
    encoded = base64.b64encode(text.encode()).decode()
    found = read({**well(), "file": [f"topics-file {encoded}"]})
    assert found.topics_file == text
    (bridge,) = found.running(found.services["websocket-bridge"])
    assert bridge.address_on("stockstream_back") == "10.0.1.5"
    assert bridge.address_on("stockstream_front") is None


@pytest.mark.parametrize("line", ["nonsense", "node {", "pod {}", 'task {"ID": "x"}'])
def test_facts_refuse_what_is_no_docker_output(line: str) -> None:
    """What cannot be read is named, and never taken for an empty Swarm."""
    with pytest.raises(StackError, match="expected what docker inspect says"):
        facts.read([line], "stockstream")
