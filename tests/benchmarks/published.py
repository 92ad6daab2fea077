"""How many ticks were written to a topic in a time."""

from collections.abc import Iterable

from confluent_kafka import Consumer, TopicPartition

TIMEOUT_S = 10


def published(bootstrap: str, topic: str, first_ms: int, end_ms: int) -> int:
    """Return how many of the topic's records were made from `first_ms` on and before `end_ms`."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    try:
        partitions = client.list_topics(topic, TIMEOUT_S).topics[topic].partitions
        ends = _offsets(client, topic, partitions, end_ms)
        return ends - _offsets(client, topic, partitions, first_ms)
    finally:
        client.close()


def _offsets(client: Consumer, topic: str, partitions: Iterable[int], at_ms: int) -> int:
    """Return the sum of the partitions' offsets at a time."""
    asked = [TopicPartition(topic, partition, at_ms) for partition in partitions]
    total = 0
    for found in client.offsets_for_times(asked, TIMEOUT_S):
        end = client.get_watermark_offsets(found, TIMEOUT_S)[1]
        total += end if found.offset < 0 else found.offset  # negative: nothing is younger
    return total
