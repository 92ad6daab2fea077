"""Three machines, each a container with a Docker engine of its own, joined to one Swarm."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from lab.engine import Engine
from stockstream.config import ROOT
from support.waiting import wait_for

FILE = ROOT / "phase2/docker-stack.yml"
STACK = "stockstream"
NODES = ("n1", "n2", "n3")
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
ZOOKEEPERS = ("zookeeper-1", "zookeeper-2", "zookeeper-3")
#: The manager that the tests talk to; no test takes it down.
FIRST = NODES[0]
_PORT = 2375
#: What an engine in a container needs, where `--privileged` may be refused.
_MACHINE = (
    "--init", "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
    "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
    "--security-opt", "systempaths=unconfined",
    "--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--volume", "/var/lib/docker",
    # A machine that was switched off finds no pid file of its last life.
    "--tmpfs", "/run",
)  # fmt: skip


@dataclass(frozen=True)
class Container:
    """A task's container, and the node that it runs on."""

    node: str
    id: str


class Swarm:
    """A Swarm of three managers in the engine; everything of it is called `prefix`-something.

    `variables` are what a shell sets before the documented commands: the images' names.
    """

    def __init__(self, engine: Engine, prefix: str, variables: Mapping[str, str]) -> None:
        self.engine = engine
        self.variables = dict(variables)
        self.down: set[str] = set()
        #: Whether it was well again after the last test that waited for that.
        self.recovers = True
        self._prefix = prefix
        self._network = ""

    def start(self, images: Sequence[str], host_image: str) -> None:
        """Start the machines, join them, and bring the images in."""
        self._network = self._create_network()
        for node in NODES:
            self._run(node, host_image)
        for node in NODES:
            wait_for(lambda node=node: self.engine_of(node).answers())
        self.docker("swarm", "init", "--advertise-addr", self.address(FIRST))
        token = self.docker("swarm", "join-token", "--quiet", "manager")
        for node in NODES[1:]:
            self.docker(
                "swarm", "join", "--token", token, "--advertise-addr", self.address(node),
                f"{self.address(FIRST)}:2377", node=node,
            )  # fmt: skip
        self._load(images)

    def address(self, node: str) -> str:
        """Return the node's address, which the tests' machine reaches too."""
        return f"{self._network}.{10 + NODES.index(node)}"

    def engine_of(self, node: str) -> Engine:
        """Return the node's own engine."""
        host = {"DOCKER_HOST": f"tcp://{self.address(node)}:{_PORT}"}
        return Engine({**self.engine.environment, **self.variables, **host})

    def docker(self, *arguments: str, node: str = FIRST, check: bool = True) -> str:
        """Return what `docker ARGUMENTS` prints on the node."""
        return self.engine_of(node).docker(*arguments, check=check)

    def script(
        self, name: str, *arguments: str, node: str = FIRST, check: bool = False, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of the repository's scripts as on that node."""
        command = [str(ROOT / "scripts" / name), *arguments]
        return self.engine_of(node).run(command, check=check, timeout_s=600, **variables)

    def label(self, node: str, *labels: str) -> None:
        """Give the node labels, each name=value."""
        words = [word for label in labels for word in ("--label-add", label)]
        self.docker("node", "update", *words, node)

    def deploy(self, **variables: str) -> None:
        """Deploy the shipped stack with the plain documented command."""
        command = ["docker", "stack", "deploy", "-c", str(FILE), STACK]
        self.engine_of(FIRST).run(command, **variables)

    def replicas(self) -> dict[str, str]:
        """Return each service's replicas as Docker shows them: running/wanted."""
        shown = self.docker("service", "ls", "--format", "{{.Name}} {{.Replicas}}")
        lines = (line.split()[:2] for line in shown.splitlines())
        return {name.removeprefix(f"{STACK}_"): replicas for name, replicas in lines}

    def tasks(self, service: str) -> list[dict[str, Any]]:
        """Return the service's tasks as Docker lists them: Name, Node, DesiredState, ..."""
        arguments = ("service", "ps", "--no-trunc", "--format", "{{json .}}", f"{STACK}_{service}")
        return [json.loads(line) for line in self.docker(*arguments).splitlines()]

    def topics_made(self) -> bool:
        """Say whether the one-shot service has ended well."""
        return any(task["CurrentState"].startswith("Complete") for task in self.tasks("topics"))

    def wait_until_formed(self) -> None:
        """Wait until each service has all of its tasks, each healthy, and the topics are made."""
        wait_for(self.replicas, _all_there, timeout_s=300)
        wait_for(self.topics_made)

    def containers(self, service: str) -> list[Container]:
        """Return the containers of the service that run, on the nodes that are up."""
        label = f"label=com.docker.swarm.service.name={STACK}_{service}"
        found = {
            node: self.docker("ps", "--quiet", "--no-trunc", "--filter", label, node=node).split()
            for node in NODES
            if node not in self.down
        }
        return [Container(node, each) for node, ids in found.items() for each in ids]

    def container(self, service: str) -> Container:
        """Return the service's only container, as soon as there is one."""
        (found,) = wait_for(lambda: self.containers(service), lambda seen: len(seen) == 1)
        return found

    def inspect(self, container: Container) -> dict[str, Any]:
        """Return what Docker knows of the container."""
        found: dict[str, Any] = json.loads(
            self.docker("inspect", container.id, node=container.node)
        )[0]
        return found

    def kill(self, service: str) -> None:
        """Send SIGKILL to the service's process from its node: `docker kill` is no crash."""
        container = self.container(service)
        pid = self.inspect(container)["State"]["Pid"]
        self.on(container.node, "kill", "-KILL", str(pid))
        wait_for(lambda: not self.inspect(container)["State"]["Running"])

    @contextmanager
    def paused(self, *services: str) -> Iterator[None]:
        """Freeze the services' processes for a while.

        The kernel still accepts connections in their name, so that a broker's health check stays
        green; `docker pause` would freeze the check too, and Swarm would replace the task.
        """
        frozen = [self._processes(service) for service in services]
        for node, pids in frozen:
            self.on(node, "kill", "-STOP", *pids)
        try:
            yield
        finally:
            for node, pids in frozen:
                self.on(node, "kill", "-CONT", *pids)

    def _processes(self, service: str) -> tuple[str, list[str]]:
        """Return the service's node, and the ids of its processes there."""
        container = self.container(service)
        listed = self.docker("top", container.id, "-o", "pid", node=container.node)
        return container.node, listed.split()[1:]

    def expired_sessions(self, broker: str, since: str) -> int:
        """Return how often the broker that runs now has lost its ZooKeeper session, by its log."""
        container = self.container(broker)
        log = self.docker("logs", "--since", since, container.id, node=container.node)
        return log.count("Session expired.")

    def on(self, node: str, *command: str) -> str:
        """Run a command on the node itself, and return what it prints."""
        return self.engine.docker("exec", self._name(node), *command)

    def kill_node(self, node: str) -> None:
        """Switch a machine off, hard: everything on it is gone at once."""
        assert node != FIRST, f"{FIRST} is where the tests ask"
        self.engine.docker("kill", self._name(node))
        self.down.add(node)

    def start_node(self, node: str) -> None:
        """Switch a machine on again, and wait for its engine."""
        self.engine.docker("start", self._name(node))
        wait_for(self.engine_of(node).answers)
        self.down.discard(node)

    def take_down(self) -> None:
        """Remove all of it, and see that nothing is left."""
        label = ("--filter", f"label={self._label}")
        if ids := self.engine.docker("ps", "--all", "--quiet", *label).split():
            self.engine.docker("rm", "--force", "--volumes", *ids)
        if ids := self.engine.docker("network", "ls", "--quiet", *label).split():
            self.engine.docker("network", "rm", *ids)
        for node in NODES:
            wait_for(lambda node=node: not _cgroups_left(self._name(node)))

    @property
    def _label(self) -> str:
        return f"stockstream.lab={self._prefix}"

    def _name(self, node: str) -> str:
        return f"{self._prefix}-{node}"

    def _create_network(self) -> str:
        """Make a network that overlaps no other, and return the first three bytes of it."""
        # An engine that was killed leaves its networks on the machine; the next does not see them.
        taken = {a.address for each in psutil.net_if_addrs().values() for a in each}
        for third in range(16, 256):
            start = f"172.30.{third}"
            if any(address.startswith(f"{start}.") for address in taken):
                continue
            command = ["docker", "network", "create", "--label", self._label,
                       "--subnet", f"{start}.0/24", self._prefix]  # fmt: skip
            if (done := self.engine.run(command, check=False)).returncode == 0:
                return start
            assert "overlaps" in done.stderr, done.stderr
        raise AssertionError("no free subnet in 172.30.16.0 to 172.30.255.0")

    def _run(self, node: str, image: str) -> None:
        """Start a machine; its engine listens on the lab's own network only."""
        name = self._name(node)
        self.engine.docker(
            "run", "--detach", *_MACHINE, "--label", self._label, "--name", name,
            "--hostname", node, "--network", self._prefix, "--ip", self.address(node), image,
            "dockerd", f"--cgroup-parent=/{name}", "--tls=false",
            "--host", f"tcp://{self.address(node)}:{_PORT}", "--host", "unix:///run/docker.sock",
        )  # fmt: skip

    def _load(self, images: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory(prefix="stockstream-swarm-") as directory:
            archive = str(Path(directory, "images.tar"))
            self.engine.docker("save", "--output", archive, *images)
            for node in NODES:
                self.docker("load", "--input", archive, node=node)


def _all_there(replicas: Mapping[str, str]) -> bool:
    """Say whether all run that are wanted; the one-shot service is asked about elsewhere."""
    counts = {name: shown.split("/") for name, shown in replicas.items() if name != "topics"}
    return bool(counts) and all(running == wanted != "0" for running, wanted in counts.values())


def _cgroups_left(name: str) -> list[Path]:
    """Remove what the machine's engine left of control groups, and return what is still in use."""
    root = Path("/sys/fs/cgroup")
    tops = [path for path in (root / name, *root.glob(f"*/{name}")) if path.is_dir()]
    for top in tops:
        groups = [path for path in top.rglob("*") if path.is_dir()]
        for group in (*sorted(groups, reverse=True), top):  # a child before its parent
            with suppress(OSError):  # its last process is about to go: asked again
                group.rmdir()
    return [top for top in tops if top.is_dir()]
