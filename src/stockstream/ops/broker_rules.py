"""What the brokers and ZooKeepers are told: ids, copies, and nothing that their images refuse."""

import re
from collections import Counter
from collections.abc import Iterator

from stockstream.ops.stackfile import Service, StackFile
from stockstream.ops.topics import TopicSpec

#: What a broker takes where nothing is said; each is a number of brokers.
_REPLICATION_DEFAULTS = {
    "KAFKA_DEFAULT_REPLICATION_FACTOR": "1",
    "KAFKA_MIN_INSYNC_REPLICAS": "1",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "3",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "2",
}
#: With any of these the image's start ends with an error.
_REFUSED = (
    "KAFKA_HOST", "KAFKA_PORT", "KAFKA_ADVERTISED_HOST", "KAFKA_ADVERTISED_PORT",
)  # fmt: skip


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
            elif identity and not re.fullmatch(r"\d+", identity):
                yield f"{name}: {variable}: expected a number, observed {identity}"
        for identity, times in Counter(filter(None, given.values())).items():
            if times > 1:
                yield f"{variable}={identity}: expected once, observed {times} times"


def start(stack: StackFile) -> Iterator[str]:
    """The images find what they ask for, and nothing that ends their start or makes it KRaft's."""
    for services, needed in (
        (stack.brokers, "KAFKA_ZOOKEEPER_CONNECT"),
        (stack.zookeepers, "ZOOKEEPER_CLIENT_PORT"),
    ):
        for service in services:
            if not service.environment.get(needed):
                yield f"{service.name}: expected {needed}: without it the image does not start"
    for service in stack.brokers:
        for name in _REFUSED:
            if name in service.environment:
                yield f"{service.name}: {name}: the image does not start with it"
        if "KAFKA_PROCESS_ROLES" in service.environment:
            yield f"{service.name}: KAFKA_PROCESS_ROLES: the image would start without ZooKeeper"


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


def replication(stack: StackFile, topics: dict[str, TopicSpec]) -> Iterator[str]:
    """No topic asks for more copies than there are brokers, Kafka's own topics included."""
    brokers = len(stack.brokers)
    for name, spec in topics.items():
        if spec.replication_factor > brokers:
            yield f"{name}: expected at most {brokers} replicas, observed {spec.replication_factor}"
    for service in stack.brokers:
        yield from _copies(service, brokers)


def _copies(service: Service, brokers: int) -> Iterator[str]:
    for variable, kafkas_default in _REPLICATION_DEFAULTS.items():
        given = service.environment.get(variable, kafkas_default)
        if not given.isdigit() or not 1 <= int(given) <= brokers:
            yield f"{service.name}: {variable}: expected 1 to {brokers}, observed {given}"
