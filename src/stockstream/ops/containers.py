"""The containers of the Phase 1 stack, found by their service, whatever the project is called."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from stockstream.errors import StackError

_TIMEOUT_S = 60
_PROJECT = "com.docker.compose.project"


class Container(msgspec.Struct, frozen=True):
    """One container: `health` is "" without a health check, `image` the image's id.

    `state` is Docker's word: created, running, paused, restarting, exited, dead. `ports` are the
    addresses on this machine where the container's ports are published.
    """

    id: str
    name: str
    service: str
    image: str
    state: str
    health: str
    exit_code: int
    networks: tuple[str, ...]
    ports: Mapping[int, str]

    @property
    def condition(self) -> str:
        """Its state, and its health or exit code where there is one."""
        how = self.exit_code if self.state == "exited" else self.health
        return f"{self.state} {how}".strip()


def docker(*arguments: str, timeout_s: float = _TIMEOUT_S) -> str:
    """Return what `docker ARGUMENTS` prints.

    Raises:
        StackError: it failed, does not answer, or is not installed.
    """
    shown = f"docker {' '.join(arguments[:2])}"
    try:
        done = subprocess.run(
            ["docker", *arguments],  # noqa: S607 - wherever the user has it
            capture_output=True, text=True, timeout=timeout_s,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise StackError("docker is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{shown}: no answer within {timeout_s:g} s") from error
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise StackError(f"{shown}: exit code {done.returncode}: {said[-500:]}")
    return done.stdout


def project_of(directory: Path, name: str | None) -> str:
    """Return the compose project of the file in `directory`; `name` decides where it is given.

    Raises:
        StackError: no container of it is there, or those of several projects.
    """
    if name:
        return name
    label = f"{_PROJECT}.working_dir"
    wanted = f'{{{{.Label "{_PROJECT}"}}}}\t{{{{.Label "{label}"}}}}'
    listed = docker("ps", "--all", "--filter", f"label={label}", "--format", wanted)
    found = (line.split("\t") for line in listed.splitlines())
    # Compose notes the directory as it was called, perhaps through a link.
    projects = sorted({name for name, place in found if _is_same(Path(place), directory)})
    if not projects:
        raise StackError(
            f"no container of {directory} is there: docker compose -f "
            f"{directory.name}/docker-compose.yml up -d"
        )
    if len(projects) > 1:
        raise StackError(
            f"{directory} runs as {' and '.join(projects)}: set COMPOSE_PROJECT_NAME to one of them"
        )
    return projects[0]


def _is_same(place: Path, directory: Path) -> bool:
    return place.exists() and place.samefile(directory)


def containers_of(project: str) -> list[Container]:
    """Return the project's containers by name, without those of `compose run`."""
    listed = docker("ps", "--all", "--quiet", "--filter", f"label={_PROJECT}={project}").split()
    if not listed:
        return []
    found = [_container(entry) for entry in json.loads(docker("inspect", *listed))]
    return sorted((c for c in found if c.service), key=lambda container: container.name)


def _container(entry: dict[str, dict[str, object]]) -> Container:
    state, labels = entry["State"], entry["Config"]["Labels"]
    assert isinstance(labels, dict)  # noqa: S101 - what Docker documents
    one_off = labels.get("com.docker.compose.oneoff", "False") == "True"
    health = state.get("Health")
    settings = entry["NetworkSettings"]
    networks, ports = settings["Networks"], settings["Ports"]
    return Container(
        id=str(entry["Id"]),
        name=str(entry["Name"]).removeprefix("/"),
        service="" if one_off else str(labels.get("com.docker.compose.service", "")),
        image=str(entry["Image"]),
        state=str(state["Status"]),
        health=str(health["Status"]) if isinstance(health, dict) else "",
        exit_code=int(str(state["ExitCode"])),
        networks=tuple(networks) if isinstance(networks, dict) else (),
        ports=_published(ports),
    )


def _published(ports: object) -> dict[int, str]:
    found = ports.items() if isinstance(ports, dict) else ()
    return {int(inner.partition("/")[0]): _address(outer[0]) for inner, outer in found if outer}


def _address(binding: Mapping[str, str]) -> str:
    """Return where a program on this machine reaches a published port."""
    host = binding["HostIp"]
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - it is everywhere, so here too
        host = "localhost"
    return f"[{host}]:{binding['HostPort']}" if ":" in host else f"{host}:{binding['HostPort']}"
