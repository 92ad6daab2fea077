"""What a subscriber gets: its symbols, from a snapshot on, each tick once."""

import threading
from contextlib import ExitStack

import pytest

from support.bridge import Bridge, check_no_hole, hear, hear_until, say
from support.ticks import SYMBOLS, Ticker
from support.waiting import wait_for

WANTED = {"AAPL", "TSLA"}


def subscribe_in_the_stream(bridge: Bridge, ticker: Ticker) -> None:
    """Fail unless clients that come while ticks flow get each later tick of theirs once."""
    ticker.round()
    wait_for(bridge.metrics, lambda seen: seen["messagesProcessed"] >= 5)
    writer = threading.Thread(target=ticker.run, args=(4, 500), daemon=True)
    writer.start()
    with ExitStack() as stack:
        clients = [stack.enter_context(bridge.connect()) for _ in range(10)]
        snapshots = []
        for client in clients:
            say(client, "subscribe", sorted(WANTED))
            snapshots.append(hear(client, "snapshot"))
        writer.join()
        last = {symbol: ticker.sequences[symbol] for symbol in WANTED}
        for client, snapshot in zip(clients, snapshots, strict=True):
            check_no_hole(snapshot, hear_until(client, last), WANTED)
            say(client, "subscribe", ["MARK"])  # anything sent twice would stand before the answer
            hear_nothing_but_the_answer(client)


def hear_nothing_but_the_answer(client) -> None:
    """Fail if a tick comes before the next snapshot."""
    answer = client.recv(timeout=120)
    while '"metrics"' in answer[:20]:
        answer = client.recv(timeout=120)
    assert answer.startswith('{"event":"snapshot"'), f"a tick too many: {answer}"


def test_subscribe_while_ticks_flow_gets_each_once(bridge: Bridge, ticker: Ticker) -> None:
    """Between the snapshot and the ticks nothing is lost or doubled, at 500 ticks/s."""
    subscribe_in_the_stream(bridge, ticker)


@pytest.mark.parametrize("broken", ["ignores_symbols", "sends_twice"])
def test_subscribe_broken_bridge_is_noticed(bridge_factory, ticker: Ticker, broken: str) -> None:
    """A bridge that ignores the subscription, or sends ticks twice, fails the same check."""
    with pytest.raises(AssertionError, match="was not subscribed|expected|too many"):
        subscribe_in_the_stream(bridge_factory(broken=broken), ticker)


def every_bridge_has_every_symbol(bridges: list[Bridge], ticker: Ticker) -> None:
    """Fail unless each bridge delivers a tick of each symbol."""
    with ExitStack() as stack:
        clients = [stack.enter_context(bridge.connect()) for bridge in bridges]
        for client in clients:
            say(client, "join", "stock-updates")
            hear(client, "snapshot")
        ticker.round()
        for client in clients:
            seen: set[str] = set()
            while seen < set(SYMBOLS):
                try:
                    seen.add(hear(client, "stock-tick", timeout_s=20)["symbol"])
                except TimeoutError:
                    raise AssertionError(f"only {sorted(seen)} came") from None


def test_two_bridges_each_deliver_every_symbol(bridge_factory, ticker: Ticker) -> None:
    """A second bridge takes nothing from the first."""
    every_bridge_has_every_symbol([bridge_factory(), bridge_factory()], ticker)


def test_two_bridges_in_one_group_are_noticed(bridge_factory, ticker: Ticker) -> None:
    """Bridges that share a consumer group halve the symbols, and the check sees it."""
    bridges = [bridge_factory(broken="shares_a_group") for _ in range(2)]
    wait_until_assigned(bridges, ticker)
    with pytest.raises(AssertionError, match="only .* came"):
        every_bridge_has_every_symbol(bridges, ticker)


def wait_until_assigned(bridges: list[Bridge], ticker: Ticker) -> None:
    """Write ticks until both members of the group read some of them."""

    def counts() -> list[int]:
        ticker.round()
        return [bridge.metrics()["messagesProcessed"] for bridge in bridges]

    before = counts()
    wait_for(counts, lambda now: all(n > b for n, b in zip(now, before, strict=True)))
    settled = wait_for(counts)
    # Both go on getting ticks, and together no more than all of them: the partitions are shared.
    wait_for(counts, lambda now: all(n > s for n, s in zip(now, settled, strict=True)))


def test_join_gets_symbols_that_appear_later(bridge: Bridge, ticker: Ticker) -> None:
    """Who joined hears of a symbol that nobody knew before, and is told of it at the next start."""
    with bridge.connect() as client:
        assert hear(client, "welcome")["symbols"] == list(SYMBOLS)
        say(client, "join", "stock-updates")
        hear(client, "snapshot")
        ticker.round(["NEW.CO"])
        assert hear(client, "stock-tick")["symbol"] == "NEW.CO"
    with bridge.connect() as client:
        assert "NEW.CO" in hear(client, "welcome")["symbols"]


def test_unsubscribe_ends_these_ticks_and_no_others(bridge: Bridge, ticker: Ticker) -> None:
    """After unsubscribe the symbol is silent, and the others go on."""
    with bridge.connect() as client:
        say(client, "subscribe", {"symbols": ["AAPL", "TSLA"]})
        hear(client, "snapshot")
        say(client, "unsubscribe", ["AAPL"])
        say(client, "subscribe", ["TSLA"])  # its answer says that the one before was followed
        assert hear(client, "snapshot")["ticks"] == []
        ticker.round()
        ticker.round()
        assert [hear(client, "stock-tick")["symbol"] for _ in range(2)] == ["TSLA", "TSLA"]


def test_leave_keeps_the_symbols_by_name(bridge: Bridge, ticker: Ticker) -> None:
    """`leave` undoes `join` alone; while joined, a single symbol cannot be left out."""
    with bridge.connect() as client:
        say(client, "subscribe", ["GOOGL"])
        say(client, "join", "stock-updates")
        say(client, "unsubscribe", ["GOOGL"])
        assert hear(client, "error")["code"] == "joined"
        say(client, "leave", "stock-updates")
        say(client, "subscribe", ["GOOGL"])
        hear(client, "snapshot")
        ticker.round()
        ticker.round()
        assert [hear(client, "stock-tick")["symbol"] for _ in range(2)] == ["GOOGL", "GOOGL"]


def test_metrics_event_moves_positions_past_filtered_ticks(bridge: Bridge, ticker: Ticker) -> None:
    """A client that filters still learns how far the topic has been read."""
    with bridge.connect() as client:
        say(client, "subscribe", ["NONE"])
        assert hear(client, "snapshot")["positions"] == {"0": 0, "1": 0, "2": 0}
        ticker.round()
        while sum(hear(client, "metrics")["positions"].values()) < 5:
            pass


def test_metrics_event_tells_the_bridges_time(bridge: Bridge) -> None:
    """A client can set its clock by more messages than the first one, which may have been slow."""
    with bridge.connect() as client:
        welcome, first, second = (hear(client, event) for event in ("welcome", *["metrics"] * 2))
    assert welcome["serverTime"] <= first["serverTime"] < second["serverTime"]


def test_duplicate_sequence_is_dropped_and_counted(bridge: Bridge, ticker: Ticker) -> None:
    """A producer that was cut off may write a tick again; clients get it once."""
    with bridge.connect() as client:
        say(client, "subscribe", ["AAPL"])
        hear(client, "snapshot")
        ticker.round(["AAPL"])
        ticker.sequences["AAPL"] = 0
        ticker.round(["AAPL"])
        ticker.round(["AAPL"])
        assert [hear(client, "stock-tick")["sequence"] for _ in range(2)] == [1, 2]
    assert bridge.prometheus()["stockstream_duplicate_ticks_total"] == 1


def test_new_bridge_snapshots_what_was_there_before(bridge_factory, ticker: Ticker) -> None:
    """A bridge that starts while the market is quiet still shows each symbol's last price."""
    for _ in range(3):
        ticker.round()
    with bridge_factory().connect() as client:
        say(client, "subscribe", {"symbols": "*"})
        snapshot = hear(client, "snapshot")
    assert {tick["symbol"]: tick["sequence"] for tick in snapshot["ticks"]} == ticker.sequences
    assert snapshot["positions"] == {"0": 6, "1": 3, "2": 6}


@pytest.mark.parametrize(("level", "tells"), [("debug", True), ("info", False)])
def test_debug_log_tells_what_a_client_says_and_is_refused(
    bridge_factory, level: str, tells: bool
) -> None:
    """With LOG_LEVEL=debug a client's messages are in the log, and otherwise nothing a message."""
    bridge = bridge_factory(LOG_LEVEL=level)
    with bridge.connect() as client:
        say(client, "subscribe", {"symbols": ["TSLA"]})
        say(client, "sing", "la")
        hear(client, "error")
    wait_for(lambda: "gone: client" in bridge.part.log.read_text())
    log = bridge.part.log.read_text()
    assert ('DEBUG stockstream.bridge.session: client 127.0.0.1 says \'{"event"' in log) == tells
    assert ("is refused: " in log) == tells
