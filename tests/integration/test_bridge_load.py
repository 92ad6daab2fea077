"""Clients that take too little, and how little that matters to the others."""

import threading
import time
from contextlib import ExitStack

import psutil
import pytest

from support.account import Account
from support.bridge import Bridge, hear, say
from support.raw import Frames, open_raw, say_raw
from support.ticks import Ticker
from support.waiting import wait_for

STUCK, HEALTHY = 200, 5
TICKS_PER_S, SECONDS = 1000, 6
#: What 200 clients' queues of 6 s would take is 100 MB and more.
GROWTH_LIMIT_BYTES = 40 << 20
DELAY_LIMIT_S = 10.0
AGE_LIMIT_S = 10.0


def memory_bytes(bridge: Bridge) -> int:
    """Return what the bridge's worker holds."""
    processes = psutil.Process(bridge.part.pid).children(recursive=True)
    return sum(process.memory_full_info().uss for process in processes)


class Healthy(threading.Thread):
    """Reads as fast as ticks come, and keeps account."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(daemon=True)
        self._sock = open_raw(bridge)
        say_raw(self._sock, "join", "stock-updates")
        self.account = Account()
        self.longest_delay_s = 0.0
        self.fault: Exception | None = None

    def run(self) -> None:
        """Read until the end of the connection."""
        frames = Frames()
        try:
            while data := self._sock.recv(1 << 16):
                for event in frames.take(data):
                    self.account.take(event)
                    if event["event"] == "stock-tick":
                        delay_s = time.time() - event["data"]["timestamp"] / 1000
                        self.longest_delay_s = max(self.longest_delay_s, delay_s)
        except (OSError, AssertionError) as error:
            self.fault = error

    def close(self) -> None:
        """End the connection."""
        self._sock.close()


def stuck_beside_healthy(bridge: Bridge, ticker: Ticker, within_s: float = 120) -> None:
    """Fail if 200 clients that never read cost the healthy ones a tick, or the bridge memory."""
    with ExitStack() as stack:
        stuck = [stack.enter_context(open_raw(bridge, 4 << 10)) for _ in range(STUCK)]
        for sock in stuck:
            say_raw(sock, "join", "stock-updates")
        healthy = [Healthy(bridge) for _ in range(HEALTHY)]
        for reader in healthy:
            stack.callback(reader.close)
            reader.start()
        wait_for(bridge.metrics, lambda seen: seen["connectedClients"] == STUCK + HEALTHY)
        before_bytes = memory_bytes(bridge)
        ticker.run(SECONDS, TICKS_PER_S)
        for reader in healthy:
            reached = reader.account.reached
            wait_for(lambda r=reached: r, lambda seen: seen == ticker.sequences, within_s)
            reader.account.check(ticker.sequences)
            assert reader.fault is None
            assert (reader.account.told, reader.longest_delay_s < DELAY_LIMIT_S) == (0, True)
        assert bridge.prometheus()["stockstream_conflated_clients"] == STUCK
        assert memory_bytes(bridge) - before_bytes < GROWTH_LIMIT_BYTES
        for sock in stuck[:3]:
            catch_up(sock, ticker)


def catch_up(sock, ticker: Ticker) -> None:
    """Fail unless a stuck client that reads again is told exactly what it missed."""
    account, frames = Account(), Frames()
    while account.reached != ticker.sequences:
        assert (data := sock.recv(1 << 16)), "the bridge has gone"
        account.take_all(frames.take(data))
    account.check(ticker.sequences)
    assert account.told > 0


def test_stuck_clients_cost_the_healthy_nothing(bridge: Bridge, ticker: Ticker) -> None:
    """200 stuck clients: five healthy ones get every tick soon, memory is bounded, counts exact."""
    stuck_beside_healthy(bridge, ticker)


@pytest.mark.parametrize("broken", ["queues", "waits_for_clients"])
def test_stuck_clients_are_noticed_where_they_matter(
    bridge_factory, ticker: Ticker, broken: str
) -> None:
    """A bridge that queues for them, or waits for them, fails the same check."""
    with pytest.raises((AssertionError, OSError)):
        stuck_beside_healthy(bridge_factory(broken=broken), ticker, within_s=8)


def slow_reader_stays_fresh(bridge: Bridge, ticker: Ticker) -> None:
    """Fail unless a client that reads 100 KB/s of 450 stays connected, and its prices are young."""
    with open_raw(bridge, 16 << 10) as sock:
        say_raw(sock, "join", "stock-updates")
        writer = threading.Thread(target=ticker.run, args=(12, 3_000), daemon=True)
        writer.start()
        account, frames = Account(), Frames()
        start, received = time.monotonic(), 0
        while writer.is_alive() or account.reached != ticker.sequences:
            time.sleep(max(0.0, start + received / 100_000 - time.monotonic()))
            assert (data := sock.recv(4096)), "the bridge has ended it"
            received += len(data)
            for event in frames.take(data):
                account.take(event)
                if event["event"] == "stock-tick":
                    age_s = time.time() - event["data"]["timestamp"] / 1000
                    assert age_s < AGE_LIMIT_S, f"a price {age_s:.1f} s old"
        account.check(ticker.sequences)
        assert account.told > 0


def test_slow_reader_stays_connected_and_fresh(bridge: Bridge, ticker: Ticker) -> None:
    """At 100 KB/s a client keeps its place, an exact account, and prices younger than 10 s."""
    slow_reader_stays_fresh(bridge, ticker)


def test_slow_reader_of_a_queue_is_noticed(bridge_factory, ticker: Ticker) -> None:
    """With a queue in the place of conflation its prices get older and older."""
    with pytest.raises(AssertionError, match="s old"):
        slow_reader_stays_fresh(bridge_factory(broken="queues"), ticker)


def ends_who_takes_nothing(bridge: Bridge, ticker: Ticker, within_s: float = 120) -> None:
    """Fail unless a client that takes nothing is closed with a readable 1013 and the count."""
    with open_raw(bridge, 4 << 10) as sock, bridge.connect() as other:
        say_raw(sock, "join", "stock-updates")
        say(other, "subscribe", ["NONE"])
        hear(other, "snapshot")
        for _ in range(4):
            ticker.run(1, TICKS_PER_S)
        wait_for(bridge.metrics, lambda seen: seen["connectedClients"] == 1, within_s)
        frames, account = Frames(), Account()
        while data := sock.recv(1 << 16):
            account.take_all(frames.take(data))
        assert frames.close_code == 1013
        assert account.told > 0
        assert account.received + account.told <= sum(ticker.sequences.values())
        say(other, "subscribe", ["NONE"])  # it had nothing to take, and lives
        hear(other, "snapshot")


def test_stall_is_closed_with_a_readable_1013(bridge_factory, ticker: Ticker) -> None:
    """No byte taken for WRITE_STALL ends a client, in whole frames; an idle one is left alone."""
    ends_who_takes_nothing(bridge_factory(WRITE_STALL="2"), ticker)


def test_stall_without_the_limit_is_noticed(bridge_factory, ticker: Ticker) -> None:
    """A bridge that has more patience keeps the client."""
    with pytest.raises(AssertionError, match="seen last"):
        ends_who_takes_nothing(bridge_factory(WRITE_STALL="600"), ticker, within_s=8)
