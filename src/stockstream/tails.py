"""The newest tick of each symbol, read from the ends of the partitions."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from stockstream.errors import KafkaUnavailable
from stockstream.kafka.reader import Reader, Record
from stockstream.records import Records
from stockstream.succession import extend, is_settled, newest
from stockstream.tick import Stored

#: The first step back from a partition's end, in records; it doubles until all is found.
FIRST_STEP = 1_000
#: How far two producers' clocks may be apart: a symbol's next tick is not older than that.
CLOCK_SLACK_MS = 5_000

_READ_S = 0.05
_SILENCE_S = 10.0


class Tails(msgspec.Struct, frozen=True):
    """The newest tick of each symbol, and each partition's end when it was read.

    The newest is that of the newest run, as `succession` judges in the log's order.
    """

    newest: dict[str, Stored]
    ends: dict[int, int]


def read_tails(
    reader: Reader,
    records: Records,
    partitions: Iterable[int],
    wanted: Iterable[str],
    limit: int | None = None,
    timeout_s: float = 60.0,
) -> Tails:
    """Read back from the ends of `partitions` until every wanted symbol's newest tick is sure.

    It goes back in doubling steps, to the beginning where a symbol is not there, or `limit`
    records a partition. All symbols that it meets are in the answer, not only the wanted ones.

    Raises:
        KafkaUnavailable: Kafka did not hand over the records within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    scan = _Scan(reader, records, partitions)
    lows = {p: max(low, scan.ends[p] - (limit or scan.ends[p])) for p, low in scan.lows.items()}
    for step in _doubling_steps():
        if scan.start == lows or all(map(scan.is_sure, wanted)):
            break
        for _ in scan.back_to({p: max(lows[p], end - step) for p, end in scan.ends.items()}):
            if time.monotonic() > deadline:
                raise KafkaUnavailable(f"the newest ticks did not come in time: {reader.error}")
    reader.assign({})
    return Tails({symbol: scan.newest(symbol) for symbol in scan.symbols}, scan.ends)


def find_newest(
    reader: Reader, records: Records, homes: Mapping[str, int], partitions: Iterable[int]
) -> Iterator[dict[str, Stored | None]]:
    """Find the newest tick of each symbol of `homes`, from whichever partition holds it.

    A symbol's home is the partition that its ticks go to now. It is searched first, back from its
    end; then the others, from a little before the tick that was found, for a newer one: ticks from
    when the topic had fewer partitions. Only a symbol that has no tick at home costs reading all.

    Yields the symbols that are settled (None: it has no tick), and every now and then {}, so that
    the caller may do other work between.

    Raises:
        KafkaUnavailable: Kafka did not hand over any record for 10 s.
    """
    scan = _Scan(reader, records, partitions, homes.__contains__)
    sought = dict(homes)
    for step in _doubling_steps():
        for _ in scan.back_to({p: scan.ends[p] - step for p in set(sought.values())}):
            yield {}
        found = [symbol for symbol, home in sought.items() if scan.is_sure(symbol, home)]
        if found:
            oldest_ms = min(scan.newest(symbol).time_ms for symbol in found)
            since_ms = max(0, oldest_ms - CLOCK_SLACK_MS)
            for _ in scan.back_to(reader.offsets_at(since_ms, scan.ends)):
                yield {}
            yield {symbol: scan.newest(symbol) for symbol in found}
        absent = [s for s, home in sought.items() if scan.is_read(home) and s not in found]
        if absent:
            for _ in scan.back_to(scan.lows):
                yield {}
            yield {s: scan.newest(s) if s in scan.symbols else None for s in absent}
        for symbol in (*found, *absent):
            del sought[symbol]
        if not sought:
            return


class _Scan:
    """Reads the partitions backwards, in steps, and keeps what decides on the newest ticks.

    Each partition has been read from its `start` to its end, and holds nothing before its low.
    Of each symbol that is `wanted` there is a trail for each partition, in the log's order.
    """

    def __init__(
        self,
        reader: Reader,
        records: Records,
        partitions: Iterable[int],
        wanted: Callable[[str], bool] = lambda symbol: True,
    ) -> None:
        bounds = {p: reader.watermarks(p) for p in partitions}
        self.lows = {p: low for p, (low, _) in bounds.items()}
        self.ends = {p: high for p, (_, high) in bounds.items()}
        self.start = dict(self.ends)
        self.symbols: dict[str, dict[int, list[Stored]]] = {}
        self._since_ms: dict[int, int] = {}  # the time of each partition's first tick that was read
        self._reader = reader
        self._records = records
        self._wanted = wanted

    def is_read(self, partition: int) -> bool:
        """Return whether the partition was read from its very beginning."""
        return self.start[partition] <= self.lows[partition]

    def is_sure(self, symbol: str, partition: int | None = None) -> bool:
        """Return whether nothing before `start` can decide on the newest tick there (None: any)."""
        trails = self.symbols.get(symbol, {})
        return any(
            self.is_read(at) or is_settled(trails[at], self._since_ms[at])
            for at in (trails if partition is None else trails.keys() & {partition})
        )

    def newest(self, symbol: str) -> Stored:
        """Return the newest tick of a symbol of `symbols`; partitions go by their ticks' times."""
        ends = [_last(trail) for trail in self.symbols[symbol].values()]
        return _last(sorted(ends, key=lambda end: (end.time_ms, end.tick.sequence)))

    def back_to(self, offsets: Mapping[int, int]) -> Iterator[None]:
        """Read the partitions back to these offsets; yield after each batch of records."""
        start = {p: max(offset, self.lows[p]) for p, offset in offsets.items()}
        stop = {p: self.start[p] for p, offset in start.items() if offset < self.start[p]}
        since_ms: dict[int, int] = {}
        trails: dict[tuple[str, int], list[Stored]] = {}
        for batch in _between(self._reader, {p: start[p] for p in stop}, stop):
            for partition, _, found in self._records.read(batch):
                if found is not None:
                    since_ms.setdefault(partition, found.time_ms)
                    if self._wanted(found.tick.symbol):
                        extend(trails.setdefault((found.tick.symbol, partition), []), found)
            yield
        self._since_ms |= since_ms
        for (symbol, partition), trail in trails.items():
            known = self.symbols.setdefault(symbol, {})
            for found in known.get(partition, ()):
                extend(trail, found)
            known[partition] = trail
        self.start.update((p, start[p]) for p in stop)


def _placed(records: Iterable[Record]) -> Iterator[tuple[Record, int, int]]:
    for record in records:
        partition, offset = record.partition(), record.offset()
        if partition is not None and offset is not None:  # else it was never on a topic
            yield record, partition, offset


def _last(trail: Iterable[Stored]) -> Stored:
    """Return the newest tick of a trail, which has one at least."""
    found = newest(trail)
    if found is None:
        raise ValueError("a trail without a tick")
    return found


def _doubling_steps() -> Iterator[int]:
    return (FIRST_STEP << n for n in itertools.count())


def _between(
    reader: Reader, start: Mapping[int, int], stop: Mapping[int, int]
) -> Iterator[list[Record]]:
    """Yield the records from `start` up to, and without, `stop`, in batches."""
    reader.assign(start)
    unread = set(start)
    heard_s, ended = time.monotonic(), 0
    while unread:
        records = reader.read(_READ_S)
        if records or len(reader.ends) > ended:
            heard_s, ended = time.monotonic(), len(reader.ends)
        elif time.monotonic() - heard_s > _SILENCE_S:
            raise KafkaUnavailable(f"the newest ticks did not come: {reader.error or 'no answer'}")
        places = list(_placed(records))
        yield [record for record, partition, offset in places if offset < stop[partition]]
        reached = {partition: offset for _, partition, offset in places}  # the last one of each
        # A partition may end in what is not a record, such as a transaction's mark.
        unread = {p for p in unread if max(reached.get(p, -1) + 1, reader.ends.get(p, 0)) < stop[p]}
