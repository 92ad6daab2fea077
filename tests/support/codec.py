"""`python -m support.codec BOOTSTRAP CODEC`: a batch with this codec, on a topic of its own."""

import json
import sys

from confluent_kafka import Producer

from support.topic import admin

COUNT = 100


def main() -> None:
    """Make the topic, write to it, print how many were acknowledged, and delete it."""
    bootstrap, codec = sys.argv[1:]
    topic = f"codec-{codec}"
    client = admin(bootstrap)
    client.create(topic, 1, 3, {})
    options = {"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 100}
    producer = Producer({**options, "message.timeout.ms": 60_000})
    answers: list[str] = []
    for number in range(COUNT):
        value = f"{number}" * 100
        producer.produce(topic, value, on_delivery=lambda error, _: answers.append(str(error)))
    producer.flush(120)
    client.delete(topic)
    refused = set(answers) - {"None"}
    print(json.dumps({"refused": sorted(refused)} if refused else {"written": len(answers)}))


if __name__ == "__main__":
    main()
