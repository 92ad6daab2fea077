"""What a compose or stack file has to keep to: one rule a function, which yields what is wrong."""

import re
from collections import Counter
from collections.abc import Iterator

from stockstream.ops.stackfile import Service, StackFile, size_bytes
from stockstream.ops.topics import TopicSpec

_HEAP = re.compile(r"-Xmx(\d+[kmgKMG])")
#: What a broker needs beside its heap: page cache, direct buffers, tools run by exec.
_BROKER_EXTRA_BYTES = 768 * 2**20
#: What any other JVM needs beside its heap.
_JVM_EXTRA_BYTES = 128 * 2**20
_DATA_PATHS = {
    "broker": ("/var/lib/kafka/data",),
    "zookeeper": ("/var/lib/zookeeper/data", "/var/lib/zookeeper/log"),
}
#: Kafka tools are JVMs: one every few seconds as a health check takes a core.
_TOOL = re.compile(r"\bkafka-[a-z-]+\b|\bzookeeper-shell\b")
#: What a broker takes where nothing is said.
_REPLICATION_DEFAULTS = {
    "KAFKA_DEFAULT_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "3",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "2",
}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def images_pinned(stack: StackFile) -> Iterator[str]:
    """Each image names a version, and never `latest`."""
    for service in stack.services.values():
        name, _, tag = service.image.rpartition(":")
        if not name or "/" in tag:
            yield f"{service.name}: {service.image or 'no image'}: expected a tag"
        elif tag == "latest":
            yield f"{service.name}: {service.image}: expected a version, observed latest"
        elif service.is_broker or service.is_zookeeper:
            yield from _zookeeper_era(service, tag)


def _zookeeper_era(service: Service, tag: str) -> Iterator[str]:
    """7.9 is the last line of these images that runs with ZooKeeper."""
    if "confluentinc/" in service.image and not re.fullmatch(r"7\.9\.\d+", tag):
        yield f"{service.name}: {service.image}: expected 7.9.PATCH, the last line with ZooKeeper"


def images_built_once(stack: StackFile) -> Iterator[str]:
    """No tag is built by two services: compose builds at the same time, and one of both fails."""
    built = Counter(s.image for s in stack.services.values() if "build" in s.raw)
    for image, times in built.items():
        if times > 1:
            yield f"{image}: expected one service that builds it, observed {times}"
    for service in stack.services.values():
        if service.is_ours and service.image not in built:
            yield f"{service.name}: {service.image}: expected a service that builds it"


def health_checks(stack: StackFile) -> Iterator[str]:
    """Each service that stays up has a health check: no shell form, no JVM, no start_interval."""
    for service in stack.services.values():
        if service.runs_once:
            continue
        check = service.raw.get("healthcheck")
        test = check.get("test") if isinstance(check, dict) else None
        if not isinstance(check, dict) or not isinstance(test, list):
            yield f"{service.name}: expected a healthcheck with test: [CMD, ...]"
            continue
        if test[0] != "CMD":
            yield f"{service.name}: expected CMD, observed {test[0]}: /bin/sh may lack /dev/tcp"
        if found := _TOOL.search(" ".join(map(str, test))):
            yield f"{service.name}: {found[0]} starts a JVM at each probe"
        if "start_interval" in check:
            yield f"{service.name}: start_interval is refused by docker-compose 1.29"
        yield from _probe_is_compared(service, test)


def _probe_is_compared(service: Service, test: list[object]) -> Iterator[str]:
    """A refused `ruok` is answered with more than four bytes: only `imok` is healthy."""
    if service.is_zookeeper and "imok" not in str(test[-1]):
        yield f"{service.name}: expected ZooKeeper's answer to be compared with imok"


def ids(stack: StackFile) -> Iterator[str]:
    """Brokers and ZooKeepers have an id each, and the number in a name is the id."""
    for services, variable in (
        (stack.brokers, "KAFKA_BROKER_ID"),
        (stack.zookeepers, "ZOOKEEPER_SERVER_ID"),
    ):
        single = variable == "ZOOKEEPER_SERVER_ID" and len(services) == 1
        given = {service.name: service.environment.get(variable, "") for service in services}
        for name, identity in given.items():
            number = re.search(r"-(\d+)$", name)
            if not identity and not single:
                yield f"{name}: expected {variable}"
            elif number and identity != number[1]:
                yield f"{name}: expected {variable}={number[1]}, observed {identity}"
        for identity, times in Counter(filter(None, given.values())).items():
            if times > 1:
                yield f"{variable}={identity}: expected once, observed {times} times"


def networks(stack: StackFile) -> Iterator[str]:
    """Networks are declared, and neither broker nor ZooKeeper is where the bridge's clients are."""
    for service in stack.services.values():
        for name in sorted(service.networks - stack.named_networks):
            yield f"{service.name}: network {name} is not declared"
        if (service.is_broker or service.is_zookeeper) and "front" in service.networks:
            yield f"{service.name}: expected it off the network front"


def ports(stack: StackFile) -> Iterator[str]:
    """A host port is published once, and an open broker or ZooKeeper on the loopback only."""
    published = Counter(p.published for s in stack.services.values() for p in s.ports)
    for port, times in published.items():
        if times > 1:
            yield f"port {port}: expected one service, observed {times}"
    for service in [*stack.brokers, *stack.zookeepers]:
        for port_ in service.ports:
            if port_.bind not in _LOOPBACK:
                yield f"{service.name}: port {port_.published}: expected 127.0.0.1 as default"


def volumes(stack: StackFile) -> Iterator[str]:
    """Data lies on named volumes, one service each; Kafka's /tmp is not a noexec tmpfs."""
    used = [m.source for s in stack.services.values() for m in s.mounts]
    for service in stack.services.values():
        sources = {mount.target: mount.source for mount in service.mounts}
        kind = "broker" if service.is_broker else "zookeeper" if service.is_zookeeper else ""
        for path in _DATA_PATHS.get(kind, ()):
            if sources.get(path) not in stack.named_volumes:
                yield f"{service.name}: expected a named volume on {path}"
        if service.is_broker and sources.get("/tmp") not in stack.named_volumes:  # noqa: S108
            yield f"{service.name}: expected a named volume on /tmp: snappy and zstd load from it"
    for name, times in Counter(used).items():
        if name in stack.named_volumes and times > 1:
            yield f"volume {name}: expected one service, observed {times}"
        if name not in stack.named_volumes and not name.startswith((".", "/")):
            yield f"volume {name} is not declared"
    for name in sorted(stack.named_volumes - set(used)):
        yield f"volume {name} is declared and not used"


def memory(stack: StackFile) -> Iterator[str]:
    """Each service has a memory limit, and a JVM's limit is above its heap."""
    for service in stack.services.values():
        limit = service.memory_limit_bytes
        if limit is None:
            yield f"{service.name}: expected a memory limit"
            continue
        options = service.environment.get("KAFKA_HEAP_OPTS") or service.environment.get("JAVA_OPTS")
        if service.is_broker or service.is_zookeeper or options:
            extra = _BROKER_EXTRA_BYTES if service.is_broker else _JVM_EXTRA_BYTES
            yield from _heap_fits(service, options or "", limit, extra)


def _heap_fits(service: Service, options: str, limit: int, extra: int) -> Iterator[str]:
    if not (heap := _HEAP.search(options)):
        yield f"{service.name}: expected -Xmx in KAFKA_HEAP_OPTS, observed {options or 'nothing'}"
    elif limit < size_bytes(heap[1]) + extra:
        needed = (size_bytes(heap[1]) + extra) // 2**20
        yield (
            f"{service.name}: expected a memory limit of {needed}m "
            f"(heap {heap[1]} and {extra // 2**20}m), observed {limit // 2**20}m"
        )


def no_jmx_port(stack: StackFile) -> Iterator[str]:
    """No JMX port and no agent: each tool run by exec inherits them, and finds the port taken."""
    for service in stack.services.values():
        for name, value in service.environment.items():
            if "JMX" in name or "javaagent" in value or "jmxremote" in value:
                yield f"{service.name}: {name}: tools run by exec would find the port in use"


def no_auto_creation(stack: StackFile) -> Iterator[str]:
    """A misspelt topic is an error, and not a new topic."""
    for service in stack.brokers:
        variable = "KAFKA_AUTO_CREATE_TOPICS_ENABLE"
        if (found := service.environment.get(variable, "true")) != "false":
            yield f"{service.name}: {variable}: expected false, observed {found}"


def hardening(stack: StackFile) -> Iterator[str]:
    """No root, no capability, no writable root; an init that reaps and passes signals on."""
    for service in stack.services.values():
        wanted = {"read_only": True, "init": True, "cap_drop": ["ALL"]}
        for key, value in wanted.items():
            if service.raw.get(key) != value:
                yield f"{service.name}: expected {key}: {value}, observed {service.raw.get(key)}"
        if service.raw.get("privileged"):
            yield f"{service.name}: privileged"
        user = str(service.raw.get("user", ""))
        if service.is_broker or service.is_zookeeper:
            # A tmpfs is root's, with mode 0775: group 0 may write there, 1000 may not.
            if user != "1000:0":
                yield f'{service.name}: expected user "1000:0", observed {user or "none"}'
        elif user.partition(":")[0] in ("0", "root"):
            yield f"{service.name}: runs as root"


def logs_and_restarts(stack: StackFile) -> Iterator[str]:
    """Logs are rotated, and what stays up comes back after a crash."""
    for service in stack.services.values():
        logging = service.raw.get("logging")
        options = logging.get("options") if isinstance(logging, dict) else None
        if not isinstance(options, dict) or not {"max-size", "max-file"} <= set(options):
            yield f"{service.name}: expected logging with max-size and max-file"
        if "deploy" not in service.raw and service.raw.get("restart") not in (
            "unless-stopped",
            "no",
        ):
            yield f"{service.name}: expected restart: unless-stopped"


def replication(stack: StackFile, topics: dict[str, TopicSpec]) -> Iterator[str]:
    """No topic asks for more copies than there are brokers, Kafka's own topics included."""
    brokers = len(stack.brokers)
    for name, spec in topics.items():
        if spec.replication_factor > brokers:
            yield f"{name}: expected at most {brokers} replicas, observed {spec.replication_factor}"
    for service in stack.brokers:
        for variable, kafkas_default in _REPLICATION_DEFAULTS.items():
            given = service.environment.get(variable, kafkas_default)
            if not given.isdigit() or not 1 <= int(given) <= brokers:
                yield f"{service.name}: {variable}: expected 1 to {brokers}, observed {given}"
