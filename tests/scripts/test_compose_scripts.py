"""reset.sh and build-image.sh beside a docker that only notes what it is asked for."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from support.faults import copy_repository

_PROGRAM = """#!/bin/bash
echo "${{0##*/}} $*" >>'{home}/calls'
case "$*" in
  "compose version") exit {v2} ;;
  "ps --all --quiet"*) cut -f 1 '{home}/stacks' ;;
  "ps --all "*) cat '{home}/stacks' ;;
  "volume ls "*) cat '{home}/volumes' ;;
esac
"""


class Machine:
    """A checkout, and a machine with these containers (project, directory) and volumes on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "checkout").mkdir()
        self.root = copy_repository(home / "checkout")
        (home / "bin").mkdir()
        self.install("docker", v2=0)
        self.has()

    def install(self, name: str, v2: int = 1) -> None:
        """Put a docker or docker-compose on the path."""
        program = self.home / "bin" / name
        program.write_text(_PROGRAM.format(home=self.home, v2=v2))
        program.chmod(0o755)

    def has(self, *stacks: tuple[str, Path], volumes: tuple[str, ...] = ()) -> None:
        """Let there be a container of each of these projects, and these volumes."""
        (self.home / "stacks").write_text("".join(f"{n}\t{d}\n" for n, d in stacks))
        (self.home / "volumes").write_text("".join(f"{name}\n" for name in volumes))

    @property
    def calls(self) -> list[str]:
        """What was asked for."""
        return (self.home / "calls").read_text().splitlines()

    @property
    def builds(self) -> list[str]:
        """The calls that build an image: ours, and then what lists its content."""
        return [call for call in self.calls if call.startswith("docker build")]

    @property
    def downs(self) -> list[str]:
        """Which programs have taken a stack down."""
        return [call.split(" -f ")[0] for call in self.calls if " down " in call]

    def run(
        self, *command: str, stdin: int = subprocess.DEVNULL, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts from another directory."""
        path = f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        kept = {k: v for k, v in os.environ.items() if k != "COMPOSE_PROJECT_NAME"}
        return subprocess.run(
            [self.root / "scripts" / command[0], *command[1:]],
            capture_output=True, text=True, timeout=60, stdin=stdin, cwd="/",
            env={**kept, "PATH": path, **variables},
        )  # fmt: skip

    def reset(self, answer: str) -> subprocess.CompletedProcess[str]:
        """Run reset.sh on a terminal, and answer it."""
        master, slave = pty.openpty()
        try:
            os.write(master, f"{answer}\n".encode())
            return self.run("reset.sh", stdin=slave)
        finally:
            os.close(master)
            os.close(slave)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with nothing on it."""
    return Machine(tmp_path)


def test_reset_asks_and_deletes_only_after_a_yes(machine: Machine) -> None:
    """The question names the project and its volumes; anything but yes deletes nothing."""
    machine.has(("phase1", machine.root / "phase1"), volumes=("phase1_kafka-data",))
    for answer in ("n", "", "yess"):
        done = machine.reset(answer)
        assert done.returncode == 1
        assert "Project phase1: 1 containers, and the volumes phase1_kafka-data" in done.stderr
        assert "nothing was deleted" in done.stderr
    assert not machine.downs
    done = machine.reset("yes")
    assert done.returncode == 0, done.stderr
    assert machine.downs == ["docker compose"]


def test_reset_of_nothing_says_so(machine: Machine) -> None:
    """Where there is nothing, nothing is said to be deleted; a name that was given is an error."""
    done = machine.run("reset.sh", "--yes")
    assert (done.returncode, machine.downs) == (0, [])
    assert "nothing to delete" in done.stdout
    done = machine.run("reset.sh", "--yes", COMPOSE_PROJECT_NAME="typo")
    assert (done.returncode, machine.downs) == (2, [])
    assert "COMPOSE_PROJECT_NAME=typo: expected the name of a stack" in done.stderr


def test_reset_leaves_another_checkout_s_stack_alone(machine: Machine, tmp_path: Path) -> None:
    """A project of the same name that another directory has started is not deleted."""
    machine.has(("phase1", tmp_path), volumes=("phase1_data",))
    done = machine.run("reset.sh", "--yes")
    assert (done.returncode, machine.downs) == (2, [])
    assert f"the project phase1 runs {tmp_path}, not this checkout" in done.stderr


def test_reset_finds_a_stack_that_was_started_through_a_link(
    machine: Machine, tmp_path: Path
) -> None:
    """Compose notes the directory as it was called; it is the same one all the same."""
    link = tmp_path / "link"
    link.symlink_to(machine.root)
    machine.has(("shop", link / "phase1"))
    done = machine.run("reset.sh", "--yes")
    assert done.returncode == 0, done.stderr
    assert machine.downs == ["docker compose"]


def test_reset_of_two_stacks_asks_which(machine: Machine) -> None:
    """Where the directory runs as two projects, the one that is meant has to be named."""
    here = machine.root / "phase1"
    machine.has(("one", here), ("two", here))
    done = machine.run("reset.sh", "--yes")
    assert (done.returncode, machine.downs) == (2, [])
    assert "runs as one two: set COMPOSE_PROJECT_NAME" in done.stderr
    assert machine.run("reset.sh", "--yes", COMPOSE_PROJECT_NAME="two").returncode == 0


def test_reset_after_down_takes_the_name_from_env(machine: Machine) -> None:
    """Without a container the project's name comes from .env, as for compose, else from phase1/."""
    machine.has(volumes=("shop_kafka-data",))
    (machine.root / "phase1/.env").write_text("COMPOSE_PROJECT_NAME=shop  # ours\n")
    assert machine.run("reset.sh", "--yes").returncode == 0
    assert any("label=com.docker.compose.project=shop" in call for call in machine.calls)


@pytest.mark.parametrize(
    ("v2", "v1", "taken"),
    [(0, True, ["docker compose"]), (1, True, ["docker-compose"]), (1, False, [])],
)
def test_compose_v2_is_taken_where_it_is_there(
    machine: Machine, v2: int, v1: bool, taken: list[str]
) -> None:
    """Else 1.29; with neither, the script says so and exits 2."""
    machine.has(("phase1", machine.root / "phase1"))
    machine.install("docker", v2)
    # Before the one that the tests' machine may have.
    machine.install("docker-compose")
    if not v1:
        (machine.home / "bin/docker-compose").write_text("#!/bin/sh\nexit 127\n")
    done = machine.run("reset.sh", "--yes")
    assert machine.downs == taken
    assert done.returncode == (0 if taken else 2)
    assert bool(taken) != ("neither docker compose nor docker-compose" in done.stderr)


def test_build_image_takes_the_names_that_compose_takes(machine: Machine) -> None:
    """The images of phase1/.env are used and made, except where the environment names others."""
    (machine.root / "phase1/.env").write_text(
        "PYTHON_IMAGE=mirror/python:3.12\nexport STOCKSTREAM_IMAGE='ours:1'\nNODE_IMAGE=node:1\n"
    )
    done = machine.run("build-image.sh", NODE_IMAGE="node:2")
    assert done.stdout.split() == ["ours:1", "stockstream-bridge:dev"]
    build, _ = machine.builds
    for word in ("PYTHON_IMAGE=mirror/python:3.12", "NODE_IMAGE=node:2", "--tag ours:1"):
        assert word in build


def test_build_image_lists_what_is_in_the_image_by_the_same_base(machine: Machine) -> None:
    """The bill of materials comes out of a build on ours; where that fails, so does the script."""
    done = machine.run("build-image.sh", PYTHON_IMAGE="mirror/python:3.12", STOCKSTREAM_IMAGE="a:1")
    _, bill = machine.builds
    for word in ("IMAGE=a:1", "PYTHON_IMAGE=mirror/python:3.12", "--tag a:1-sbom"):
        assert word in bill
    assert re.search(
        r"^bill of materials: \.local/stockstream-[\d.]+\.cdx\.json$", done.stderr, re.M
    )
    docker = machine.home / "bin/docker"
    docker.write_text(docker.read_text() + 'case "$*" in *--tag*-sbom*) exit 1 ;; esac\n')
    assert machine.run("build-image.sh").returncode == 1


def test_build_image_takes_base_images_by_digest(machine: Machine) -> None:
    """A name with a digest reaches Docker as it stands, quoted or not."""
    python, node = (f"{name}@sha256:{64 * 'a'}" for name in ("python", "mirror:5000/node:22"))
    (machine.root / "phase1/.env").write_text(f"PYTHON_IMAGE={python}\nNODE_IMAGE='{node}'\n")
    machine.run("build-image.sh")
    build, _ = machine.builds
    assert f"--build-arg PYTHON_IMAGE={python} " in build
    assert f"--build-arg NODE_IMAGE={node} " in build


@pytest.mark.parametrize("script", ["build-image.sh", "reset.sh"])
def test_bad_line_of_env_is_named_by_its_number(machine: Machine, script: str) -> None:
    """It stops the script before compose or Docker could show what may be a secret."""
    (machine.root / "phase1/.env").write_text("# fine\nPYTHON IMAGE=hunter2\n")
    done = machine.run(script, COMPOSE_PROJECT_NAME="phase1")
    assert done.returncode == 2
    assert "phase1/.env, line 2: expected NAME=value\n" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("registry", [(), ("",), ("--help",)])
def test_build_image_push_without_a_registry_is_refused(
    machine: Machine, registry: tuple[str, ...]
) -> None:
    """A missing value is not taken from the next option."""
    done = machine.run("build-image.sh", "--push", *registry)
    assert done.returncode == 2
    assert "--push needs a registry" in done.stderr
