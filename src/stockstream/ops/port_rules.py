"""Networks and published ports: who reaches what."""

from collections import Counter
from collections.abc import Iterator

from stockstream.ops.notation import Port, is_loopback
from stockstream.ops.stackfile import Service, StackFile


def networks(stack: StackFile) -> Iterator[str]:
    """Networks are declared, and neither broker nor ZooKeeper is where the bridge's clients are."""
    for service in stack.services.values():
        for name in sorted(service.networks - stack.named_networks):
            yield f"{service.name}: network {name} is not declared"
        if (service.is_broker or service.is_zookeeper) and "front" in service.networks:
            yield f"{service.name}: expected it off the network front"
        internal = [stack.networks.get(name, {}).get("internal") for name in service.networks]
        if service.ports and all(internal):
            yield f"{service.name}: expected a network that is not internal: it publishes a port"


def ports(stack: StackFile) -> Iterator[str]:
    """A host port is published once, leads to somebody, and is open only where that is meant."""
    published = Counter(p.published for s in stack.services.values() for p in s.ports)
    for port, times in published.items():
        if times > 1:
            yield f"port {port}: expected one service, observed {times}"
    for service in stack.services.values():
        for port_ in service.ports:
            yield from _leads_somewhere(service, port_)
        yield from _listens_for_others(service)
    # As shipped: who opens a port in .env does so on purpose.
    for service in stack.shipped.values():
        if not service.is_ours:
            yield from _closed(service)


def _leads_somewhere(service: Service, port: Port) -> Iterator[str]:
    for number in (port.published, port.target):
        if not number.isdigit() or not 1 <= int(number) <= 65_535:
            yield f"{service.name}: port {number}: expected a port, 1 to 65535"
    # A broker's depend on what it advertises: they are looked at with its listeners.
    if not service.is_broker and port.target not in service.listening_ports:
        wanted = ", ".join(sorted(service.listening_ports))
        yield f"{service.name}: port {port.published}:{port.target}: expected it to end at {wanted}"


def _listens_for_others(service: Service) -> Iterator[str]:
    host = service.environment.get("WEBSOCKET_HOST", "")
    if service.is_ours and is_loopback(host):
        yield f"{service.name}: WEBSOCKET_HOST={host}: expected 0.0.0.0: no port leads there"


def _closed(service: Service) -> Iterator[str]:
    """Nothing but the bridge is for everybody: broker, ZooKeeper and web UI have no login."""
    for port in service.ports:
        if not port.on_loopback:
            yield f"{service.name}: port {port.published}: expected 127.0.0.1 as default"
