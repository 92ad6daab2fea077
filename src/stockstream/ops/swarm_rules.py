"""What a file for `docker stack deploy` has to keep to beyond the rules for every stack file."""

from collections import Counter
from collections.abc import Iterator, Mapping

from stockstream.ops import container_rules, notation
from stockstream.ops.stackfile import Service, StackFile
from stockstream.ops.topics import TopicSpec

#: The newest that `docker stack deploy` knows.
_VERSION = "3.9"
#: What one host with room for the whole stack has to spare; Swarm places nothing beyond.
_RESERVED_LIMIT_BYTES = 4 * 2**30
#: The smallest host has two cores, and a limit above the host's is rejected for ever.
_CPU_LIMIT = 1.0
_BRIDGE_LABEL = "bridge"
_DROPPED = {
    "build", "cgroup_parent", "container_name", "depends_on", "devices", "domainname", "expose",
    "external_links", "ipc", "links", "mac_address", "mem_limit", "network_mode", "pid",
    "privileged", "profiles", "restart", "security_opt", "shm_size", "tmpfs", "userns_mode",
}  # fmt: skip
#: What keeps an acknowledged tick while any one broker is lost.
_DURABLE = {
    "KAFKA_DEFAULT_REPLICATION_FACTOR": "3",
    "KAFKA_MIN_INSYNC_REPLICAS": "2",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "3",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "2",
    "KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE": "false",
}


def keys(stack: StackFile) -> Iterator[str]:
    """The file's form is one that Swarm takes, with no key that it drops, mostly in silence."""
    if (version := stack.raw.get("version")) != _VERSION:
        yield f'expected version: "{_VERSION}", observed {version or "none"}'
    if "name" in stack.raw:
        yield "name is refused by docker stack deploy: the stack's name is its argument"
    for service in stack.services.values():
        for key in sorted(_DROPPED & set(service.raw)):
            yield f"{service.name}: {key} is dropped by docker stack deploy"


def identities(stack: StackFile) -> Iterator[str]:
    """A broker or ZooKeeper is one task, tied by a label of its own to where its volume lies."""
    for service in [*stack.brokers, *stack.zookeepers]:
        yield from _placed(service, service.name)
        if (host := service.raw.get("hostname")) != service.name:
            yield f"{service.name}: expected the hostname {service.name}, observed {host or 'none'}"
        if service.deploy("mode") == "global" or service.replicas != 1:
            yield f"{service.name}: expected one task: two would share an id and a volume"
    for service in _with_ports(stack):
        yield from _placed(service, _BRIDGE_LABEL)


def _placed(service: Service, identity: str) -> Iterator[str]:
    wanted = f"node.labels.stockstream.{identity} == true"
    observed = service.deploy("placement", "constraints")
    if observed != [wanted]:
        yield f"{service.name}: expected the constraint {wanted}, observed {observed or 'none'}"


def ensemble(stack: StackFile) -> Iterator[str]:
    """Each ZooKeeper knows all of them, in the order of their ids, and listens on any address."""
    members = sorted(stack.zookeepers, key=lambda s: s.environment.get("ZOOKEEPER_SERVER_ID", ""))
    wanted = ";".join(f"{member.name}:2888:3888" for member in members)
    for service in members:
        if (servers := service.environment.get("ZOOKEEPER_SERVERS", "")) != wanted:
            yield f"{service.name}: expected ZOOKEEPER_SERVERS={wanted}, observed {servers}"
        if service.environment.get("ZOOKEEPER_QUORUM_LISTEN_ON_ALL_IPS") != "true":
            yield f"{service.name}: expected ZOOKEEPER_QUORUM_LISTEN_ON_ALL_IPS=true"


def durability(stack: StackFile, topics: Mapping[str, TopicSpec]) -> Iterator[str]:
    """Any one broker may be lost: three copies, two of them acknowledged, no unclean leader."""
    for service in stack.brokers:
        for variable, wanted in _DURABLE.items():
            if (found := service.environment.get(variable, "Kafka's default")) != wanted:
                yield f"{service.name}: {variable}: expected {wanted}, observed {found}"
    for name, spec in topics.items():
        copies, least = spec.replication_factor, spec.kafka_configs().get("min.insync.replicas")
        if (copies, least) != (3, "2"):
            yield f"{name}: expected 3 copies and min.insync.replicas 2, observed {copies}, {least}"


def endpoints(stack: StackFile) -> Iterator[str]:
    """No virtual IP, which drops idle connections: tasks' own addresses, ports of the node."""
    for service in stack.services.values():
        if (mode := service.deploy("endpoint_mode")) != "dnsrr":
            yield f"{service.name}: expected endpoint_mode: dnsrr, observed {mode or 'vip'}"
    for service in _with_ports(stack):
        for port in service.ports:
            if port.mode != "host":
                yield f"{service.name}: port {port.published}: expected mode: host"
        if service.deploy("mode") != "global":
            yield f"{service.name}: expected mode: global: a second task finds the port taken"


def networks(stack: StackFile) -> Iterator[str]:
    """Networks span the nodes, and the scripts' containers can join them."""
    for name, network in stack.networks.items():
        if network.get("driver") != "overlay" or network.get("attachable") is not True:
            yield f"network {name}: expected driver: overlay and attachable: true"


def resources(stack: StackFile) -> Iterator[str]:
    """Every task is placed on a host of two cores, and all of them on one with 4 GiB to spare."""
    total = 0
    for service in stack.services.values():
        limit, reserved = service.memory_limit_bytes or 0, service.memory_reserved_bytes
        if reserved is None or reserved > limit:
            yield f"{service.name}: expected a memory reservation of at most {limit // 2**20} MiB"
        tasks = len(stack.brokers) if service.deploy("mode") == "global" else service.replicas
        total += tasks * (reserved or 0)
        yield from _cpus(service)
        if service.takes_connections and "nofile" not in service.mapping("ulimits"):
            yield f"{service.name}: expected ulimits: nofile"
    if total > _RESERVED_LIMIT_BYTES:
        yield f"expected reservations of 4096 MiB in all, observed {total // 2**20}"


def _cpus(service: Service) -> Iterator[str]:
    limit = service.deploy("resources", "limits", "cpus")
    if limit is None or notation.number(limit, f"{service.name}: cpus") > _CPU_LIMIT:
        yield f"{service.name}: expected a CPU limit of at most {_CPU_LIMIT}, observed {limit}"
    if service.deploy("resources", "reservations", "cpus") is not None:
        yield f"{service.name}: expected no CPU reservation"


def updates(stack: StackFile) -> Iterator[str]:
    """A task ends before its successor starts, in its own time; what dies comes back for ever."""
    for service in stack.services.values():
        for policy in ("update_config", "rollback_config"):
            if service.deploy(policy, "order") != "stop-first":
                yield f"{service.name}: expected {policy}: order: stop-first"
        restart = service.deploy("restart_policy", "condition")
        wanted = "on-failure" if service.runs_once else "any"
        if restart != wanted:
            yield (
                f"{service.name}: expected restart condition {wanted}, observed {restart or 'none'}"
            )
        if service.deploy("restart_policy", "max_attempts") is not None:
            yield f"{service.name}: max_attempts: it would stay down for good"
        yield from container_rules.grace(service)


def groups(stack: StackFile) -> Iterator[str]:
    """A bridge reads every tick, and shows its lag under a name that no other bridge has."""
    for service in _with_ports(stack):
        name = service.environment.get("CONSUMER_GROUP", "")
        if "{{.Node.Hostname}}" not in name:
            yield f"{service.name}: expected {{{{.Node.Hostname}}}} in CONSUMER_GROUP={name}"


def images(stack: StackFile) -> Iterator[str]:
    """All services of one kind run one image: a change of it reaches all of them."""
    ours = [service for service in stack.services.values() if service.is_ours]
    for kind in (stack.brokers, stack.zookeepers, ours):
        if len(found := Counter(service.image for service in kind)) > 1:
            yield f"expected one image, observed {', '.join(sorted(found))}"


def _with_ports(stack: StackFile) -> list[Service]:
    return [service for service in stack.services.values() if service.ports]
