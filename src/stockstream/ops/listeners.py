"""Whether clients can reach what the brokers advertise, read from the file alone."""

import re
from collections.abc import Iterator

from stockstream.ops.stackfile import Service, StackFile

_URL = re.compile(r"(?P<name>[A-Z0-9_]+)://(?P<host>[^:/,]*):(?P<port>\d+)")
_CLIENT_VARIABLES = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BROKERS",
    "KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS",
)


def listeners(stack: StackFile) -> Iterator[str]:
    """Each advertised address is one that somebody can reach and that the broker listens on."""
    for broker in stack.brokers:
        bound = _urls(broker, "KAFKA_LISTENERS")
        advertised = _urls(broker, "KAFKA_ADVERTISED_LISTENERS")
        protocols = broker.environment.get("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "")
        between = broker.environment.get("KAFKA_INTER_BROKER_LISTENER_NAME", "")
        if not advertised:
            yield f"{broker.name}: expected KAFKA_ADVERTISED_LISTENERS"
        if between not in advertised:
            yield f"{broker.name}: inter-broker listener {between or '(none)'} is not advertised"
        for name, (host, port) in advertised.items():
            if f"{name}:" not in protocols:
                yield f"{broker.name}: listener {name} has no security protocol"
            if name not in bound:
                yield f"{broker.name}: {name}: nothing listens, add it to KAFKA_LISTENERS"
            else:
                yield from _reachable(stack, broker, name, host, port, bound[name][1])


def _reachable(
    stack: StackFile, broker: Service, name: str, host: str, port: str, bound: str
) -> Iterator[str]:
    """Inside it is the service's own name and port; outside, a port that the host publishes."""
    where = f"{broker.name}: {name}://{host}:{port}"
    if host == broker.name:
        if port != bound:
            yield f"{where}: expected port {bound}, which it listens on"
    elif host in stack.services:
        yield f"{where}: that is another service"
    elif (port, bound) not in {(p.published, p.target) for p in broker.ports}:
        yield (
            f"{where}: nothing can reach it: expected {host} to be the service's name, or "
            f"a published port {port}:{bound}"
        )


def clients(stack: StackFile) -> Iterator[str]:
    """Each client names a broker's advertised address, on a network that both are on."""
    inside = {
        (broker.name, port): broker
        for broker in stack.brokers
        for host, port in _urls(broker, "KAFKA_ADVERTISED_LISTENERS").values()
        if host == broker.name
    }
    for service in stack.services.values():
        for variable in _CLIENT_VARIABLES:
            for address in filter(None, service.environment.get(variable, "").split(",")):
                host, _, port = address.strip().rpartition(":")
                yield from _shares(service, address, inside.get((host, port)))


def zookeeper_addresses(stack: StackFile) -> Iterator[str]:
    """Each broker names ZooKeepers of the file, on a network that both are on."""
    known = {
        (keeper.name, keeper.environment["ZOOKEEPER_CLIENT_PORT"]): keeper
        for keeper in stack.zookeepers
    }
    for broker in stack.brokers:
        given = broker.environment["KAFKA_ZOOKEEPER_CONNECT"].partition("/")[0]
        for address in given.split(","):
            host, _, port = address.strip().rpartition(":")
            yield from _shares(broker, address, known.get((host, port)))


def _shares(service: Service, address: str, server: Service | None) -> Iterator[str]:
    if server is None:
        yield f"{service.name}: {address}: no service listens there under that name"
    elif not service.networks & server.networks:
        yield f"{service.name}: {address}: expected a network that both are on"


def _urls(broker: Service, variable: str) -> dict[str, tuple[str, str]]:
    """Return host and port of each listener, by its name."""
    found = _URL.finditer(broker.environment.get(variable, ""))
    return {url["name"]: (url["host"], url["port"]) for url in found}
