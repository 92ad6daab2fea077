"""The shipped compose file, running: what a test does with it, and what it sees."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from lab.engine import Engine
from stockstream.config import ROOT
from stockstream.local.ports import free_port
from support.waiting import wait_for

FILE = ROOT / "phase1/docker-compose.yml"
SERVICES = ("zookeeper", "kafka", "producer", "consumer", "websocket-bridge")
V2, V1 = ("docker", "compose"), ("docker-compose",)


class Stack:
    """One compose project of the shipped file; `program` is the compose that runs it.

    Its ports are not the documented ones: the project goes down and up again, and in between
    the tests of run-local.sh, beside it, may take those.
    """

    def __init__(self, engine: Engine, project: str, program: tuple[str, ...] = V2) -> None:
        self.engine = engine
        self.project = project
        self.kafka_port = free_port()
        self.bridge_port = free_port()
        self._program = program

    @property
    def variables(self) -> dict[str, str]:
        """What a shell sets before the documented commands."""
        return {
            "COMPOSE_PROJECT_NAME": self.project,
            "KAFKA_EXTERNAL_PORT": str(self.kafka_port),
            "WEBSOCKET_PORT": str(self.bridge_port),
        }

    def compose(self, *arguments: str, files: tuple[Path, ...] = (), **variables: str) -> str:
        """Return what `compose ARGUMENTS` prints; `files` come on top of the shipped one."""
        given = [word for file in (FILE, *files) for word in ("-f", str(file))]
        command = [*self._program, *given, *arguments]
        return self.engine.run(command, timeout_s=600, **self.variables | variables).stdout

    def script(self, name: str, *arguments: str, check: bool = False, **variables: str) -> Any:
        """Run one of the repository's scripts on this stack."""
        command = [str(ROOT / "scripts" / name), *arguments]
        return self.engine.run(command, check=check, **self.variables | variables)

    def inspect(self) -> dict[str, dict[str, Any]]:
        """Return what Docker knows of each container, by its service."""
        label = f"label=com.docker.compose.project={self.project}"
        ids = self.engine.docker("ps", "--all", "--quiet", "--filter", label).split()
        found = json.loads(self.engine.docker("inspect", *ids)) if ids else []
        return {e["Config"]["Labels"]["com.docker.compose.service"]: e for e in found}

    def conditions(self) -> dict[str, str]:
        """Return each service's state and health, as in "running healthy"."""
        states = {service: entry["State"] for service, entry in self.inspect().items()}
        return {
            service: f"{state['Status']} {state.get('Health', {}).get('Status', '')}".strip()
            for service, state in states.items()
        }

    def is_healthy(self) -> bool:
        """Say whether every service that stays is healthy, and the one that ends has ended."""
        seen = self.conditions()
        return _all_healthy(seen) and seen.get("topics") == "exited"

    def wait_until_healthy(self) -> None:
        """Wait until every service that stays is healthy."""
        wait_for(self.conditions, _all_healthy)

    def up(self, *services: str, files: tuple[Path, ...] = (), **variables: str) -> None:
        """`up -d`, then wait until all is healthy."""
        self.compose("up", "-d", *services, files=files, **variables)
        self.wait_until_healthy()

    def validate(self, *options: str) -> dict[str, dict[str, Any]]:
        """Return what validate-cluster.sh says of each check."""
        done = self.script("validate-cluster.sh", "--json", *options)
        assert done.stdout, done.stderr
        return {check["name"]: check for check in json.loads(done.stdout)["checks"]}

    def kill(self, service: str) -> None:
        """Kill the container's process from the host: `docker kill` would count as a wish."""
        pid = self.inspect()[service]["State"]["Pid"]
        assert pid, f"{service} does not run"
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not psutil.pid_exists(pid))

    @contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """Freeze a service's processes for a while."""
        self.compose("pause", service)
        try:
            yield
        finally:
            self.compose("unpause", service)

    def take_down(self) -> None:
        """Remove all of it, data included, and see that nothing is left."""
        self.compose("--profile", "tools", "down", "--volumes", "--remove-orphans", "-t", "5")
        label = f"label=com.docker.compose.project={self.project}"
        for kind in (["ps", "--all"], ["volume", "ls"], ["network", "ls"]):
            left = self.engine.docker(*kind, "--quiet", "--filter", label)
            assert not left, f"left behind by down: {kind[0]} {left}"


def _all_healthy(conditions: Mapping[str, str]) -> bool:
    return all(conditions.get(service) == "running healthy" for service in SERVICES)


def override(path: Path, service: str, **entry: Mapping[str, Any] | list[str]) -> Path:
    """Write a file that changes one service of the shipped one, and return its path."""
    path.write_text(json.dumps({"services": {service: entry}}))  # JSON is YAML
    return path
