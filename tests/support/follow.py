"""`python -m support.follow`: a consumer group of one, which counts what it is given.

It reads from the topic's beginning until its standard input is closed and it has reached the end
of that moment. The last line is {symbol: {"first", "last", "count", "disordered"}}.
"""

import json
import sys
import threading
import time
import uuid

import confluent_kafka as ck

from stockstream import config, kafka, tick
from support.count import Counts

#: How long it reads on for the end.
_REST_S = 120.0


def main() -> None:
    """Follow the topic of the arguments: BOOTSTRAP TOPIC."""
    bootstrap, topic = sys.argv[1:]
    consumer = ck.Consumer(
        {
            **kafka.client_options(config.load({"KAFKA_BOOTSTRAP_SERVERS": bootstrap})),
            # A broker that has just started may name none.
            "metadata.recovery.strategy": "rebootstrap",
            "group.id": f"follow-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            # A commit whose coordinator is lost is tried again without end, and librdkafka takes no
            # new share before it is through.
            "enable.auto.commit": False,
        }
    )
    closed = threading.Event()
    consumer.subscribe([topic])
    threading.Thread(target=lambda: (sys.stdin.read(), closed.set()), daemon=True).start()
    counts = Counts()
    while not closed.is_set():
        _take(consumer, counts)
    _read_to_the_end(consumer, counts)
    print(json.dumps(counts.report()), flush=True)


def _take(consumer: ck.Consumer, counts: Counts) -> None:
    for record in consumer.consume(1000, 0.1):
        if record.error() is None:
            found = tick.decode(record.value())
            counts.add(found.symbol, found.sequence)


def _read_to_the_end(consumer: ck.Consumer, counts: Counts) -> None:
    deadline = time.monotonic() + _REST_S
    while not (places := consumer.assignment()):  # it may be about to join its group again
        if time.monotonic() > deadline:
            raise SystemExit("the group's coordinator has assigned nothing in all this time")
        _take(consumer, counts)
    ends = {p.partition: consumer.get_watermark_offsets(p, timeout=60)[1] for p in places}
    while time.monotonic() < deadline:
        _take(consumer, counts)
        reached = {p.partition: p.offset for p in consumer.position(places)}
        if all(reached[partition] >= end or end == 0 for partition, end in ends.items()):
            return
    raise SystemExit(f"expected to reach {ends}, got as far as {reached}")


if __name__ == "__main__":
    main()
