"""The least that a console consumer can be: it prints what it reads, and looks at nothing."""

import sys

from confluent_kafka import Consumer


def main() -> None:
    """Print each record's value from the beginning on: BROKERS TOPIC poll|consume."""
    bootstrap, topic, way = sys.argv[1:]
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"bare-{way}",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    while True:
        if way == "poll":
            record = consumer.poll(0)
            if record is None:  # what is in print's buffer is not printed yet
                sys.stdout.flush()
                record = consumer.poll(1)
            records = [] if record is None else [record]
        else:
            sys.stdout.flush()
            records = consumer.consume(10_000, 0.1)
        for record in records:
            if record.error() is None:
                print(record.value().decode())


if __name__ == "__main__":
    main()
