"""What is on a topic, read by a client that is not ours, and what is wrong with it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import confluent_kafka as ck

from stockstream import tick
from stockstream.errors import RecordError
from stockstream.tick import Tick
from support.waiting import wait_for


class Entry(NamedTuple):
    """A tick with its place on the topic."""

    partition: int
    offset: int
    tick: Tick


def read_ledger(bootstrap: str, topic: str) -> list[Entry]:
    """Read the whole topic as it is now, partition by partition; what is no tick is left out."""
    options = {"group.id": "ledger", "enable.partition.eof": True, "enable.auto.commit": False}
    consumer = ck.Consumer({"bootstrap.servers": bootstrap, "log_level": 2, **options})
    entries = []
    for partition in consumer.list_topics(topic, timeout=60).topics[topic].partitions:
        place = ck.TopicPartition(topic, partition, ck.OFFSET_BEGINNING)
        _, end = wait_for(lambda place=place: _watermarks(consumer, place))
        consumer.assign([place])
        for record in _until(consumer, end):
            try:
                found = tick.decode(record.value())
            except RecordError:
                continue
            entries.append(Entry(partition, record.offset() or 0, found))
    consumer.close()
    return entries


def _watermarks(consumer: ck.Consumer, place: ck.TopicPartition) -> tuple[int, int]:
    try:
        return consumer.get_watermark_offsets(place, timeout=60)
    except ck.KafkaException as error:  # a new topic, or a broker that comes back
        raise AssertionError(error) from error


def _until(consumer: ck.Consumer, end: int) -> Iterator[ck.Message]:
    """Yield the records before `end`; a partition that is written to has no other."""
    for _ in range(10_000):
        for record in consumer.consume(1_000, 0.1):
            error = record.error()
            if error is not None and error.code() != ck.KafkaError._PARTITION_EOF:  # noqa: SLF001
                raise AssertionError(error)
            if error is None and record.offset() < end:
                yield record
            if record.offset() >= end - 1:
                return
    raise AssertionError(f"the partition's end, {end}, was not reached")


def doubled(entries: Iterable[Entry]) -> dict[str, list[int]]:
    """Return the sequences that a symbol has more than once."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for entry in entries:
        counts[entry.tick.symbol][entry.tick.sequence] += 1
    found = {s: sorted(n for n in c if c[n] > 1) for s, c in counts.items()}
    return {symbol: sequences for symbol, sequences in found.items() if sequences}


def missing(entries: Iterable[Entry]) -> dict[str, list[int]]:
    """Return the sequences that a symbol has not, from 1 to its highest."""
    seen: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        seen[entry.tick.symbol].add(entry.tick.sequence)
    found = {s: sorted(set(range(1, max(have) + 1)) - have) for s, have in seen.items()}
    return {symbol: sequences for symbol, sequences in found.items() if sequences}


def disordered(entries: Iterable[Entry]) -> dict[str, list[int]]:
    """Return the sequences that stand behind a higher one of their symbol and partition."""
    found: dict[str, list[int]] = defaultdict(list)
    newest: dict[tuple[str, int], int] = {}
    for entry in sorted(entries):
        key = entry.tick.symbol, entry.partition
        if entry.tick.sequence <= newest.get(key, 0):
            found[entry.tick.symbol].append(entry.tick.sequence)
        newest[key] = max(newest.get(key, 0), entry.tick.sequence)
    return dict(found)


def jumps(entries: Iterable[Entry], bound: float = 0.02) -> dict[str, list[int]]:
    """Return the sequences whose price differs from the one before by more than `bound`."""
    paths: dict[str, dict[int, float]] = defaultdict(dict)
    for entry in entries:
        paths[entry.tick.symbol][entry.tick.sequence] = entry.tick.price
    found = {
        symbol: [b for a, b in pairwise(sorted(path)) if abs(path[b] / path[a] - 1) > bound + 1e-9]
        for symbol, path in paths.items()
    }
    return {symbol: sequences for symbol, sequences in found.items() if sequences}


def assert_faultless(entries: list[Entry]) -> None:
    """Fail unless every symbol's ticks are there once, in order, as one path of prices."""
    assert entries, "the topic is empty"
    assert (missing(entries), doubled(entries), disordered(entries), jumps(entries)) == (
        {}, {}, {}, {},
    )  # fmt: skip


def highest(entries: Iterable[Entry]) -> dict[str, int]:
    """Return each symbol's highest sequence."""
    found: dict[str, int] = {}
    for entry in entries:
        found[entry.tick.symbol] = max(found.get(entry.tick.symbol, 0), entry.tick.sequence)
    return found
