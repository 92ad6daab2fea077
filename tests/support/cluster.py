"""`python -m support.cluster BOOTSTRAP ZOOKEEPERS`: who leads what, a JSON line for each line read.

One process answers all of a test's questions: Python's start costs more than the answer.
"""

import json
import re
import socket
import sys

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient


def main() -> None:
    """Answer until standard input is closed."""
    bootstrap, zookeepers = sys.argv[1:]
    for _ in sys.stdin:
        try:
            found = _look(bootstrap, zookeepers)
        except KafkaException as error:
            found = {"error": str(error)}
        print(json.dumps(found), flush=True)


def _look(bootstrap: str, zookeepers: str) -> dict[str, object]:
    """Ask Kafka, with a client that knows nothing of before, and each ZooKeeper."""
    metadata = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2}).list_topics(timeout=10)
    return {
        "controller": metadata.controller_id,
        "brokers": sorted(metadata.brokers),
        "partitions": {
            f"{name}-{number}": {"leader": each.leader, "replicas": each.replicas, "isr": each.isrs}
            for name, topic in metadata.topics.items()
            for number, each in topic.partitions.items()
        },
        "zookeeper": {each.partition(":")[0]: _mode(each) for each in zookeepers.split(",")},
    }


def _mode(address: str) -> str:
    """Return leader, follower, or what keeps it from either."""
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), 2) as connection:
            connection.sendall(b"srvr")
            answer = connection.makefile().read()
    except OSError as error:
        return str(error)
    mode = re.search(r"^Mode: (\w+)", answer, re.MULTILINE)
    return mode[1] if mode else answer.strip()


if __name__ == "__main__":
    main()
