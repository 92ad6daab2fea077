"""Which program is asked about a stack file: v2 of compose where both are there."""

from pathlib import Path

import pytest

from stockstream.ops import docker_clients
from stockstream.ops.checks import CheckFailed, CheckSkipped
from support.stubs import Stubs

FILE = Path("phase1/docker-compose.yml")
CONFIG = f"-f {FILE} config --quiet"

V2 = "exit 0"
#: Docker without the plugin takes `compose` for an unknown command.
NO_V2 = "echo 'docker: compose is no docker command' >&2; exit 1"
REFUSES = "case $* in *config*) echo 'services.x is wrong' >&2; exit 15 ;; esac"


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stubs:
    """A PATH with nothing on it but what a test puts there."""
    made = Stubs(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(made.path))
    return made


def test_compose_config_both_there_asks_v2(stubs: Stubs) -> None:
    """The newer one is what the documents name."""
    stubs.add("docker", V2)
    stubs.add("docker-compose", "exit 0")
    assert docker_clients.compose_config(FILE) == "docker compose"
    assert stubs.asked == ["docker compose version", f"docker compose {CONFIG}"]


def test_compose_config_docker_without_compose_asks_the_older(stubs: Stubs) -> None:
    """An engine without the plugin is no reason not to ask."""
    stubs.add("docker", NO_V2)
    stubs.add("docker-compose", "exit 0")
    assert docker_clients.compose_config(FILE) == "docker-compose"
    assert stubs.asked[-1] == f"docker-compose {CONFIG}"


def test_compose_config_older_alone_is_asked(stubs: Stubs) -> None:
    """docker-compose needs no docker."""
    stubs.add("docker-compose", "exit 0")
    assert docker_clients.compose_config(FILE) == "docker-compose"


@pytest.mark.parametrize("name", ["docker", "docker-compose"])
def test_compose_config_refused_fails_with_its_words(stubs: Stubs, name: str) -> None:
    """What compose says is what the user needs, and the other one is not asked instead."""
    stubs.add("docker", NO_V2)
    stubs.add("docker-compose", "exit 0")
    stubs.add(name, REFUSES)
    with pytest.raises(CheckFailed, match=r"^docker.compose: services\.x is wrong$"):
        docker_clients.compose_config(FILE)


@pytest.mark.parametrize("docker", [None, NO_V2])
def test_compose_config_without_any_is_skipped(stubs: Stubs, docker: str | None) -> None:
    """Nobody to ask is not a failure; the line says so."""
    if docker:
        stubs.add("docker", docker)
    with pytest.raises(CheckSkipped, match="neither docker compose nor docker-compose"):
        docker_clients.compose_config(FILE)


def test_compose_config_that_hangs_fails(stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not answer is named, and does not stop the validator."""
    monkeypatch.setattr(docker_clients, "_TIMEOUT_S", 0.2)
    stubs.add("docker", "while :; do :; done")
    with pytest.raises(CheckFailed, match=r"docker compose version: no answer within 0\.2 s"):
        docker_clients.compose_config(FILE)
