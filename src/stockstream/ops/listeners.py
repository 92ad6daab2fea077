"""Whether clients can reach what the brokers advertise, read from the file alone."""

from collections import Counter
from collections.abc import Iterator

from stockstream.ops import notation
from stockstream.ops.notation import Listener, Port
from stockstream.ops.stackfile import Service, StackFile

_CLIENT_VARIABLES = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BROKERS",
    "KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS",
)
_BOUND, _ADVERTISED = "KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS"


def listeners(stack: StackFile) -> Iterator[str]:
    """Each advertised address is one that somebody can reach and that the broker listens on."""
    for broker in stack.brokers:
        bound, advertised = _urls(broker, _BOUND), _urls(broker, _ADVERTISED)
        between = broker.environment.get("KAFKA_INTER_BROKER_LISTENER_NAME", "")
        if not advertised:
            yield f"{broker.name}: expected {_ADVERTISED}"
        if between not in advertised:
            yield f"{broker.name}: inter-broker listener {between or '(none)'} is not advertised"
        yield from _written(broker)
        yield from _protocols(broker, sorted({*bound, *advertised}))
        for name, url in advertised.items():
            if name not in bound:
                yield f"{broker.name}: {name}: nothing listens, add it to {_BOUND}"
            else:
                yield from _reachable(stack, broker, url, bound[name])
        for name in sorted(bound.keys() - advertised.keys()):
            yield f"{broker.name}: {name} is not advertised: who asks there is told no address"
        for port in broker.ports:
            yield from _leads_to_listener(broker, port)


def _written(broker: Service) -> Iterator[str]:
    """Kafka reads all of both lists, and finds each name and port once."""
    for variable in (_BOUND, _ADVERTISED):
        words = broker.environment.get(variable, "").split(",")
        for word in filter(None, words):
            if not notation.listeners(word):
                yield f"{broker.name}: {variable}: {word}: expected NAME://HOST:PORT"
        found = notation.listeners(",".join(words))
        once = [*(url.name for url in found)]
        if variable == _BOUND:
            once += [f"port {url.port}" for url in found]
        for what, times in Counter(once).items():
            if times > 1:
                yield f"{broker.name}: {variable}: {what}: expected once, observed {times} times"


def _protocols(broker: Service, names: list[str]) -> Iterator[str]:
    """No client here speaks TLS, or logs in."""
    given = broker.environment.get("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "")
    protocols = dict(word.strip().partition(":")[::2] for word in given.split(","))
    for name in names:
        if (found := protocols.get(name, "none")) != "PLAINTEXT":
            yield (
                f"{broker.name}: listener {name}: expected the security protocol PLAINTEXT, "
                f"observed {found}"
            )


def _reachable(stack: StackFile, broker: Service, url: Listener, bound: Listener) -> Iterator[str]:
    """Inside it is the service's own name and port; outside, a port that the host publishes."""
    where = f"{broker.name}: {url}"
    if notation.is_loopback(bound.host):
        yield f"{broker.name}: {bound}: only the container itself reaches it: expected 0.0.0.0"
    if url.host == broker.name:
        if url.port != bound.port:
            yield f"{where}: expected port {bound.port}, which it listens on"
        return
    if url.host in stack.services:
        yield f"{where}: that is another service"
        return
    ways = [p for p in broker.ports if (p.published, p.target) == (url.port, bound.port)]
    if not url.host or not ways:
        yield (
            f"{where}: nothing can reach it: expected {url.host} to be the service's name, or "
            f"a published port {url.port}:{bound.port}"
        )
    elif all(way.on_loopback for way in ways) and not notation.is_loopback(url.host):
        yield f"{where}: expected localhost: the port is published on {ways[0].bind} only"


def _leads_to_listener(broker: Service, port: Port) -> Iterator[str]:
    """Who comes by a published port is told an address, which has to be one of outside."""
    where = f"{broker.name}: port {port.published}:{port.target}"
    advertised = _urls(broker, _ADVERTISED)
    names = [url.name for url in _urls(broker, _BOUND).values() if url.port == port.target]
    if not names:
        yield f"{where}: no listener is there"
    for name in names:
        if name in advertised and advertised[name].host == broker.name:
            yield f"{where}: who asks there is told {advertised[name]}, which is for inside"


def clients(stack: StackFile) -> Iterator[str]:
    """Each client names a broker's advertised address, on a network that both are on."""
    inside = {
        (broker.name, url.port): broker
        for broker in stack.brokers
        for url in _urls(broker, _ADVERTISED).values()
        if url.host == broker.name
    }
    for service in stack.services.values():
        if service.is_ours and not set(_CLIENT_VARIABLES) & service.environment.keys():
            yield f"{service.name}: expected {_CLIENT_VARIABLES[0]}: its default is localhost:9092"
        for variable in _CLIENT_VARIABLES:
            for address in filter(None, service.environment.get(variable, "").split(",")):
                host, _, port = address.strip().rpartition(":")
                yield from _shares(service, address, inside.get((host, port)))


def zookeeper_addresses(stack: StackFile) -> Iterator[str]:
    """Each broker names ZooKeepers of the file, on a network that both are on."""
    known = {
        (keeper.name, keeper.environment.get("ZOOKEEPER_CLIENT_PORT", "")): keeper
        for keeper in stack.zookeepers
    }
    for broker in stack.brokers:
        given = broker.environment.get("KAFKA_ZOOKEEPER_CONNECT", "").partition("/")[0]
        for address in filter(None, given.split(",")):
            host, _, port = address.strip().rpartition(":")
            yield from _shares(broker, address, known.get((host, port)))


def _shares(service: Service, address: str, server: Service | None) -> Iterator[str]:
    if server is None:
        yield f"{service.name}: {address}: no service listens there under that name"
    elif not service.networks & server.networks:
        yield f"{service.name}: {address}: expected a network that both are on"


def _urls(broker: Service, variable: str) -> dict[str, Listener]:
    """Return each listener by its name."""
    return {url.name: url for url in notation.listeners(broker.environment.get(variable))}
