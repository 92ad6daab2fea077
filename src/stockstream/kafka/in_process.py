"""A broker for those who have no Java."""

import confluent_kafka as ck

from stockstream.kafka.client import LOG_LEVELS, translate


class InProcessBroker:
    """librdkafka's own broker, inside this process: in memory, and gone with the process.

    It knows no topic configs and no topic ids; `topic` gets four partitions.
    """

    def __init__(self, topic: str) -> None:
        self._owner = ck.Producer({"test.mock.num.brokers": 1, "log_level": LOG_LEVELS["error"]})
        try:
            cluster = self._owner.list_topics(topic, timeout=10)  # asking for a topic makes it
        except ck.KafkaException as error:
            raise translate(error) from error
        self.bootstrap = ",".join(f"{b.host}:{b.port}" for b in cluster.brokers.values())
