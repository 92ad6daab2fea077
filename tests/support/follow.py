"""`python -m support.follow`: a consumer group of one, which counts what it is given.

It reads from the topic's beginning until its standard input is closed and it has reached the end
of that moment. The first line is {"partitions"}: its share of the topic, once it has one. The last
is {symbol: {"first", "last", "count", "disordered"}}.
"""

import json
import sys
import threading
import time
import uuid

import confluent_kafka as ck

from stockstream import config, tick
from stockstream.kafka.client import client_options
from support.count import Counts

#: How long it waits for its share, and how long it reads on for the end.
_WAIT_S = 120.0


class Follower:
    """Counts each record once: a share that comes back is read on from what was counted."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.counts = Counts()
        self._positions: dict[int, int] = {}
        self._consumer = ck.Consumer(
            {
                **client_options(config.load({"KAFKA_BOOTSTRAP_SERVERS": bootstrap})),
                # A broker that has just started may name none.
                "metadata.recovery.strategy": "rebootstrap",
                "group.id": f"follow-{uuid.uuid4()}",
                "enable.auto.commit": False,
                # A coordinator whose machine is lost neither answers nor refuses who asks to join:
                # librdkafka waits this long for it, with its default for five minutes.
                "max.poll.interval.ms": 60_000,
            }
        )
        self._consumer.subscribe([topic], on_assign=self._go_on)

    def take(self) -> None:
        """Count what is there, and wait no longer than 0.1 s for it."""
        for record in self._consumer.consume(1000, 0.1):
            partition, offset = record.partition(), record.offset()
            if record.error() is None and partition is not None and offset is not None:
                found = tick.decode(record.value())
                self.counts.add(found.symbol, found.sequence)
                self._positions[partition] = offset + 1

    def wait_for_share(self) -> list[ck.TopicPartition]:
        """Return what is assigned; it may be about to join its group."""
        deadline = time.monotonic() + _WAIT_S
        while not (places := self._consumer.assignment()):
            if time.monotonic() > deadline:
                raise SystemExit(f"the group's coordinator has assigned nothing in {_WAIT_S:.0f} s")
            self.take()
        return places

    def read_to_the_end(self) -> None:
        """Read on to where each partition ends now."""
        deadline = time.monotonic() + _WAIT_S
        places = self.wait_for_share()
        ends = {p.partition: self._consumer.get_watermark_offsets(p, timeout=60)[1] for p in places}
        while any(self._positions.get(partition, 0) < end for partition, end in ends.items()):
            if time.monotonic() > deadline:
                raise SystemExit(f"expected to reach {ends}, got as far as {self._positions}")
            self.take()

    def _go_on(self, consumer: ck.Consumer, share: list[ck.TopicPartition]) -> None:
        for place in share:
            place.offset = self._positions.get(place.partition, ck.OFFSET_BEGINNING)
        consumer.assign(share)


def main() -> None:
    """Follow the topic of the arguments: BOOTSTRAP TOPIC."""
    follower = Follower(*sys.argv[1:])
    print(json.dumps({"partitions": len(follower.wait_for_share())}), flush=True)
    closed = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), closed.set()), daemon=True).start()
    while not closed.is_set():
        follower.take()
    follower.read_to_the_end()
    print(json.dumps(follower.counts.report()), flush=True)


if __name__ == "__main__":
    main()
