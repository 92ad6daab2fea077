"""Kafka for tests: a broker that is given from outside, and topics of one's own."""

import uuid

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from support.waiting import wait_for

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
    """Create a topic with a name of its own (`retention_ms="1000"` ...) and return the name.

    Its records carry their arrival, as config/topics.yml has it; an empty value is Kafka's default.
    """
    name = f"ticks-{uuid.uuid4()}"
    config.setdefault("message_timestamp_type", "LogAppendTime")
    options = {key.replace("_", "."): value for key, value in config.items() if value}
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 4})
    admin.create_topics([NewTopic(name, partitions, 1, config=options)])[name].result(60)
    # The controller has made it; the broker hears of it a moment later.
    wait_for(lambda: _led_partitions(admin, name), lambda seen: seen == partitions)
    return name


def make_topic(bootstrap: str, name: str) -> str:
    """Create the topic with three partitions and return its name."""
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def create() -> bool:
        try:
            admin.create_topics([NewTopic(name, 3, 1)])[name].result(60)
        except Exception as error:  # a topic of this name is still being deleted
            raise AssertionError(str(error)) from error
        return True

    wait_for(create)
    return name


def _led_partitions(admin: AdminClient, topic: str) -> int:
    found = admin.list_topics(topic, timeout=10).topics[topic].partitions.values()
    return sum(partition.leader >= 0 for partition in found)
