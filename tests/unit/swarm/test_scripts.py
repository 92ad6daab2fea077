"""The Swarm's scripts where there is no Swarm, and with arguments that they do not know."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stockstream.config import ROOT

SCRIPTS = ["prepare-swarm.sh", "deploy.sh", "roll.sh", "create-prod-topics.sh", "remove.sh"]


def run(directory: Path, docker: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a script with a docker that does this."""
    program = directory / "docker"
    program.write_text(f"#!/bin/sh\necho called >>'{directory}/calls'\n{docker}\n")
    program.chmod(0o755)
    path = f"{directory}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [ROOT / "scripts" / command[0], *command[1:]],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": path},
    )  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("docker", "said"),
    [
        ("exit 1", "no Docker engine answers"),
        ("echo inactive false", "docker swarm init --advertise-addr ADDRESS"),
        ("echo active false", "run this on a manager"),
        ("echo locked false", "docker swarm unlock"),
    ],
)
def test_script_without_a_manager_exits_2_with_the_command_to_run(
    tmp_path: Path, script: str, docker: str, said: str
) -> None:
    """What is missing is told with what to do, and nothing else is asked of Docker."""
    done = run(tmp_path, docker, script)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{script}: ")
    assert said in done.stderr
    assert (tmp_path / "calls").read_text() == "called\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("prepare-swarm.sh", "--nodes"), "--nodes needs"),
        (("deploy.sh", "--timeout", "soon"), "--timeout soon: expected a whole number, 1 to 86400"),
        (("deploy.sh", "--timeout", "0"), "--timeout 0: expected a whole number, 1 to 86400"),
        (("deploy.sh", "--timeout", "86401"), "--timeout 86401: expected"),
        (("deploy.sh", "--timeout", "9" * 30), f"--timeout {'9' * 30}: expected"),
        (("roll.sh", "everything"), "unknown option everything"),
        (("roll.sh", "--timeout"), "expected a whole number, 1 to 86400"),
        (("remove.sh", "--timeout", "-1"), "expected a whole number, 1 to 86400"),
        (("create-prod-topics.sh", "plan", "--watch"), "unknown option --watch of plan"),
        (("create-prod-topics.sh", "health", "--max-lag", "x"), "--max-lag x: expected"),
        (("create-prod-topics.sh", "delete"), "unknown option delete of apply"),
    ],
)
def test_script_wrong_argument_exits_2_and_asks_docker_nothing(
    tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    """A wrong argument is named before anything is done."""
    done = run(tmp_path, "exit 0", *command)
    assert done.returncode == 2
    assert said in done.stderr
    assert "--help" in done.stderr
    assert not (tmp_path / "calls").exists()


def test_remove_deletes_no_ticks_without_being_asked_twice(tmp_path: Path) -> None:
    """Without a terminal, --volumes needs --yes."""
    done = run(tmp_path, "echo active true", "remove.sh", "--volumes")
    assert done.returncode == 2
    assert "it needs --yes" in done.stderr


def test_prepare_swarm_refuses_two_nodes(tmp_path: Path) -> None:
    """Two nodes cannot outvote a lost one: one has to be named."""
    answers = """case "$1 $2" in
"info "*) echo active true ;;
"node ls") echo a b ;;
"node inspect") echo n1 a ready,active 20.10.24 8589934592; echo n2 b ready,active 20.10.24 1 ;;
esac"""
    done = run(tmp_path, answers, "prepare-swarm.sh")
    assert done.returncode == 2
    assert "--nodes n1 takes one of them" in done.stderr


def test_prepare_swarm_refuses_an_old_engine(tmp_path: Path) -> None:
    """A node whose engine is too old gets no label."""
    answers = """case "$1 $2" in
"info "*) echo active true ;;
"node ls") echo a ;;
"node inspect") echo n1 a ready,active 19.03.15 8589934592 ;;
"node update") touch "${0%/*}/updated" ;;
esac"""
    done = run(tmp_path, answers, "prepare-swarm.sh")
    assert done.returncode == 1
    assert "n1: expected Docker 20.10 or newer, observed 19.03.15" in done.stderr
    assert not (tmp_path / "updated").exists()


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (["Preparing a second ago\\t", "Rejected 2 seconds ago\\tNo such image: x", "Failed\\told"],
         "Preparing a second ago; before that Rejected 2 seconds ago: No such image: x"),
        (["Rejected 2 seconds ago\\tNo such image: x"], "Rejected 2 seconds ago: No such image: x"),
        (["Preparing 9 minutes ago\\t", "Shutdown 9 minutes ago\\t"], "Preparing 9 minutes ago"),
        ([], ""),
    ],
)  # fmt: skip
def test_why_names_the_newest_failure_also_behind_a_task_that_took_its_place(
    tmp_path: Path, tasks: list[str], said: str
) -> None:
    """Docker makes the next task before anybody can ask about the one that failed."""
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nprintf '" + "".join(f"{task}\\n" for task in tasks) + "'\n")
    program.chmod(0o755)
    show = "source scripts/lib/setup.sh; source scripts/lib/swarm.sh; why kafka-1"
    done = subprocess.run(
        ["bash", "-euc", show], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stdout.strip() == said


def variables(
    checkout: Path, text: str, command: str = 'echo "$STACK|$KAFKA_HEAP"', **environment: str
) -> subprocess.CompletedProcess[str]:
    """Show what a script in a checkout with this phase2/.env sees, or what a command prints."""
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    (checkout / "phase2").mkdir(exist_ok=True)
    (checkout / "phase2/.env").write_text(text)
    show = f"source scripts/lib/setup.sh; source scripts/lib/swarm.sh; {command}"
    return subprocess.run(
        ["bash", "-euc", show],
        cwd=checkout, capture_output=True, text=True, timeout=60, env={**os.environ, **environment},
    )  # fmt: skip


def test_env_file_is_taken_behind_the_environment(tmp_path: Path) -> None:
    """Its values count where the environment has none; nothing in it is run."""
    text = '# a comment\n\nSTACK_NAME="market"\nKAFKA_HEAP=$(echo 1g)'
    assert variables(tmp_path / "a", text).stdout == "market|$(echo 1g)\n"
    assert variables(tmp_path / "b", text, KAFKA_HEAP="2g").stdout == "market|2g\n"


def test_stack_images_may_be_named_by_digest(tmp_path: Path) -> None:
    """What deploy.sh looks for in a registry is the name with its digest."""
    named = f"mirror:5000/cp-kafka:7.9.7@sha256:{64 * 'a'}"
    shutil.copytree(ROOT / "phase2", tmp_path / "phase2")
    text = f"KAFKA_IMAGE={named}"
    done = variables(tmp_path, text, "source scripts/lib/deployment.sh; stack_images")
    assert named in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("KAFKA_HEAP: hunter2", "expected NAME=value"),
        ("MY KEY=hunter2", "expected NAME=value"),
        ("KAFKA_HEAP='hunter2", "expected a quote at the value's end too"),
    ],
)
def test_env_file_bad_line_is_named_by_its_number(tmp_path: Path, line: str, said: str) -> None:
    """It stops the script, which does not show what may be a secret."""
    done = variables(tmp_path / "a", f"STACK_NAME=market\n{line}\n")
    assert done.returncode == 2
    assert f"phase2/.env, line 2: {said}\n" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
