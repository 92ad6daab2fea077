"""`python -m support.cluster BOOTSTRAP ZOOKEEPERS`: who leads what, as one JSON line."""

import json
import re
import socket
import sys

from confluent_kafka.admin import AdminClient


def main() -> None:
    """Ask Kafka and each ZooKeeper; who does not answer has no part in it."""
    bootstrap, zookeepers = sys.argv[1:]
    metadata = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2}).list_topics(timeout=10)
    partitions = {
        f"{name}-{number}": {"leader": each.leader, "replicas": each.replicas, "isr": each.isrs}
        for name, topic in metadata.topics.items()
        for number, each in topic.partitions.items()
    }
    found = {
        "controller": metadata.controller_id,
        "brokers": sorted(metadata.brokers),
        "partitions": partitions,
        "zookeeper": {
            address.partition(":")[0]: _mode(address) for address in zookeepers.split(",")
        },
    }
    print(json.dumps(found))


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
