"""Records that are no ticks: skipped, counted, and logged at a limited rate."""

import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from stockstream import tick
from stockstream.tick import Tick
from support.bridge import Bridge, hear, say
from support.ticks import Ticker
from support.waiting import wait_for

POISON = [
    b"not json",
    b'{"symbol":"AAPL","price":"high","volume":1,"timestamp":1,"sequence":1}',
    b'{"symbol":5,"price":1.0,"volume":1,"timestamp":1,"sequence":1}',
    b"",
    None,
    # Arrays in a field that nobody reads: the decoder raises RecursionError.
    b'{"symbol":"AAPL","x":' + b"[" * 1000 + b"]" * 1000 + b"}",
    b'{"symbol":"' + b"A" * (1 << 20) + b'"}',
]
ROUNDS = 50


@pytest.fixture
def topic(topic_factory) -> str:
    """Return a topic that takes records above 1 MiB."""
    return topic_factory(max_message_bytes=str(2 << 20))


def feed_poison(bridge: Bridge, ticker: Ticker) -> None:
    """Fail unless ticks between records that are none all arrive."""
    with bridge.connect() as client:
        say(client, "subscribe", ["AAPL"])
        hear(client, "snapshot")
        for _ in range(ROUNDS):
            for value in POISON[:-1]:
                ticker.record("AAPL", value)
            ticker.round(["AAPL"])
        ticker.record("AAPL", POISON[-1])
        ticker.round(["AAPL"])
        try:
            sequences = [hear(client, "stock-tick", 20)["sequence"] for _ in range(ROUNDS + 1)]
        except TimeoutError:
            raise AssertionError("the ticks after a poison record did not come") from None
    assert sequences == list(range(1, ROUNDS + 2))


def test_poison_records_are_skipped_counted_and_rarely_logged(
    bridge: Bridge, ticker: Ticker
) -> None:
    """Not JSON, wrong types, empty, null and 1 MiB: the ticks between them all arrive."""
    feed_poison(bridge, ticker)
    expected = ROUNDS * (len(POISON) - 1) + 1
    assert bridge.prometheus()["stockstream_poison_records_total"] == expected
    assert bridge.health()[0] == 200
    [warning] = bridge.health()[1]["warnings"]
    assert warning.startswith(f"{expected} records that are no ticks were refused")
    lines = [line for line in bridge.part.log.read_text().splitlines() if "no ticks" in line]
    assert 1 <= len(lines) < 20, f"{len(lines)} lines for {expected} records"


def test_forged_ticks_are_refused_or_give_way_to_the_genuine_ones(
    bridge_factory, ticker: Ticker
) -> None:
    """Any sequence and time may be forged: the symbol's next ticks come within seconds.

    On every bridge alike: one that starts after the forged ticks has the same newest one.
    """
    bridge = bridge_factory(MAX_SYMBOLS="6")
    with bridge.connect() as client:
        say(client, "join", "stock-updates")
        hear(client, "snapshot")
        ticker.round(["AAPL"])
        now_ms = time.time_ns() // 1_000_000
        for forged in (
            Tick("AAPL", 1.0, 1, tick.MAX_TIMESTAMP_MS, 2**53),
            Tick("AAPL", 1.0, 1, now_ms + 300_000, 2**53),
            Tick("AAPL", 1.0, 1, now_ms + 50_000, 2**53),
            *(Tick(f"INVENTED{n}", 1.0, 1, now_ms, 1) for n in range(9)),
        ):
            ticker.record(forged.symbol, tick.encode(forged))
        ticker.flush()
        sequences = [hear(client, "stock-tick")["sequence"] for _ in range(3)]
        assert sorted(sequences) == [1, 1, 2**53]  # the third is the one invented symbol that fits
        made: list[int] = []

        def next_tick() -> int:
            made.append(ticker.tick("AAPL").sequence)
            ticker.flush()
            with suppress(TimeoutError):
                return hear(client, "stock-tick", 0.5)["sequence"]
            return 0

        assert wait_for(next_tick, lambda seen: seen > 0) in made
        ticker.round(["AAPL"])
        last = hear(client, "stock-tick")["sequence"]
        assert last == ticker.sequences["AAPL"]
    metrics = bridge.prometheus()
    assert metrics['stockstream_refused_records_total{reason="ahead"}'] == 2
    assert metrics['stockstream_refused_records_total{reason="too_many_symbols"}'] == 8
    assert metrics["stockstream_new_runs_total"] == 1
    assert bridge.part.log.read_text().count("AAPL counts anew: sequence ") == 1
    with bridge_factory().connect() as client:
        say(client, "subscribe", ["AAPL"])
        assert [each["sequence"] for each in hear(client, "snapshot")["ticks"]] == [last]


def test_poison_records_stop_a_feed_that_trusts_them(bridge_factory, ticker: Ticker) -> None:
    """A feed that ends at the first bad record fails the same check."""
    with pytest.raises((AssertionError, ConnectionClosed)):
        feed_poison(bridge_factory(broken="trusts_records"), ticker)


def test_feed_that_fails_ends_its_worker(bridge_factory, ticker: Ticker) -> None:
    """A worker without a feed would look alive: it ends, and gunicorn starts another."""
    bridge = bridge_factory(broken="trusts_records")
    ticker.record("AAPL", b"poison")
    ticker.flush()
    log = wait_for(bridge.part.log.read_text, lambda text: text.count("Booting worker") == 2)
    assert "CRITICAL stockstream.bridge.lifecycle: ended by ValueError('not a tick')" in log
