"""`python -m support.load`: ticks at a steady rate, and which of them Kafka has acknowledged.

It runs beside the brokers until its standard input is closed, or until `--count` ticks are made. A
JSON line tells of each symbol's longest wait for an acknowledgement, and the last line is
{"acked": {symbol: its highest acknowledged sequence, none below it missing}}.
"""

import argparse
import json
import sys
import threading
import time
from dataclasses import dataclass

from confluent_kafka import Producer

from stockstream import config, tick
from stockstream.kafka.client import client_options
from stockstream.partitioner import partition_for

#: A wait that is told: a batch takes milliseconds, an election seconds.
GAP_S = 1.0


@dataclass
class Acknowledged:
    """What Kafka has acknowledged of one symbol."""

    sequence: int
    at: float


class Load:
    """Makes ticks of `symbols` in turn, each from sequence `first` on."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._topic = given.topic
        self._symbols = given.symbols.split(",")
        self._first = given.first
        self._partitions = given.partitions
        started = time.monotonic()
        self._acked = {s: Acknowledged(given.first - 1, started) for s in self._symbols}
        self._made = 0
        self._producer = Producer(
            {
                **client_options(config.load({"KAFKA_BOOTSTRAP_SERVERS": given.bootstrap})),
                # A broker that has just started may name none.
                "metadata.recovery.strategy": "rebootstrap",
                "acks": given.acks,
                "enable.idempotence": given.acks == "all",
                "linger.ms": 5,
                "message.timeout.ms": 0,
            }
        )

    def run(self, ticks_per_s: float, count: int, stop: threading.Event) -> None:
        """Keep to the rate, also by making up what a stop of Kafka has held up."""
        start = time.monotonic()
        while not stop.is_set() and (not count or self._made < count):
            while self._made < (time.monotonic() - start) * ticks_per_s:
                if count and self._made == count:
                    break
                self._make()
            self._producer.poll(0.005)

    def finish(self) -> None:
        """Wait until Kafka has all of it, and tell what it has acknowledged."""
        left = self._producer.flush(120)
        acked = {symbol: acknowledged.sequence for symbol, acknowledged in self._acked.items()}
        print(json.dumps({"acked": acked, "unanswered": left}), flush=True)

    def _make(self) -> None:
        symbol = self._symbols[self._made % len(self._symbols)]
        sequence = self._first + self._made // len(self._symbols)
        made = tick.Tick(symbol, 100.0, 10, time.time_ns() // 1_000_000, sequence)

        def acknowledged(error: object, _: object) -> None:
            self._note(symbol, sequence, error)

        self._producer.produce(
            self._topic, tick.encode(made), symbol, partition_for(symbol, self._partitions),
            on_delivery=acknowledged,
        )  # fmt: skip
        self._made += 1

    def _note(self, symbol: str, sequence: int, error: object) -> None:
        before, now = self._acked[symbol], time.monotonic()
        if error is not None or sequence != before.sequence + 1:
            raise RuntimeError(f"{symbol} #{sequence} after #{before.sequence}: {error}")
        if now - before.at > GAP_S:
            print(json.dumps({"symbol": symbol, "gap_s": now - before.at}), flush=True)
        self._acked[symbol] = Acknowledged(sequence, now)


def main() -> None:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("symbols")
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--acks", default="all")
    parser.add_argument("--partitions", type=int, default=3)
    given = parser.parse_args()
    stop = threading.Event()
    if not given.count:
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    load = Load(given)
    load.run(given.rate, given.count, stop)
    load.finish()


if __name__ == "__main__":
    main()
