"""The least that a producer can be: one ready record for each symbol, again and again."""

import itertools
import sys

from confluent_kafka import Producer

from stockstream import tick
from support.ticks import SYMBOLS


def main() -> None:
    """Write to the topic as fast as it goes: BROKERS TOPIC."""
    bootstrap, topic = sys.argv[1:]
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 1,
            "partitioner": "murmur2_random",
        }
    )
    value = tick.encode(tick.Tick("GOOGL", 100.25, 1000, 1_700_000_000_000, 1_000_000))
    for symbol in itertools.cycle(SYMBOLS):
        try:
            producer.produce(topic, value, symbol)
        except BufferError:
            producer.poll(0.1)
        producer.poll(0)


if __name__ == "__main__":
    main()
