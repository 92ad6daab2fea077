"""Records of every kind: ticks, what is nearly one, and anything else, on a topic in memory.

The strategies make the records of a property test, and of a longer fuzz with more examples.
"""

from collections.abc import Iterable, Mapping

from hypothesis import strategies as st

from stockstream import tick
from stockstream.bridge import protocol
from stockstream.bridge.hub import Hub
from stockstream.bridge.stats import Stats
from stockstream.console.display import JsonLines, Lines, LiveTable
from stockstream.kafka.reader import LOG_APPEND_TIME
from stockstream.records import Records
from stockstream.tick import Tick

NOW_MS = 1_700_000_000_000
GOOD = tick.encode(Tick("AAPL", 189.32, 400, NOW_MS, 1))

_EDGES = [0, 1, 2**31, 2**52, 2**53, 2**53 + 1, 2**63, 2**64, 10**400, NOW_MS, -1]
_EDGES += [tick.MAX_TIMESTAMP_MS, tick.MAX_TIMESTAMP_MS + 1, 8_640_000_000_000_000]
_NUMBERS = (
    st.sampled_from([str(edge).encode() for edge in _EDGES])
    | st.integers().map(lambda n: str(n).encode())
    | st.floats().map(lambda x: str(x).encode())
    | st.sampled_from([b"NaN", b"-Infinity", b"1e400", b"1e-400", b"1E308", b"null", b'"1"', b"01"])
)
_SYMBOLS = st.text(max_size=40).map(lambda text: text.encode(errors="surrogatepass"))
_SYMBOLS |= st.sampled_from([b"AAPL", b"\\ud800", b"\\u0041", b"\xff", b"A" * 32, b"A" * 33, b"^"])
_EXTRAS = st.just(b"") | st.builds(
    lambda depth, bracket: b',"x":' + bracket[:-1] * depth + b"1" + bracket[-1:] * depth,
    st.integers(0, tick.RECORD_LIMIT_BYTES // 2),
    st.sampled_from([b"[]", b'{"a":}']),
)
#: Records with a tick's fields, of which any may be out of its bounds, and one field too many.
NEARLY_TICKS = st.builds(
    lambda symbol, *rest: b'{"symbol":"%b","price":%b,"volume":%b,"timestamp":%b,"sequence":%b%b}'
    % (symbol, *rest),
    _SYMBOLS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _EXTRAS,
)  # fmt: skip
_CUT = st.builds(
    lambda at, length, other: GOOD[:at] + other + GOOD[at + length :],
    st.integers(0, len(GOOD)),
    st.integers(0, 20),
    st.binary(max_size=20),
)
TICKS = st.builds(
    Tick,
    st.from_regex(tick.SYMBOL_PATTERN, fullmatch=True),
    st.floats(0, 1e12, exclude_min=True, exclude_max=True),
    st.integers(0, 2**53),
    st.integers(0, tick.MAX_TIMESTAMP_MS),
    st.integers(1, 2**53),
)
#: Values of records: what a producer, a slip or a forger may put on the topic.
VALUES = st.none() | st.binary(max_size=200) | NEARLY_TICKS | _CUT | TICKS.map(tick.encode)


class FakeRecord:
    """A record as librdkafka hands it over; its key and partition need not fit its symbol."""

    def __init__(
        self,
        value: bytes | None,
        offset: int = 0,
        partition: int = 0,
        arrived_ms: int = NOW_MS,
        kind: int = LOG_APPEND_TIME,
    ) -> None:
        self._value, self._offset, self._partition = value, offset, partition
        self._timestamp = kind, arrived_ms

    def value(self) -> bytes | None:
        return self._value

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return self._timestamp


class FakeReader:
    """Reads a topic in memory: values with the time of their arrival, by partition."""

    error = None
    BATCH = 7

    def __init__(self, log: Mapping[int, Iterable[tuple[bytes | None, int]]]) -> None:
        self._log = {
            partition: [
                FakeRecord(value, offset, partition, arrived_ms)
                for offset, (value, arrived_ms) in enumerate(records)
            ]
            for partition, records in log.items()
        }
        self._next: dict[int, int] = {}
        self.ends: dict[int, int] = {}

    def watermarks(self, partition: int) -> tuple[int, int]:
        return 0, len(self._log[partition])

    def offsets_at(self, timestamp_ms: int, partitions: Iterable[int]) -> dict[int, int]:
        later = {
            p: [r.offset() for r in self._log[p] if r.timestamp()[1] >= timestamp_ms]
            for p in partitions
        }
        return {p: offsets[0] for p, offsets in later.items() if offsets}

    def assign(self, offsets: Mapping[int, int]) -> None:
        self._next = dict(offsets)
        self.ends.clear()

    def read(self, _: float) -> list[FakeRecord]:
        found: list[FakeRecord] = []
        for partition, offset in self._next.items():
            batch = self._log[partition][offset : offset + self.BATCH]
            self._next[partition] += len(batch)
            found += batch
            if self._next[partition] == len(self._log[partition]):
                self.ends[partition] = self._next[partition]
        return found


def check_read(values: Iterable[bytes | None]) -> None:
    """Fail unless each of the values is refused and counted, or a tick that can be shown."""
    reader = Records(60)
    records = [FakeRecord(value, offset) for offset, value in enumerate(values)]
    found = list(reader.read(records))
    assert [offset for _, offset, _ in found] == list(range(len(records)))
    ticks = [stored for *_, stored in found if stored is not None]
    assert len(records) - len(ticks) == sum(reader.refused.values())
    assert reader.refused["fault"] == 0
    table = LiveTable()
    table.show(ticks)
    assert table._table().row_count == len({stored.tick.symbol for stored in ticks})
    hub = Hub((), {}, Stats())
    hub.open("epoch", {}, {})
    hub.publish(ticks, {0: len(records)})
    for stored in ticks:
        assert protocol.stock_tick(stored)
        assert stored.tick.symbol in Lines()._line(stored)
        assert stored.tick.symbol in JsonLines()._line(stored)
