"""Debian's docker-compose 1.29 runs the same file: up, exec, a second up, down."""

import os
import shutil
from collections.abc import Iterator

import pytest

from lab.engine import Engine
from lab.images import Images
from lab.stack import SERVICES, V1, Stack
from support.waiting import wait_for


@pytest.fixture(scope="module")
def old(engine: Engine, stand_ins: Images) -> Iterator[Stack]:
    """A project of its own under docker-compose 1.29."""
    if not shutil.which("docker-compose"):
        pytest.skip("docker-compose 1.29 is not installed: apt-get install docker-compose")
    project = Stack(engine, f"stockstream-lab-old-{os.getpid()}", V1)
    yield project
    project.take_down()


def test_docker_compose_1_29_brings_up_the_stack(old: Stack) -> None:
    """`up -d` ends with every service healthy and a tick in the WebSocket."""
    old.up()
    wait_for(old.validate, lambda seen: all(c["status"] == "PASS" for c in seen.values()))


def test_docker_compose_1_29_second_up_changes_nothing(old: Stack) -> None:
    """A second `up -d` leaves the containers as they are, and running."""

    def running() -> dict[str, tuple[str, str]]:
        seen = old.inspect()
        return {s: (seen[s]["Id"], seen[s]["State"]["StartedAt"]) for s in SERVICES}

    before = running()
    old.compose("up", "-d")
    assert running() == before


def test_docker_compose_1_29_exec_runs_kafkas_tools(old: Stack) -> None:
    """Kafka's tools run in the container."""
    command = ["kafka-topics", "--bootstrap-server", "localhost:9092", "--list"]
    assert "stock_ticks" in old.compose("exec", "-T", "kafka", *command)


def test_docker_compose_1_29_down_leaves_the_volumes(old: Stack) -> None:
    """`down` removes the containers and keeps the data."""
    old.compose("down")
    assert not old.inspect()
    assert old.engine.docker("volume", "ls", "-q", "--filter", f"name={old.project}_kafka-data")
