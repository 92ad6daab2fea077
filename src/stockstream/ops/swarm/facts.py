"""What Docker knows of the stack, as the scripts hand it over: a line a thing, its kind in front.

The tools run in a container, and no container gets the Docker socket: the script collects, with
the docker client, on the node where it runs.
"""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from stockstream.errors import StackError


class _Docker(msgspec.Struct, frozen=True, rename="pascal"):
    """An object as Docker's API writes it; what is not named here is left out."""


class _NodeStatus(_Docker, frozen=True):
    state: str = "unknown"
    message: str = ""


class _NodeSpec(_Docker, frozen=True):
    availability: str = "active"
    labels: dict[str, str] = {}


class _Description(_Docker, frozen=True):
    hostname: str = ""


class Node(_Docker, frozen=True):
    """A machine of the Swarm."""

    id: str = msgspec.field(name="ID")
    spec: _NodeSpec = _NodeSpec()
    description: _Description = _Description()
    status: _NodeStatus = _NodeStatus()

    @property
    def hostname(self) -> str:
        return self.description.hostname or self.id

    @property
    def is_ready(self) -> bool:
        return self.status.state == "ready" and self.spec.availability == "active"

    @property
    def carries_labels(self) -> bool:
        """Whether anything of the stack has its place there."""
        return any(label.startswith("stockstream.") for label in self.spec.labels)

    def fits(self, constraints: Iterable[str]) -> bool:
        """Whether it carries the labels that the constraints want; others are not looked at."""
        for constraint in constraints:
            name, _, value = (part.strip() for part in constraint.partition("=="))
            label = name.removeprefix("node.labels.")
            if name != label and self.spec.labels.get(label) != value:
                return False
        return True


class _Placement(_Docker, frozen=True):
    constraints: list[str] = []


class _ContainerSpec(_Docker, frozen=True):
    image: str = ""
    env: list[str] = []


class _TaskTemplate(_Docker, frozen=True):
    container_spec: _ContainerSpec = _ContainerSpec()
    placement: _Placement = _Placement()


class _Replicated(_Docker, frozen=True):
    replicas: int = 0


class _Mode(_Docker, frozen=True):
    replicated: _Replicated | None = None


class _ServiceSpec(_Docker, frozen=True):
    name: str
    mode: _Mode = _Mode()
    task_template: _TaskTemplate = _TaskTemplate()


class Service(_Docker, frozen=True):
    """A service; `replicas` is None where it runs once on each node that fits."""

    id: str = msgspec.field(name="ID")
    spec: _ServiceSpec

    @property
    def replicas(self) -> int | None:
        replicated = self.spec.mode.replicated
        return None if replicated is None else replicated.replicas

    @property
    def constraints(self) -> list[str]:
        return self.spec.task_template.placement.constraints

    @property
    def environment(self) -> dict[str, str]:
        pairs = (entry.partition("=") for entry in self.spec.task_template.container_spec.env)
        return {name: value for name, _, value in pairs}


class _ContainerStatus(_Docker, frozen=True):
    exit_code: int = 0


class _TaskStatus(_Docker, frozen=True):
    timestamp: datetime
    state: str = "unknown"
    err: str = ""
    container_status: _ContainerStatus | None = None


class _NetworkSpec(_Docker, frozen=True):
    name: str = ""


class _Network(_Docker, frozen=True):
    spec: _NetworkSpec = _NetworkSpec()


class _Attachment(_Docker, frozen=True):
    network: _Network = _Network()
    addresses: list[str] | None = None


class Task(_Docker, frozen=True):
    """One run of a service on a node; `desired_state` is what the Swarm wants of it."""

    id: str = msgspec.field(name="ID")
    service_id: str = msgspec.field(name="ServiceID")
    status: _TaskStatus
    desired_state: str
    created_at: datetime
    node_id: str = msgspec.field(name="NodeID", default="")
    networks_attachments: list[_Attachment] | None = None

    @property
    def problem(self) -> str:
        """Docker's words on why it does not run, with the exit code where there is one."""
        ended = self.status.container_status
        if self.status.err or ended is None or not ended.exit_code:
            return self.status.err or self.status.state
        return f"{self.status.state}, exit code {ended.exit_code}"

    def address_on(self, network: str) -> str | None:
        """Return its address on a network."""
        for attachment in self.networks_attachments or []:
            if attachment.network.spec.name == network and attachment.addresses:
                return attachment.addresses[0].partition("/")[0]
        return None


class Facts(msgspec.Struct, frozen=True):
    """All of it. `problem` is what Docker refused to tell, `topics_file` config/topics.yml.

    `at` is when it was true; `no_network` is why this does not run on the network of the brokers.
    """

    stack: str
    at: datetime
    nodes: list[Node]
    services: dict[str, Service]
    tasks: list[Task]
    problem: str = ""
    no_network: str = ""
    topics_file: str | None = None

    def tasks_of(self, service: Service) -> list[Task]:
        """Return the service's tasks, the newest first."""
        mine = [task for task in self.tasks if task.service_id == service.id]
        return sorted(mine, key=lambda task: task.created_at, reverse=True)

    def running(self, service: Service) -> list[Task]:
        """Return its tasks that run, and healthily; a lost node's are not known to."""
        up = {node.id for node in self.nodes if node.status.state == "ready"}
        return [
            task
            for task in self.tasks_of(service)
            if task.status.state == task.desired_state == "running" and task.node_id in up
        ]

    def node(self, task: Task) -> Node | None:
        """Return where the task is; None before it was placed, and once the node was removed."""
        return next((node for node in self.nodes if node.id == task.node_id), None)


def read(lines: Iterable[str], stack: str, at: datetime | None = None) -> Facts:
    """Read the lines `node {...}`, `service {...}`, `task {...}`, and what else `Facts` has.

    They are taken to be true `at` that time; now where none is given.

    Raises:
        StackError: a line is none of these.
    """
    objects: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    texts = {"problem": "", "no-network": "", "topics-file": ""}
    for line in filter(None, map(str.strip, lines)):
        kind, _, content = line.partition(" ")
        try:
            if kind in texts:
                texts[kind] = content
            else:
                objects[kind].append(msgspec.json.decode(content, type=_KINDS[kind]))
        except (KeyError, ValueError) as error:
            raise StackError(f"expected what docker inspect says, got {line[:200]!r}") from error
    return Facts(
        stack,
        at or datetime.now(UTC),
        sorted(objects["node"], key=lambda node: node.hostname),
        {entry.spec.name.removeprefix(f"{stack}_"): entry for entry in objects["service"]},
        objects["task"],
        texts["problem"],
        texts["no-network"],
        base64.b64decode(texts["topics-file"]).decode() or None,
    )


_KINDS: dict[str, type[_Docker]] = {"node": Node, "service": Service, "task": Task}
