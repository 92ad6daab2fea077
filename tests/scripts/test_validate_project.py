"""validate-project: each check goes red when its fault is there, and only what depends on it."""

import shutil
from pathlib import Path

import pytest

from stockstream.ops import docker_clients, project, repository
from stockstream.ops.checks import CheckSkipped, Status
from support.compose_faults import ALSO, FAULTS, compose, env
from support.faults import Fault, check_red, copy_repository, run

COMPOSE_CONFIG = "phase1 compose config"

#: The checks that ask another program.
TOOLS = ("shell", "Python", COMPOSE_CONFIG)


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
    if request.node.callspec.params.get("name") in TOOLS:
        return

    def skip(*_: object) -> None:
        raise CheckSkipped("not asked here")

    monkeypatch.setattr(repository, "_ask", skip)
    monkeypatch.setattr(docker_clients, "compose_config", skip)


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


@pytest.mark.parametrize(
    "lines",
    [
        "KAFKA_BIND=0.0.0.0",
        "KAFKA_BIND=0.0.0.0\nKAFKA_EXTERNAL_HOST=kafka.example.com",
        "KAFKA_EXTERNAL_PORT=9192 # 9092 is taken",
        "TICK_INTERVAL=0.5 # fast\nexport LOG_LEVEL='debug'",
        'KAFKA_HEAP=1g\nKAFKA_MEMORY="1792m"',
        "STOCKSTREAM_IMAGE=ticks:dev\nSTOCKSTREAM_BRIDGE_IMAGE=ticks-bridge:dev",
        "KAFKA_IMAGE=mirror.example:5000/confluentinc/cp-kafka:7.9.8",
        "\n".join(
            f"{name}@sha256:{64 * 'a'}"
            for name in (
                "KAFKA_UI_IMAGE=kafbat/kafka-ui",
                "PYTHON_IMAGE=mirror.example:5000/python",
                "NODE_IMAGE=node:22-bookworm-slim",
                "KAFKA_IMAGE=confluentinc/cp-kafka:7.9.7",
                "ZOOKEEPER_IMAGE=confluentinc/cp-zookeeper",
            )
        ),
    ],
)
@pytest.mark.usefixtures("without_tools")
def test_validate_value_that_may_be_changed_stays_green(
    pristine: Path, before: dict[str, Status], tmp_path: Path, lines: str
) -> None:
    """What .env.example offers to change can be changed, written as compose reads it."""
    root = tmp_path / "repository"
    shutil.copytree(pristine, root)
    env(f"{lines}\n")(root)
    checks = run(root, "phase1")
    assert not checks.failed, checks.summary()


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
    compose("stop_grace_period: 30s", "stop_grace_period: [30]")(root)
    checks = run(root, "phase1")
    assert [check.name for check in checks.failed if before[check.name] is Status.PASS] == [
        COMPOSE_CONFIG
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("TICK_INTERVAL=hunter2", "producer: TICK_INTERVAL=${TICK_INTERVAL}: expected seconds"),
        ("KAFKA_MEMORY=hunter2", "${KAFKA_MEMORY}: expected a size"),
        ("MY KEY=hunter2", "line 1: expected NAME=value"),
        ("LOG_LEVEL=${A:?hunter2}", "line 1: expected $$ for a dollar"),
    ],
)
@pytest.mark.usefixtures("without_tools")
def test_validate_value_of_env_is_not_shown(
    pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    """A bad value in .env is told by its variable; its text is shown only without the mask."""
    root = tmp_path / "repository"
    shutil.copytree(pristine, root)
    env(f"{line}\n")(root)
    told = "\n".join(run(root, "phase1").summary())
    assert said in told
    assert "hunter2" not in told
    if "$" in said and "line" not in said:
        monkeypatch.setattr(project, "mask", lambda text, known: text)
        assert "hunter2" in "\n".join(run(root, "phase1").summary())


def test_validate_every_check_has_its_fault(before: dict[str, Status]) -> None:
    """No check stands here that was never seen red."""
    # The one above, and test_validate_outside_links.py.
    elsewhere = {COMPOSE_CONFIG, "outside links"}
    assert set(before) == {name for name, _, _ in FAULTS} | elsewhere
