"""The newest tick of each symbol, read from the ends of the partitions."""

import time
from collections.abc import Iterable

import msgspec

from stockstream import tick
from stockstream.errors import KafkaUnavailable, RecordError
from stockstream.kafka import Reader, Record

#: The first step back from a partition's end, in records; it doubles until all is found.
FIRST_STEP = 1_000


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A tick with its place on the topic."""

    tick: tick.Tick
    partition: int
    offset: int


class Tails(msgspec.Struct, frozen=True):
    """The newest tick (by sequence) of each symbol, and each partition's end when it was read."""

    newest: dict[str, Stored]
    ends: dict[int, int]


def read_tails(
    reader: Reader,
    partitions: Iterable[int],
    wanted: Iterable[str],
    limit: int | None = None,
    timeout_s: float = 60.0,
) -> Tails:
    """Read back from the ends of `partitions` until every wanted symbol was seen.

    It goes back in doubling steps, to the beginning where a symbol is not there, or `limit`
    records a partition. All symbols that it meets are in the answer, not only the wanted ones.

    Raises:
        KafkaUnavailable: Kafka did not hand over the records within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    bounds = {p: reader.watermarks(p) for p in partitions}
    ends = {p: high for p, (_, high) in bounds.items()}
    lows = {p: max(low, high - (limit or high)) for p, (low, high) in bounds.items()}
    newest: dict[str, Stored] = {}
    start, step = dict(ends), FIRST_STEP
    while start != lows and not all(symbol in newest for symbol in wanted):
        stop = start
        start = {p: max(lows[p], ends[p] - step) for p in stop}
        step *= 2
        for record in _between(reader, start, stop, deadline):
            _keep_newest(newest, record)
    reader.assign({})
    return Tails(newest, ends)


def _between(
    reader: Reader, start: dict[int, int], stop: dict[int, int], deadline: float
) -> Iterable[Record]:
    """Yield the records from `start` up to, and without, `stop`."""
    open_ = {p for p in start if start[p] < stop[p]}
    reader.assign({p: start[p] for p in open_})
    while open_:
        if time.monotonic() > deadline:
            raise KafkaUnavailable(f"the newest ticks did not come in time: {reader.error}")
        for record in reader.read(0.5):
            partition, offset = place(record)
            if partition in open_ and offset < stop[partition]:
                yield record
            if offset >= stop[partition] - 1:
                open_.discard(partition)


def _keep_newest(newest: dict[str, Stored], record: Record) -> None:
    try:
        found = tick.decode(record.value())
    except RecordError:
        return
    known = newest.get(found.symbol)
    if known is None or found.sequence > known.tick.sequence:
        newest[found.symbol] = Stored(found, *place(record))


def place(record: Record) -> tuple[int, int]:
    """Return the partition and the offset of a record that came from the topic."""
    partition, offset = record.partition(), record.offset()
    if partition is None or offset is None:  # only a record that was never on a topic
        raise RecordError("a record without a place")
    return partition, offset
