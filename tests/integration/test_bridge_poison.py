"""Records that are no ticks: skipped, counted, and logged at a limited rate."""

import pytest
from websockets.exceptions import ConnectionClosed

from support.bridge import Bridge, hear, say
from support.ticks import Ticker
from support.waiting import wait_for

POISON = [
    b"not json",
    b'{"symbol":"AAPL","price":"high","volume":1,"timestamp":1,"sequence":1}',
    b'{"symbol":5,"price":1.0,"volume":1,"timestamp":1,"sequence":1}',
    b"",
    None,
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
    lines = [line for line in bridge.part.log.read_text().splitlines() if "no ticks" in line]
    assert 1 <= len(lines) < 20, f"{len(lines)} lines for {expected} records"


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
