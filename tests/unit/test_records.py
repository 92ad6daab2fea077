"""Records: each is a tick or refused, and none ends its reader."""

import logging

import confluent_kafka as ck
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockstream import config, records, tick
from stockstream.bridge.feed import Feed
from stockstream.bridge.hub import Hub
from stockstream.bridge.roster import Roster
from stockstream.bridge.stats import Stats
from stockstream.console.service import ConsoleConsumer
from stockstream.records import Records
from stockstream.stopping import Stop
from stockstream.tails import find_newest
from stockstream.tick import Stored, Tick
from support.records import GOOD, NOW_MS, VALUES, FakeReader, FakeRecord, check_read

FAULTY = tick.encode(Tick("BOOM", 1.0, 1, NOW_MS, 1))
SETTINGS = config.Settings()


def value(sequence: int, timestamp: int = NOW_MS, symbol: str = "AAPL") -> bytes:
    return tick.encode(Tick(symbol, 100.0, 1, timestamp, sequence))


def taken(reader: Records, *found: FakeRecord) -> list[int | None]:
    """Return the sequences of the records that are taken; None for one that is refused."""
    return [stored and stored.tick.sequence for _, _, stored in reader.read(found)]


@settings(deadline=None)  # no test depends on speed
@given(st.lists(VALUES, max_size=20))
def test_read_any_records_gives_ticks_to_show_or_counts_a_refusal(
    values: list[bytes | None],
) -> None:
    """Whatever is on the topic, each record is read; none needs the last resort."""
    check_read(values)


def test_read_that_loses_a_record_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check notices a refusal that is not counted, and a fault."""
    with monkeypatch.context() as patch, pytest.raises(AssertionError):
        patch.setattr(Records, "_refuse", lambda *_: None)
        check_read([b"poison"])
    monkeypatch.setattr(tick, "decode", lambda _: 1 / 0)
    with pytest.raises(AssertionError):
        check_read([GOOD])


def test_read_tick_ahead_of_its_record_is_refused_and_an_older_one_taken() -> None:
    """60 s ahead of the broker's clock is a slip or a forgery; a late tick is only late."""
    reader = Records(60)
    times = [NOW_MS + 60_000, NOW_MS + 60_001, tick.MAX_TIMESTAMP_MS, 0]
    found = [FakeRecord(value(n, time_ms), n) for n, time_ms in enumerate(times, 1)]
    assert taken(reader, *found) == [1, None, None, 4]
    assert reader.refused == {"ahead": 2, "not_a_tick": 0, "too_many_symbols": 0, "fault": 0}


@pytest.mark.parametrize("kind", [ck.TIMESTAMP_CREATE_TIME, ck.TIMESTAMP_NOT_AVAILABLE])
def test_read_tick_of_a_topic_without_arrivals_is_not_believed_but_taken(kind: int) -> None:
    """A producer's own word on the record proves nothing: the reader's clock bounds its time."""
    reader = Records(60)
    far_ms = tick.MAX_TIMESTAMP_MS
    forged = FakeRecord(value(1, far_ms), arrived_ms=far_ms, kind=kind)
    [(_, _, stored)] = reader.read([forged])
    assert stored is not None
    assert stored.time_ms < far_ms


def test_read_symbols_beyond_the_bound_are_refused_and_configured_ones_never() -> None:
    """20,000 invented symbols cost no more than the bound; those that are configured always fit."""
    reader = Records(60)
    reader.admits = Roster(["AAPL", "MSFT", "TSLA"], 5).admits
    names = ["A", "B", "C", "AAPL", "D", "MSFT", "A", "TSLA"]
    found = [FakeRecord(value(n, symbol=name), n) for n, name in enumerate(names, 1)]
    assert taken(reader, *found) == [1, 2, None, 4, None, 6, 7, 8]
    assert reader.refused["too_many_symbols"] == 2
    assert Roster(["AAPL", "MSFT"], 1).admits("MSFT")


def test_read_refusals_are_warned_of_for_a_minute_and_told_rarely(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line in the log for 100 records, with partition and offset; the warning goes again."""
    reader = Records(60)
    assert reader.warnings() == []
    with caplog.at_level(logging.WARNING):
        taken(reader, *(FakeRecord(b"poison", n, partition=2) for n in range(100)))
    [line] = caplog.messages
    assert "1 records that are no ticks; last: partition 2, offset 0: JSON is malformed" in line
    assert reader.warnings() == [
        "100 records that are no ticks were refused, the last within a minute"
    ]
    monkeypatch.setattr(records, "WARN_S", 0)
    assert reader.warnings() == []


# One record that makes the code fail where nobody expects it, in each of the three readers.

THREE = [(GOOD, NOW_MS), (FAULTY, NOW_MS), (value(2), NOW_MS)]


class Shown:
    """A display that remembers."""

    def __init__(self) -> None:
        self.sequences: list[int] = []

    def show(self, ticks: list[Stored]) -> None:
        self.sequences += [stored.tick.sequence for stored in ticks]


def _through_the_feed() -> list[int]:
    stats = Stats()
    hub = Hub((), {}, stats)
    hub.open("epoch", {}, {0: 0})
    Feed(SETTINGS, hub, stats)._publish(FakeReader({0: THREE})._log[0])
    assert hub.positions == {0: 3}
    return [hub.newest["AAPL"].tick.sequence, stats.ticks_in]


def _through_the_console() -> list[int]:
    shown = Shown()
    consumer = ConsoleConsumer(SETTINGS, Stop(), shown)  # type: ignore[arg-type]
    consumer._share = {0}
    consumer._print(FakeReader({0: THREE})._log[0])
    assert consumer._printed == {0: 3}
    return shown.sequences


def _through_the_producers_start() -> list[int]:
    found: dict[str, Stored | None] = {}
    for batch in find_newest(FakeReader({0: THREE}), Records(60), {"AAPL": 0}, [0]):
        found |= batch
    return [stored.tick.sequence for stored in found.values() if stored]


READERS = [
    (_through_the_feed, [2, 2]),
    (_through_the_console, [1, 2]),
    (_through_the_producers_start, [2]),
]


@pytest.fixture
def faulty_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one record raise what no record should."""
    decode = tick.decode

    def fail(data: bytes | None) -> Tick:
        if data == FAULTY:
            raise RuntimeError("made to fail by the test")
        return decode(data)

    monkeypatch.setattr(tick, "decode", fail)


@pytest.mark.usefixtures("faulty_decode")
@pytest.mark.parametrize(("through", "expected"), READERS)
def test_readers_with_a_record_that_makes_them_fail_go_on(
    through, expected: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """Feed, console and producer tell of it, with its place, and read what comes after it."""
    assert through() == expected
    [line] = [line for line in caplog.messages if "skipped" in line]
    assert "last: partition 0, offset 1: RuntimeError('made to fail by the test')" in line


@pytest.mark.usefixtures("faulty_decode")
@pytest.mark.parametrize("through", [through for through, _ in READERS])
def test_readers_without_the_last_resort_end_at_that_record(
    through, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same record ends each of the three where only RecordError is expected."""

    def take(_: Records, record: FakeRecord, partition: int, offset: int) -> Stored:
        return Stored(tick.decode(record.value()), partition, offset)

    monkeypatch.setattr(Records, "_take", take)
    with pytest.raises(RuntimeError, match="made to fail"):
        through()


def test_read_without_memory_ends_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last resort is for what is wrong with a record; a process without memory has to end."""

    def fail(_: bytes) -> Tick:
        raise MemoryError

    monkeypatch.setattr(tick, "decode", fail)
    with pytest.raises(MemoryError):
        taken(Records(60), FakeRecord(GOOD))


def test_feed_age_of_a_tick_from_the_future_is_that_of_its_record() -> None:
    """A tick 50 s ahead of its record does not keep lastTickAge at 0 for 50 s."""
    stats = Stats()
    hub = Hub((), {}, stats)
    feed = Feed(SETTINGS, hub, stats)
    ahead = value(1, NOW_MS + 50_000)
    hub.open("epoch", {}, {0: 0})
    feed._publish([FakeRecord(ahead)])
    since_ms = tick.MAX_TIMESTAMP_MS - NOW_MS
    age_ms = feed.tick_age_ms()
    assert age_ms is not None
    assert 0 < age_ms < since_ms
    assert age_ms + NOW_MS >= hub.newest["AAPL"].tick.timestamp - 50_000
