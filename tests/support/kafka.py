"""Kafka for tests: a broker that is given from outside, and topics of one's own."""

import uuid

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

#: How many a topic of ours has.
PARTITIONS = 3


class GivenBroker:
    """A broker that runs already (`--kafka HOST:PORT`): it is used, never stopped."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def start(self) -> None:
        """Do nothing: it runs."""

    def stop(self) -> None:
        """Skip the test that would stop it."""
        pytest.skip("needs a Kafka of its own to stop: run without --kafka")

    kill = stop


def create_topic(bootstrap: str, partitions: int = PARTITIONS, **config: str) -> str:
    """Create a topic with a name of its own (`retention_ms="1000"` ...) and return the name."""
    name = f"ticks-{uuid.uuid4()}"
    options = {key.replace("_", "."): value for key, value in config.items()}
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 4})
    admin.create_topics([NewTopic(name, partitions, 1, config=options)])[name].result(60)
    return name
