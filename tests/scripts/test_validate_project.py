"""validate-project: each check goes red when its fault is there, and only what depends on it."""

import shutil
from pathlib import Path

import pytest

from stockstream.ops import project, repository
from stockstream.ops.checks import CheckSkipped, Status
from support.faults import Fault, add, check_red, copy_repository, edit, remove, run

COMPOSE = "phase1/docker-compose.yml"
COMPOSE_CONFIG = "phase1 compose config"

#: The checks that ask another program.
TOOLS = ("shell", "Python", COMPOSE_CONFIG)


def compose(old: str, new: str) -> Fault:
    return edit(COMPOSE, old, new)


def no_run_bit(root: Path) -> None:
    (root / "scripts/validate-project.sh").chmod(0o644)


HEALTHY_ZOOKEEPER = "[[ $$answer == imok ]]"
ADVERTISED = "INTERNAL://kafka:9092,EXTERNAL://"

FAULTS: list[tuple[str, str, Fault]] = [
    ("files", "a file is gone", remove("config/gunicorn.conf.py")),
    ("run bits", "a script has no run bit", no_run_bit),
    ("YAML", "broken topics", add("config/topics.yml", "dev: [\n")),
    ("YAML", "a key given twice", add("config/other.yml", "a: 1\na: 2\n")),
    ("links", "a dead link", add("docs/x.md", "[x](nowhere.md)\n")),
    ("links", "a dead anchor", add("docs/x.md", "# Here\n\n[x](#there)\n")),
    ("shell", "an unquoted variable", add("scripts/reset.sh", "rm $1\n")),
    ("shell", "bad indentation", add("scripts/reset.sh", "if true; then\ntrue\nfi\n")),
    ("Python", "an unused import", add("src/x.py", "import os\n")),
    ("Python", "bad format", add("src/x.py", "x = [ 1 ]\n")),
    ("phase1 files", "no example of the variables", remove("phase1/.env.example")),
    ("phase1 YAML", "broken YAML", compose("services:\n", "services: [\n")),
    ("phase1 images pinned", "latest", compose("cp-kafka:7.9.7", "cp-kafka:latest")),
    ("phase1 images pinned", "no tag", compose("cp-zookeeper:7.9.7", "cp-zookeeper")),
    ("phase1 images pinned", "no ZooKeeper any more", compose("cp-kafka:7.9.7", "cp-kafka:8.0.0")),
    ("phase1 images built once", "one tag twice",
     compose("${STOCKSTREAM_BRIDGE_IMAGE:-stockstream-bridge:dev}", "stockstream:dev")),
    ("phase1 images built once", "nobody builds it",
     compose("image: ${STOCKSTREAM_IMAGE:-stockstream:dev}\n    command: [\"producer\"]",
             "image: stockstream-producer:dev\n    command: [\"producer\"]")),
    ("phase1 health checks", "none", compose("    healthcheck: *heartbeat\n", "")),
    ("phase1 health checks", "shell form",
     compose('["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9092"]',
             '["CMD-SHELL", "exec 3<>/dev/tcp/127.0.0.1/9092"]')),
    ("phase1 health checks", "a JVM",
     compose('["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9092"]',
             '["CMD", "kafka-topics", "--list"]')),
    ("phase1 health checks", "always green", compose(HEALTHY_ZOOKEEPER, "true")),
    ("phase1 health checks", "refused by 1.29",
     compose("interval: 5s\n", "interval: 5s\n      start_interval: 1s\n")),
    ("phase1 ids", "a broker without id", compose('      KAFKA_BROKER_ID: "1"\n', "")),
    ("phase1 listeners", "an address that nothing can reach",
     compose("EXTERNAL://${KAFKA_EXTERNAL_HOST:-localhost}:${KAFKA_EXTERNAL_PORT:-9092}",
             "EXTERNAL://localhost:9093")),
    ("phase1 listeners", "another port inside",
     compose("INTERNAL://0.0.0.0:9092", "INTERNAL://0.0.0.0:9095")),
    ("phase1 listeners", "not listened on", compose(",EXTERNAL://0.0.0.0:19092", "")),
    ("phase1 listeners", "no protocol", compose(",EXTERNAL:PLAINTEXT", "")),
    ("phase1 listeners", "no inter-broker listener",
     compose('INTER_BROKER_LISTENER_NAME: "INTERNAL"', 'INTER_BROKER_LISTENER_NAME: "INSIDE"')),
    ("phase1 client addresses", "a name of no service",
     compose('KAFKA_BOOTSTRAP_SERVERS: "kafka:9092"', 'KAFKA_BOOTSTRAP_SERVERS: "broker:9092"')),
    ("phase1 client addresses", "the host's port inside",
     compose('KAFKA_BOOTSTRAP_SERVERS: "kafka:9092"', 'KAFKA_BOOTSTRAP_SERVERS: "kafka:19092"')),
    ("phase1 client addresses", "no common network",
     compose("networks: [back, front]\n    ports:\n      - \"${WEBSOCKET_PORT",
             "networks: [front]\n    ports:\n      - \"${WEBSOCKET_PORT")),
    ("phase1 ZooKeeper addresses", "a wrong port", compose("zookeeper:2181", "zookeeper:2182")),
    ("phase1 networks", "not declared", compose("  front:\n\n", "\n")),
    ("phase1 networks", "a broker on the front one",
     compose("networks: [back]\n    ports:", "networks: [back, front]\n    ports:")),
    ("phase1 ports", "one port twice",
     compose("${WEBSOCKET_PORT:-8080}:8080", "${WEBSOCKET_PORT:-8081}:8080")),
    ("phase1 ports", "an open broker on every address",
     compose("${KAFKA_BIND:-127.0.0.1}", "${KAFKA_BIND:-0.0.0.0}")),
    ("phase1 volumes", "data in the container",
     compose("      - kafka-data:/var/lib/kafka/data\n", "")),
    ("phase1 volumes", "no place for the natives", compose("      - kafka-tmp:/tmp\n", "")),
    ("phase1 volumes", "not declared", compose("  kafka-data:\n  kafka-tmp", "  kafka-tmp")),
    ("phase1 memory", "no limit", compose("    mem_limit: 256m\n", "")),
    ("phase1 memory", "a limit below the heap",
     compose("${KAFKA_MEMORY:-1280m}", "${KAFKA_MEMORY:-512m}")),
    ("phase1 no JMX port", "a port",
     compose("      KAFKA_BROKER_ID:", '      KAFKA_JMX_PORT: "9999"\n      KAFKA_BROKER_ID:')),
    ("phase1 no auto-creation", "switched on",
     compose('AUTO_CREATE_TOPICS_ENABLE: "false"', 'AUTO_CREATE_TOPICS_ENABLE: "true"')),
    ("phase1 hardening", "a writable root", compose("read_only: true", "read_only: false")),
    ("phase1 hardening", "capabilities", compose("  cap_drop: [ALL]\n", "")),
    ("phase1 hardening", "a group that may not write", compose('"1000:0"', '"1000:1000"')),
    ("phase1 logs and restarts", "no rotation", compose("  logging: *logging\n", "")),
    ("phase1 logs and restarts", "no restart", compose("  restart: unless-stopped\n", "")),
    ("phase1 replication", "more copies than brokers",
     edit("config/topics.yml", "replication_factor: 1", "replication_factor: 2")),
    ("phase1 replication", "Kafka's default of three",
     compose('      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1"\n', "")),
    ("phase1 variables", "not documented",
     compose("WEBSOCKET_PORT: \"8080\"", "WEBSOCKET_PORT: \"${INNER_PORT:-8080}\"")),
    ("phase1 variables", "another default",
     edit("phase1/.env.example", "TICK_INTERVAL=1.0", "TICK_INTERVAL=2.0")),
    ("phase1 variables", "read by nobody", add("phase1/.env.example", "# NOBODY=1\n")),
    ("phase1 settings", "misspelt", compose("TICK_INTERVAL:", "TICK_INTERVALL:")),
    ("phase1 settings", "a bad value", add("phase1/.env", "TICK_INTERVAL=often\n")),
]  # fmt: skip

#: Faults that go further than the check in whose name they are injected, and how far.
ALSO = {
    "broken topics": {"phase1 replication"},
    "one tag twice": {"phase1 variables"},
    "an address that nothing can reach": {"phase1 variables"},
    "no example of the variables": {"links", "phase1 variables"},
    "one port twice": {"phase1 variables"},
    "a limit below the heap": {"phase1 variables"},
    "an open broker on every address": {"phase1 variables"},
    "latest": {"phase1 variables"},
    "no tag": {"phase1 variables"},
    "no ZooKeeper any more": {"phase1 variables"},
}


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what stands in the repository, to spoil copies of."""
    return copy_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session")
def before(pristine: Path) -> dict[str, Status]:
    """How each check ends where nothing is spoilt."""
    return {check.name: check.status for check in run(pristine, "phase1").done}


@pytest.fixture
def without_tools(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the linters and compose out where the fault is not theirs: they take seconds."""
    if request.node.callspec.params["name"] in TOOLS:
        return

    def skip(*_: object) -> None:
        raise CheckSkipped("not asked here")

    monkeypatch.setattr(repository, "_ask", skip)
    monkeypatch.setattr(project, "_compose_config", skip)


@pytest.mark.parametrize(
    ("name", "what", "inject"), FAULTS, ids=[f"{name}: {what}" for name, what, _ in FAULTS]
)
@pytest.mark.usefixtures("without_tools")
def test_validate_fault_turns_its_check_red_and_no_other(
    pristine: Path, before: dict[str, Status], tmp_path: Path, name: str, what: str, inject: Fault
) -> None:
    """A fault fails the check that is there for it; others stay, or say that they follow."""
    assert before[name] is Status.PASS, "red already, without the fault"
    root = tmp_path / "repository"
    shutil.copytree(pristine, root)
    inject(root)
    checks = run(root, "phase1")
    check_red(checks, before, {name, *ALSO.get(what, ())}, name, set(TOOLS))


def test_validate_broken_stack_file_is_named_as_the_root(pristine: Path, tmp_path: Path) -> None:
    """What cannot be read makes the phase's other checks follow-ups, and the summary says so."""
    root = tmp_path / "repository"
    shutil.copytree(pristine, root)
    compose("services:\n", "services: [\n")(root)
    checks = run(root, "phase1")
    followers = [check for check in checks.done if check.root == "phase1 YAML"]
    assert len(followers) > 15
    assert all(str(c) == f"SKIP {c.name}: follows from phase1 YAML" for c in followers)
    assert any("not checked because of it: phase1 images pinned" in s for s in checks.summary())


def test_validate_refused_by_compose_turns_compose_config_red(
    pristine: Path, before: dict[str, Status], tmp_path: Path
) -> None:
    """What only compose knows to be wrong, compose is asked about."""
    if before[COMPOSE_CONFIG] is Status.SKIP:
        pytest.skip("no compose on this machine")
    root = tmp_path / "repository"
    shutil.copytree(pristine, root)
    compose("stop_grace_period: 120s", "stop_grace_period: [120]")(root)
    checks = run(root, "phase1")
    assert [check.name for check in checks.failed if before[check.name] is Status.PASS] == [
        COMPOSE_CONFIG
    ]


def test_validate_every_check_has_its_fault(before: dict[str, Status]) -> None:
    """No check stands here that was never seen red."""
    proven = {name for name, _, _ in FAULTS} | {COMPOSE_CONFIG}
    asked_elsewhere = {"outside links"}
    assert set(before) - asked_elsewhere == proven
