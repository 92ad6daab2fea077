"""Where each symbol goes on: at its newest tick, wherever that is."""

import time
from collections.abc import Generator, Mapping

from stockstream.config import Settings
from stockstream.kafka.reader import Reader
from stockstream.records import Records
from stockstream.tails import find_newest
from stockstream.tick import Stored

Found = dict[str, Stored | None]


def take_over(
    settings: Settings, homes: Mapping[str, int], partitions: int, moved_wait_s: float
) -> Generator[Found]:
    """Find the newest tick of each symbol of `homes`, as find_newest does.

    A tick that lies away from its symbol's home is from when the topic had fewer partitions, and
    the replica that wrote it may be about to learn of the change: `moved_wait_s` later it has
    stopped, and the symbol is looked for again.

    Raises:
        KafkaUnavailable: Kafka did not hand over the ticks.
    """
    moved: dict[str, int] = {}
    reader = Reader(settings, settings.kafka_topic)
    records = Records(settings.max_clock_ahead)
    try:
        for found in find_newest(reader, records, homes, range(partitions)):
            away = {s for s, at in found.items() if at and at.partition != homes[s]}
            moved.update((symbol, homes[symbol]) for symbol in away)
            yield {symbol: at for symbol, at in found.items() if symbol not in away}
        deadline = time.monotonic() + moved_wait_s
        while moved and time.monotonic() < deadline:
            time.sleep(0.05)
            yield {}
        if moved:
            yield from find_newest(reader, records, moved, range(partitions))
    finally:
        reader.close()
