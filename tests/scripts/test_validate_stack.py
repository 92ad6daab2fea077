"""validate-project phase2: each check of the Swarm stack goes red when its fault is there."""

import shutil
from pathlib import Path

import pytest

from stockstream.ops import docker_clients, repository
from stockstream.ops.checks import CheckSkipped, Status
from support.faults import Fault, check_red, copy_repository, run
from support.swarm_faults import ALSO, FAULTS, stack

CONFIG = "phase2 stack config"

#: The checks that ask another program.
TOOLS = {"shell", "Python", CONFIG}


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what stands in the repository, to spoil copies of."""
    return copy_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session")
def before(pristine: Path) -> dict[str, Status]:
    """How each check ends where nothing is spoilt."""
    return {check.name: check.status for check in run(pristine, "phase2").done}


@pytest.fixture
def without_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the linters and Docker's client out: the fault is not theirs, and they take seconds."""

    def skip(*_: object) -> None:
        raise CheckSkipped("not asked here")

    monkeypatch.setattr(repository, "_ask", skip)
    monkeypatch.setattr(docker_clients, "stack_config", skip)


@pytest.mark.parametrize(
    ("name", "what", "inject"), FAULTS, ids=[f"{name}: {what}" for name, what, _ in FAULTS]
)
@pytest.mark.usefixtures("without_tools")
def test_validate_stack_fault_turns_its_check_red_and_no_other(
    pristine: Path, before: dict[str, Status], tmp_path: Path, name: str, what: str, inject: Fault
) -> None:
    """A fault fails the check that is there for it; others stay, or say that they follow."""
    check = f"phase2 {name}"
    assert before[check] is Status.PASS, "red already, without the fault"
    root = tmp_path / "repository"
    shutil.copytree(pristine, root)
    inject(root)
    check_red(run(root, "phase2"), before, {check, *ALSO.get(what, ())}, check, TOOLS)


def test_validate_refused_by_docker_turns_stack_config_red(
    pristine: Path, before: dict[str, Status], tmp_path: Path
) -> None:
    """What only Docker's client knows to be wrong, it is asked about."""
    if before[CONFIG] is Status.SKIP:
        pytest.skip("no docker client with `docker stack config` on this machine")
    root = tmp_path / "repository"
    shutil.copytree(pristine, root)
    stack("read_only: true", "read_only: true\n  no_such_key: 1")(root)
    checks = run(root, "phase2")
    assert [c.name for c in checks.failed if before[c.name] is Status.PASS] == [CONFIG]


def test_validate_every_check_of_the_stack_has_its_fault(before: dict[str, Status]) -> None:
    """No check of the stack stands here that was never seen red."""
    proven = {f"phase2 {name}" for name, _, _ in FAULTS} | {CONFIG}
    assert {name for name in before if name.startswith("phase2 ")} == proven
