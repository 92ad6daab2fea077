"""Each bridge by itself: whether it is well, how old its newest tick is, how far it is behind."""

import socket
from collections.abc import Collection
from functools import partial

import msgspec

from stockstream.ops.bridge_health import Health, ask
from stockstream.ops.checks import CheckFailed, Checks
from stockstream.ops.swarm.facts import Facts
from stockstream.ops.swarm.placement import NETWORK
from stockstream.ops.swarm.question import Deadline, Question

SERVICE = "websocket-bridge"
_PORT = 8080


class Bridge(msgspec.Struct, frozen=True):
    """A replica: the node where it runs, and its address on the network of the brokers."""

    node: str
    address: str


def replicas(facts: Facts) -> list[Bridge]:
    """Return the replicas that Docker takes for running."""
    service = facts.services.get(SERVICE)
    found = []
    for task in facts.running(service) if service else ():
        node, address = facts.node(task), task.address_on(f"{facts.stack}_back")
        if node and address:
            found.append(Bridge(node.hostname, address))
    return sorted(found, key=lambda bridge: bridge.node)


def resolve() -> set[str]:
    """Return the addresses that the service's name stands for: one a replica."""
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(SERVICE, None)}
    except OSError as error:
        raise CheckFailed(f"no address for {SERVICE}: {error.strerror or error}") from error


class Bridges:
    """Every replica, asked at once."""

    def __init__(self, facts: Facts, deadline: Deadline) -> None:
        self._facts = facts
        self._names = Question(resolve, deadline)
        self._asked = {
            b: Question(partial(ask, f"http://{b.address}:{_PORT}"), deadline)
            for b in replicas(facts)
        }

    def check(self, checks: Checks, limit_age_s: float, after: Collection[str]) -> None:
        """Check each replica; a tick's age follows from whatever is in `after`."""
        service = f"service {SERVICE}"
        if not self._asked:
            checks.run("bridge replicas", _nothing, after=[service, NETWORK])
            return
        checks.run("bridge replicas", self._found, after=[NETWORK])
        for bridge, question in self._asked.items():
            well = f"bridge on {bridge.node}"
            logs = f"docker service logs {self._facts.stack}_{SERVICE}"
            checks.run(well, partial(_well, question, logs), after=["topic stock_ticks", NETWORK])
            checks.run(
                f"tick at {well}", partial(_fresh, question, limit_age_s), after=[well, *after]
            )

    def groups(self) -> dict[str, str]:
        """Return the group that each replica commits its positions to, by its check."""
        service = self._facts.services.get(SERVICE)
        template = service.environment.get("CONSUMER_GROUP", "") if service else ""
        return {
            f"bridge on {bridge.node}": template.replace("{{.Node.Hostname}}", bridge.node)
            for bridge in self._asked
            if template
        }

    def _found(self) -> str:
        """The service's name leads to the replicas that Docker takes for running."""
        names, running = self._names.answer(), {bridge.address for bridge in self._asked}
        if names != running:
            raise CheckFailed(
                f"expected the name {SERVICE} to stand for {sorted(running)}, observed "
                f"{sorted(names)}: a task joins once it is healthy; where it lasts, "
                f"docker service update --force {self._facts.stack}_{SERVICE}"
            )
        return f"{len(running)} by their name"


def _nothing() -> str:
    raise CheckFailed("expected a running replica with an address, observed none")


def _well(question: Question[Health], logs: str) -> str:
    try:
        found = question.answer()
    except CheckFailed as error:
        raise CheckFailed(
            f"{error}: {logs}; Swarm replaces one that hangs within a minute"
        ) from error
    try:
        return found.require()
    except CheckFailed as error:
        raise CheckFailed(f"{error}: {logs}") from error


def _fresh(question: Question[Health], limit_s: float) -> str:
    age_ms = question.answer().tick_age_ms
    if age_ms is None or age_ms > limit_s * 1000:
        said = "no tick yet" if age_ms is None else f"{age_ms / 1000:.1f} s"
        raise CheckFailed(
            f"expected a tick of the last {limit_s:g} s, observed {said}: "
            "docker service logs of the producer and of the bridge"
        )
    return f"{age_ms / 1000:.1f} s old"
