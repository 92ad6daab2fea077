"""A client that asks for fewer updates gets fewer, the newest, and the count of the rest."""

import json
import threading

import pytest

from support.bridge import Bridge, Event, hear, say
from support.ticks import SYMBOLS, Ticker
from support.waiting import wait_for

RATE = 2
SECONDS = 6


def pace_the_stream(bridge: Bridge, ticker: Ticker) -> None:
    """Fail unless a paced client gets few ticks, each symbol's last, and an exact count."""
    with bridge.connect() as client, bridge.connect(max_queue=None) as other:
        say(client, "subscribe", {"symbols": "*", "maxRate": RATE})
        say(other, "join", "stock-updates")
        hear(client, "snapshot"), hear(other, "snapshot")
        writer = threading.Thread(target=ticker.run, args=(SECONDS, 500), daemon=True)
        writer.start()
        writer.join()
        ticks, skipped = hear_all(client, ticker)
        assert skipped + len(ticks) == sum(ticker.sequences.values())
        # One more than the rate: the first. A writer that was slow makes more time, so more ticks.
        took_s = (ticks[-1]["timestamp"] - ticks[0]["timestamp"]) / 1000
        assert len(ticks) <= len(SYMBOLS) * (RATE * took_s + 3)
        others = hear_all(other, ticker)
        assert (len(others[0]), others[1]) == (sum(ticker.sequences.values()), 0)


def hear_all(client, ticker: Ticker) -> tuple[list[Event], int]:
    """Return the ticks and the sum of skipped ones, when all published are accounted for."""
    ticks: list[Event] = []
    skipped, reached = 0, dict.fromkeys(ticker.sequences, 0)
    while reached != ticker.sequences or skipped + len(ticks) < sum(reached.values()):
        message = json.loads(client.recv(timeout=120))
        if message["event"] == "conflated":
            skipped += message["data"]["skipped"]
        elif message["event"] == "stock-tick":
            ticks.append(message["data"])
            assert message["data"]["sequence"] > reached[message["data"]["symbol"]]
            reached[message["data"]["symbol"]] = message["data"]["sequence"]
    return ticks, skipped


def test_max_rate_gives_few_ticks_the_newest_and_the_count(bridge: Bridge, ticker: Ticker) -> None:
    """At 100 ticks/s a symbol, a client of 2 gets 2, while another gets all."""
    pace_the_stream(bridge, ticker)


def test_max_rate_that_is_ignored_is_noticed(bridge_factory, ticker: Ticker) -> None:
    """A bridge that gives every tick to all fails the same check."""
    with pytest.raises(AssertionError):
        pace_the_stream(bridge_factory(broken="ignores_the_rate"), ticker)


def test_max_rate_null_removes_it_and_none_leaves_it(bridge: Bridge, ticker: Ticker) -> None:
    """A later subscribe without maxRate changes nothing; with null the client gets every tick."""
    with bridge.connect() as client:
        say(client, "subscribe", {"symbols": ["AAPL"], "maxRate": 0.01})
        hear(client, "snapshot")
        say(client, "subscribe", ["TSLA"])
        hear(client, "snapshot")
        for _ in range(3):
            ticker.round(["AAPL"])
        wait_for(bridge.metrics, lambda seen: seen["messagesProcessed"] == 3)
        assert hear(client, "stock-tick")["sequence"] == 1
        say(client, "subscribe", {"symbols": [], "maxRate": None})
        assert hear(client, "stock-tick")["sequence"] == 3  # 2 was replaced while it was withheld
        hear(client, "snapshot")
        ticker.round(["AAPL"])
        ticker.round(["AAPL"])
        assert [hear(client, "stock-tick")["sequence"] for _ in range(2)] == [4, 5]


@pytest.mark.parametrize("rate", [0, -1, 51, "2", True])
def test_max_rate_out_of_range_gets_an_error(shared_bridge: Bridge, rate) -> None:
    """Above 0 and at most 50; anything else is refused, and nothing is subscribed."""
    with shared_bridge.connect() as client:
        say(client, "subscribe", {"symbols": "*", "maxRate": rate})
        assert hear(client, "error")["code"] == "bad_data"
