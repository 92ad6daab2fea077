"""scripts/validate-project.sh as a user runs it: from elsewhere, with Docker and without."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.checkout import Checkout
from support.stubs import Stubs

#: What the script and the validator call; a machine without Docker has these.
NEEDED = ("bash", "cat", "cksum", "dirname", "mkdir", "sed", "sh")
COMPOSE = "phase1 compose config"
#: The checks that ask a program which a machine may lack, or the network.
MAY_SKIP = {"outside links", "shell", "Python", COMPOSE}

Validate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stubs(tmp_path: Path) -> Stubs:
    """A PATH with what is needed, and no Docker."""
    made = Stubs(tmp_path / "bin")
    made.link(NEEDED)
    return made


@pytest.fixture
def validate(checkout: Checkout, stubs: Stubs, tmp_path: Path) -> Validate:
    """Return a function that runs the script from another directory, on that PATH."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(checkout.path / "scripts/validate-project.sh"), *arguments],
            cwd=tmp_path,
            env={**checkout.environment, "PATH": str(stubs.path)},
            capture_output=True,
            text=True,
        )

    return run


def statuses(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return how each check of a --json run has ended: well, or skipped with a reason."""
    report = json.loads(done.stdout)
    found = {check["name"]: check["status"] for check in report["checks"]}
    for check in report["checks"]:
        assert check["status"] == "PASS" or (check["name"] in MAY_SKIP and check["detail"]), check
    assert (done.returncode, report["ok"], report["failed"]) == (0, True, 0)
    return found


def test_script_without_docker_all_pass_or_say_why_not(validate: Validate) -> None:
    """Neither docker nor docker-compose is needed; what was not asked is named."""
    done = validate("phase1")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SKIP {COMPOSE}: neither docker compose nor docker-compose is installed" in lines
    assert "PASS phase1 listeners" in lines
    assert not [line for line in lines if line.startswith("FAIL")]
    assert ", 0 failed, " in lines[-1]


def test_script_json_without_docker_is_one_object(validate: Validate) -> None:
    """Stdout is for the machine that reads it, and holds nothing else."""
    found = statuses(validate("phase1", "--json"))
    assert found[COMPOSE] == "SKIP"
    assert not [name for name in found if name.startswith("phase2")]


def test_script_with_docker_asks_compose(
    validate: Validate, stubs: Stubs, checkout: Checkout
) -> None:
    """Where compose is there, it is asked about the shipped file."""
    stubs.add("docker", "exit 0")
    assert statuses(validate("phase1", "--json"))[COMPOSE] == "PASS"
    file = checkout.path / "phase1/docker-compose.yml"
    assert stubs.asked[-1] == f"docker compose -f {file} config --quiet"


def test_script_compose_refuses_ends_with_1(validate: Validate, stubs: Stubs) -> None:
    """A failed check is exit code 1, and its line is there again at the end."""
    stubs.add("docker", "case $* in *config*) echo 'no such key' >&2; exit 15 ;; esac")
    done = validate("phase1")
    assert done.returncode == 1
    line = f"FAIL {COMPOSE}: docker compose: no such key"
    assert done.stdout.splitlines().count(line) == 2


def test_script_wrong_scope_ends_with_2(validate: Validate) -> None:
    """What cannot be understood is told, with what could."""
    done = validate("phase3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'phase1', 'phase2', 'all'" in done.stderr
