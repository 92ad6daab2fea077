"""The Swarm's scripts on three nodes, from bare ones on; each fault turns red its check alone.

At the end the stack stands again as the first test has found it.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pytest

from lab.swarm import BROKERS, FIRST, NODES, STACK, ZOOKEEPERS, Swarm
from stockstream.config import ROOT
from support.waiting import wait_for

BRIDGES = {f"bridge on {node}" for node in NODES}
TICKS = {"newest tick", *(f"tick at {bridge}" for bridge in BRIDGES)}
IDENTITIES = [f"stockstream.{name}" for name in (*ZOOKEEPERS, *BROKERS)]

Fault = Callable[[Swarm], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def bare(swarm: Swarm) -> Swarm:
    """Return the nodes as they are before anything was done: no stack, no volume, no label."""
    swarm.script("remove.sh", "--volumes", "--yes", check=True)
    for node in NODES:
        delete_volumes(swarm, node)
        for label in (*IDENTITIES, "stockstream.bridge"):
            swarm.docker("node", "update", "--label-rm", label, node, check=False)
    return swarm


@pytest.fixture
def well(swarm: Swarm) -> Swarm:
    """Return the stack with everything well, whatever the test before did to it.

    Where it did not get well, the tests that follow look once and do not wait again.
    """
    patience_s = 240.0 if swarm.recovers else 0.0
    swarm.recovers = False
    wait_until_well(swarm, patience_s)
    swarm.recovers = True
    return swarm


def delete_volumes(swarm: Swarm, node: str) -> None:
    """Do what remove.sh says is to be done on each other node, until none is in use any more."""

    def left() -> list[str]:
        if volumes := volumes_of(swarm, node):
            swarm.docker("volume", "rm", *volumes, node=node, check=False)
        return volumes_of(swarm, node)

    wait_for(left, lambda volumes: not volumes)


def volumes_of(swarm: Swarm, node: str) -> list[str]:
    label = f"label=com.docker.stack.namespace={STACK}"
    return swarm.docker("volume", "ls", "--quiet", "--filter", label, node=node).split()


def labels_of(swarm: Swarm, node: str) -> set[str]:
    shown = swarm.docker("node", "inspect", "--format", "{{json .Spec.Labels}}", node)
    return set(json.loads(shown))


def health(swarm: Swarm, *options: str) -> dict[str, dict[str, Any]]:
    """Return what `create-prod-topics.sh health` says of each check."""
    done = swarm.script("create-prod-topics.sh", "health", "--json", *options)
    assert done.stdout, done.stderr
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == 0)
    return {check["name"]: check for check in report["checks"]}


def named(seen: dict[str, dict[str, Any]], status: str) -> set[str]:
    return {name for name, check in seen.items() if check["status"] == status}


def wait_until_well(swarm: Swarm, timeout_s: float = 240.0) -> dict[str, dict[str, Any]]:
    return wait_for(
        lambda: {name: check for name, check in health(swarm).items() if check["status"] != "PASS"},
        lambda bad: not bad,
        timeout_s,
    )


def running_tasks(swarm: Swarm) -> dict[str, set[str]]:
    """Return the ids of each service's running tasks: other ones after a restart."""
    return {
        name: {task["ID"] for task in swarm.tasks(name) if task["DesiredState"] == "Running"}
        for name in (*ZOOKEEPERS, *BROKERS, "producer", "consumer", "websocket-bridge")
    }


def scale(swarm: Swarm, service: str, replicas: int) -> None:
    swarm.docker("service", "scale", "--detach", f"{STACK}_{service}={replicas}")


def test_prepare_swarm_labels_bare_nodes_once(bare: Swarm) -> None:
    """Each node gets one broker, one ZooKeeper and a bridge; a second run does nothing."""
    first = bare.script("prepare-swarm.sh", check=True).stdout
    assert len(first.splitlines()) == len(IDENTITIES) + len(NODES)
    for number, node in enumerate(NODES, start=1):
        wanted = (f"kafka-{number}", f"zookeeper-{number}", "bridge")
        assert labels_of(bare, node) == {f"stockstream.{name}" for name in wanted}
    assert "nothing to do" in bare.script("prepare-swarm.sh", check=True).stdout


def test_prepare_swarm_moves_no_label_without_move(bare: Swarm) -> None:
    """A label stays with its volume until --move says otherwise, and then moves as a whole."""
    turned = ("--nodes", ",".join(reversed(NODES)))
    refused = bare.script("prepare-swarm.sh", *turned)
    assert refused.returncode == 1
    assert "stockstream.kafka-1: expected on n3, observed on n1" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert "stockstream.kafka-1" in labels_of(bare, "n1")
    bare.script("prepare-swarm.sh", *turned, "--move", check=True)
    assert "stockstream.kafka-1" in labels_of(bare, "n3")
    bare.script("prepare-swarm.sh", "--nodes", ",".join(NODES), "--move", check=True)
    assert "stockstream.kafka-1" in labels_of(bare, "n1")


def test_deploy_forms_a_healthy_stack_from_zero(bare: Swarm) -> None:
    """deploy.sh on labelled nodes ends with every check passed; how long it took is printed."""
    started = time.monotonic()
    done = bare.script("deploy.sh", "--timeout", "500")
    print(f"deploy.sh, from zero to healthy: {time.monotonic() - started:.0f} s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SKIP image" in done.stdout  # it says what it does not see: the other nodes' images
    assert "\nFAIL" not in done.stdout


def test_health_of_a_well_stack_passes_and_changes_nothing(well: Swarm) -> None:
    """Every check passes, topics at 0/1 among them; nothing restarts, nothing is left behind."""
    before = running_tasks(well)
    containers = well.docker("ps", "--all", "--quiet").split()
    seen = health(well)
    assert named(seen, "PASS") == set(seen)
    assert {"service topics", "ZooKeeper quorum", "controller", *BRIDGES, *TICKS} <= set(seen)
    assert running_tasks(well) == before
    assert set(well.docker("ps", "--all", "--quiet").split()) <= set(containers)


def test_health_watch_looks_again_until_it_is_ended(well: Swarm) -> None:
    """A line of JSON a look, more than one; a signal ends it, and no container is left behind."""
    containers = well.docker("ps", "--all", "--quiet").split()
    command = [str(ROOT / "scripts/create-prod-topics.sh"), "health", "--watch", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True,
        env=well.engine_of(FIRST).environment,
    ) as watch:  # fmt: skip
        try:
            assert watch.stdout
            for _ in range(2):
                assert json.loads(watch.stdout.readline())["ok"]
            # Not SIGINT: a shell that started with it ignored, as in the background, goes on.
            os.killpg(watch.pid, signal.SIGTERM)
            assert watch.wait(120) != 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(watch.pid, signal.SIGKILL)
    wait_for(lambda: set(well.docker("ps", "--all", "--quiet").split()) <= set(containers))


def test_topics_plan_and_describe_a_well_stack(well: Swarm) -> None:
    """The topics are as declared: there is nothing to do."""
    assert well.script("create-prod-topics.sh", "plan", check=True).stdout == "nothing to do\n"
    described = well.script("create-prod-topics.sh", "describe", check=True).stdout
    assert described.startswith("stock_ticks: 3 partitions")


def test_deploy_again_restarts_nothing(well: Swarm) -> None:
    """What is as the stack file wants it stays as it is."""
    before = running_tasks(well)
    done = well.script("deploy.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running_tasks(well) == before


def test_deploy_leaves_running_brokers_to_roll(well: Swarm) -> None:
    """A setting that would restart the brokers stops it; it names roll.sh, and leaves no trace."""
    before = running_tasks(well)
    done = well.script("deploy.sh", KAFKA_HEAP="400m")
    assert done.returncode == 1
    assert "kafka-1: ContainerSpec.Env" in done.stdout
    assert "scripts/roll.sh" in done.stdout
    assert "zookeeper-1" not in done.stdout
    assert running_tasks(well) == before
    assert well.docker("stack", "ls", "--format", "{{.Name}}").split() == [STACK]


def killed(*services: str) -> Fault:
    """Return a fault that kills the services' processes, and keeps them away."""

    @contextmanager
    def fault(swarm: Swarm) -> Iterator[None]:
        for service in services:
            swarm.kill(service)
            scale(swarm, service, 0)
        try:
            yield
        finally:
            for service in services:
                scale(swarm, service, 1)

    return fault


def stopped(service: str) -> Fault:
    @contextmanager
    def fault(swarm: Swarm) -> Iterator[None]:
        scale(swarm, service, 0)
        try:
            yield
        finally:
            scale(swarm, service, 2)

    return fault


@contextmanager
def bridge_paused(swarm: Swarm) -> Iterator[None]:
    """Freeze the bridge on the second node; Swarm replaces it after half a minute."""
    (frozen,) = [c for c in swarm.containers("websocket-bridge") if c.node == NODES[1]]
    swarm.docker("pause", frozen.id, node=frozen.node)
    try:
        yield
    finally:
        swarm.docker("unpause", frozen.id, node=frozen.node, check=False)


@contextmanager
def topic_altered(swarm: Swarm) -> Iterator[None]:
    """Let the topic keep its ticks for longer than declared; `apply` brings it back."""
    broker = swarm.container(BROKERS[0])
    swarm.docker(
        "exec", broker.id, "kafka-configs", "--bootstrap-server", "kafka-1:9092",
        "--entity-type", "topics", "--entity-name", "stock_ticks",
        "--alter", "--add-config", "retention.ms=90000000", node=broker.node,
    )  # fmt: skip
    try:
        yield
    finally:
        refused = swarm.script("create-prod-topics.sh", "apply")
        assert refused.returncode == 1
        assert "--allow-data-loss" in refused.stdout
        swarm.script("create-prod-topics.sh", "apply", "--allow-data-loss", check=True)


@contextmanager
def node_lost(swarm: Swarm) -> Iterator[None]:
    swarm.kill_node(NODES[2])
    try:
        yield
    finally:
        swarm.start_node(NODES[2])


FAULTS: list[tuple[str, Fault, set[str], set[str]]] = [
    ("broker killed", killed("kafka-2"), {"service kafka-2"},
     {"kafka-2 answers", "under-replicated partitions"}),
    ("ZooKeeper member killed", killed("zookeeper-2"), {"service zookeeper-2"},
     {"zookeeper-2 answers"}),
    ("quorum lost", killed("zookeeper-1", "zookeeper-2"),
     {"service zookeeper-1", "service zookeeper-2", "ZooKeeper quorum"},
     {"zookeeper-1 answers", "zookeeper-2 answers", "ZooKeeper followers in sync", "controller",
      "topic stock_ticks as declared", "partitions below min ISR"}),
    ("topic altered", topic_altered, {"topic stock_ticks as declared"}, set()),
    ("bridge paused", bridge_paused, {"bridge on n2"},
     {"tick at bridge on n2", "lag of websocket-consumers-n2"}),
    ("producer stopped", stopped("producer"), {"service producer"}, TICKS),
    ("consumer stopped", stopped("consumer"), {"service consumer"}, {"lag of console-consumers"}),
    ("node lost", node_lost, {"node n3"},
     {"service kafka-3", "service zookeeper-3", "kafka-3 answers", "zookeeper-3 answers",
      "under-replicated partitions"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "red", "following"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_health_fault_turns_its_check_red_and_no_other(
    well: Swarm, fault: Fault, red: set[str], following: set[str]
) -> None:
    """A fault fails its check; what depends on it says that it follows, and from what."""
    with fault(well):
        seen = wait_for(
            lambda: health(well, "--timeout", "20"),
            lambda seen: (named(seen, "FAIL"), named(seen, "SKIP")) == (red, following),
        )
    assert {check["root"] for check in seen.values()} <= {None, *red}
    for name in red:  # each says what to do next
        assert re.search(r": (scripts/|docker |.*docs/)", seen[name]["detail"]), seen[name]


def test_roll_restarts_brokers_with_new_settings(well: Swarm) -> None:
    """All three get the new setting one by one, the controller last; health passes at the end."""
    controller = health(well)["controller"]["detail"].partition(",")[0]
    done = well.script("roll.sh", "kafka", KAFKA_HEAP="400m")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    order = [line.split()[0] for line in done.stdout.splitlines()]
    assert sorted(order) == list(BROKERS)
    assert order[-1] == controller
    for name in BROKERS:
        environment = well.inspect(well.container(name))["Config"]["Env"]
        assert "KAFKA_HEAP_OPTS=-Xms256m -Xmx400m" in environment
    wait_until_well(well)


def test_roll_that_has_stopped_can_be_run_again(well: Swarm) -> None:
    """A setting with which a member does not come up stops it there; put right, it goes on."""
    before = running_tasks(well)
    stopped = well.script(
        "roll.sh", "zookeeper", "--timeout", "15", ZOOKEEPER_IMAGE="stockstream-lab/none:1"
    )
    assert stopped.returncode == 1
    assert "run this again" in stopped.stderr
    assert "No such image" in stopped.stderr
    changed = {name for name, tasks in running_tasks(well).items() if tasks != before[name]}
    assert len(changed) == 1
    done = well.script("roll.sh", "zookeeper")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split()[0] in changed
    after = running_tasks(well)
    assert all(after[name] != before[name] for name in ZOOKEEPERS)
    assert all(after[name] == before[name] for name in BROKERS)


def topic_with_its_id(swarm: Swarm) -> str:
    """Return the line on the topic: another one would have another id, the leaders may differ."""
    described = swarm.script("create-prod-topics.sh", "describe", check=True).stdout
    return str(described.splitlines()[0])


def test_remove_keeps_the_volumes_and_the_ticks(well: Swarm) -> None:
    """After remove.sh and deploy.sh the same topic is there again, with all of its ticks."""
    described = topic_with_its_id(well)
    volumes = {node: set(volumes_of(well, node)) for node in NODES}
    assert all(volumes.values())
    assert well.script("remove.sh", check=True).stdout.startswith(f"removed the stack {STACK}\n")
    assert well.docker("service", "ls", "--quiet") == ""
    assert {node: set(volumes_of(well, node)) for node in NODES} == volumes
    assert "nothing to do" in well.script("remove.sh", check=True).stdout
    gone = well.script("create-prod-topics.sh", "plan")
    assert gone.returncode == 2
    assert "scripts/deploy.sh" in gone.stderr
    done = well.script("deploy.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert topic_with_its_id(well) == described


def test_deploy_refuses_an_identity_on_two_nodes(well: Swarm) -> None:
    """A broker that might start on either of two nodes stops it before anything is done."""
    label = "stockstream.kafka-3"

    def labels_after(option: str, value: str) -> set[str]:
        """Change the node's labels; the managers refuse it where another change came between."""
        well.docker("node", "update", option, value, FIRST, check=False)
        return labels_of(well, FIRST)

    try:
        wait_for(lambda: label in labels_after("--label-add", f"{label}=true"))
        done = well.script("deploy.sh")
        assert done.returncode == 1
        assert "stockstream.kafka-3 on 2: scripts/prepare-swarm.sh" in done.stdout
        assert "nothing was deployed" in done.stderr
        refused = well.script("prepare-swarm.sh")
        assert refused.returncode == 1
        assert "stockstream.kafka-3: expected on n3, observed on n1 n3" in refused.stderr
        well.script("prepare-swarm.sh", "--move", check=True)
        assert label not in labels_of(well, FIRST)
    finally:
        wait_for(lambda: label not in labels_after("--label-rm", label))


def test_health_without_managers_reports_in_time(well: Swarm) -> None:
    """Two managers of three are frozen: nothing can be asked, and it says so instead of hanging."""
    frozen = [well._name(node) for node in NODES[1:]]
    well.engine.docker("pause", *frozen)
    started = time.monotonic()
    try:
        seen = health(well, "--timeout", "20")
    finally:
        well.engine.docker("unpause", *frozen)
    took_s = time.monotonic() - started
    print(f"health without managers: {took_s:.0f} s")
    # It takes the last manager some seconds to notice; until then no container gets its network.
    (root,) = named(seen, "FAIL")
    assert root in ("Swarm", "network back")
    assert seen["ZooKeeper quorum"]["root"] == root
    assert took_s < 120
    wait_until_well(well)  # the next test needs managers that agree
