"""The checks of what Docker itself tells: nodes, and services at their wanted replicas."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from stockstream.ops.checks import CheckFailed, Checks
from stockstream.ops.swarm.facts import Facts, Node, Service, Task

#: The members, in the order of their ids; each has one task.
ZOOKEEPERS = ("zookeeper-1", "zookeeper-2", "zookeeper-3")
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
#: What has to be there for ticks to flow.
SERVICES = (*ZOOKEEPERS, *BROKERS, "topics", "producer", "consumer", "websocket-bridge")

#: The check of the network that brokers and ZooKeepers are asked on.
NETWORK = "network back"

#: It makes the topics and ends.
_ONE_SHOT = "topics"
#: A service whose tasks have failed as often within this time does not stay up, until it has run
#: for a while again.
_RESTARTS, _RESTARTS_WITHIN, _CALM = 3, timedelta(minutes=5), timedelta(minutes=1)


def check(checks: Checks, facts: Facts) -> None:
    """Check nodes and services; a service whose nodes are all lost follows from its node."""
    checks.run("Swarm", lambda: _swarm(facts))
    checks.run("stack", lambda: _stack(facts), after=["Swarm"])
    checks.run(NETWORK, lambda: _network(facts), after=["stack"])
    for node in facts.nodes:
        checks.run(f"node {node.hostname}", partial(_node, node), after=["Swarm"])
    for name in [*SERVICES, *sorted(set(facts.services) - set(SERVICES))]:
        service = facts.services.get(name)
        look = partial(_service, facts, name, service)
        after = ["stack", *(_lost_nodes(facts, service) if service else ())]
        checks.run(f"service {name}", look, after=after)


def _swarm(facts: Facts) -> str:
    if facts.problem:
        raise CheckFailed(
            f"{facts.problem}: where most managers are lost, docs/runbooks/node-lost.md"
        )
    return f"{len(facts.nodes)} nodes"


def _stack(facts: Facts) -> str:
    if not facts.services:
        raise CheckFailed(f"expected {facts.stack}, observed no service of it: scripts/deploy.sh")
    return f"{facts.stack}, {len(facts.services)} services"


def _network(facts: Facts) -> str:
    if facts.no_network:
        raise CheckFailed(facts.no_network)
    return f"{facts.stack}_back"


def _node(node: Node) -> str:
    state, availability = node.status.state, node.spec.availability
    if state != "ready":
        said = f"{state} ({node.status.message})" if node.status.message else state
        raise CheckFailed(
            f"expected ready, observed {said}: start the machine, or its Docker; "
            "docs/runbooks/node-lost.md"
        )
    if availability != "active" and node.carries_labels:
        raise CheckFailed(
            f"expected active, observed {availability}: "
            f"docker node update --availability active {node.hostname}"
        )
    return "ready" if availability == "active" else f"ready, {availability}, without a label"


def _lost_nodes(facts: Facts, service: Service) -> list[str]:
    """Return the checks of the nodes that the service may run on, where none of them is ready."""
    fitting = [node for node in facts.nodes if node.fits(service.constraints)]
    if any(node.is_ready for node in fitting):
        return []
    return [f"node {node.hostname}" for node in fitting]


def _service(facts: Facts, name: str, service: Service | None) -> str:
    if service is None:
        raise CheckFailed("expected it in the stack, observed none: scripts/deploy.sh")
    if name == _ONE_SHOT:
        return _one_shot(facts, service)
    wanted, running = _wanted(facts, service), facts.running(service)
    if not wanted:
        raise CheckFailed(_nothing_wanted(facts, name, service))
    if len(running) < wanted:
        raise CheckFailed(
            f"expected {wanted} running, observed {len(running)}: {_why(facts, name, service)}"
        )
    recent = list(_recent_failures(facts, service))
    calm = not recent or recent[0].status.timestamp < facts.at - _CALM
    if len(recent) >= _RESTARTS and not calm:
        raise CheckFailed(
            f"expected it to stay up, observed {len(recent)} failures within "
            f"{_RESTARTS_WITHIN.seconds // 60} minutes ({recent[0].problem}): "
            f"docker service logs {facts.stack}_{name}"
        )
    note = f", failures lately: {len(recent)} ({recent[0].problem})" if recent else ""
    return f"{len(running)} of {wanted}{note}"


def _wanted(facts: Facts, service: Service) -> int:
    if service.replicas is not None:
        return service.replicas
    return sum(node.is_ready and node.fits(service.constraints) for node in facts.nodes)


def _nothing_wanted(facts: Facts, name: str, service: Service) -> str:
    if service.replicas is None:
        return "expected a node with its label, observed none: scripts/prepare-swarm.sh"
    return (
        "expected at least 1 replica, observed that 0 are wanted: "
        f"docker service scale {facts.stack}_{name}=1"
    )


def _why(facts: Facts, name: str, service: Service) -> str:
    """Say why the service's newest task does not run, and what to do."""
    if not any(node.fits(service.constraints) for node in facts.nodes):
        return f"no node has the label of {name}: scripts/prepare-swarm.sh"
    up = {task.id for task in facts.running(service)}
    current = [t for t in facts.tasks_of(service) if t.id not in up]
    wanted = next((t for t in current if t.desired_state in ("running", "ready")), None)
    failures = list(_recent_failures(facts, service))
    said = wanted.problem if wanted else "no task"
    if failures and (wanted is None or not wanted.status.err):
        said += f", after {failures[0].problem}"
    return f"{said}: docker service ps --no-trunc {facts.stack}_{name}"


def _one_shot(facts: Facts, service: Service) -> str:
    newest = next(iter(facts.tasks_of(service)), None)
    if newest is not None and newest.status.state == "complete":
        return "done"
    said = newest.problem if newest else "no task"
    raise CheckFailed(
        f"expected it to have ended well, observed {said}: "
        f"docker service logs {facts.stack}_{_ONE_SHOT}"
    )


def _recent_failures(facts: Facts, service: Service) -> Iterator[Task]:
    since = facts.at - _RESTARTS_WITHIN
    for task in facts.tasks_of(service):
        if task.status.state in ("failed", "rejected") and task.status.timestamp > since:
            yield task
