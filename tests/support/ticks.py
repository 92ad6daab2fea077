"""Ticks written straight to a topic, so that a test knows each of them."""

import time
from collections.abc import Iterable

from confluent_kafka import Producer

from stockstream import tick
from stockstream.partitioner import partition_for

SYMBOLS = ("AAPL", "GOOGL", "AMZN", "TSLA", "MSFT")


class Ticker:
    """Writes ticks of sequences that it counts itself, and any other record."""

    def __init__(self, bootstrap: str, topic: str, partitions: int = 3) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.partitions = partitions
        self.sequences: dict[str, int] = {}
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "linger.ms": 1,
                "enable.idempotence": True,
                "message.max.bytes": 2 << 20,
                "log_level": 0,
            }
        )

    def tick(self, symbol: str, price: float = 100.0) -> tick.Tick:
        """Queue the symbol's next tick."""
        self.sequences[symbol] = self.sequences.get(symbol, 0) + 1
        made = tick.Tick(symbol, price, 10, time.time_ns() // 1_000_000, self.sequences[symbol])
        self.record(symbol, tick.encode(made))
        return made

    def record(self, key: str, value: bytes | None) -> None:
        """Queue any record, on the partition of `key`."""
        partition = partition_for(key, self.partitions)
        self._producer.produce(self.topic, value, key, partition)

    def round(self, symbols: Iterable[str] = SYMBOLS) -> None:
        """Write one tick of each symbol, and wait until Kafka has them."""
        for symbol in symbols:
            self.tick(symbol)
        self.flush()

    def run(self, seconds: float, ticks_per_s: float, symbols: Iterable[str] = SYMBOLS) -> None:
        """Write ticks of the symbols in turn at this rate, and wait until Kafka has them."""
        symbols = tuple(symbols)
        start, written = time.monotonic(), 0
        while (now := time.monotonic() - start) < seconds:
            while written < now * ticks_per_s:
                self.tick(symbols[written % len(symbols)])
                written += 1
            self._producer.poll(0)
            time.sleep(0.005)
        self.flush()

    def poll(self) -> None:
        """Let the producer hear what Kafka has taken."""
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until Kafka has all that was queued."""
        assert self._producer.flush(60) == 0, "Kafka did not take the ticks"
