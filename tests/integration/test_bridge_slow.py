"""A reader that pauses, or is slow: what it gets is whole, counted, and fresh."""

import json
import socket
import threading

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from support.account import Account
from support.bridge import Bridge, hear, say
from support.ticks import Ticker

PAUSE_S = 8


def connect_small(bridge: Bridge, **options) -> ClientConnection:
    """Return a client with a small buffer, whose thread stops reading after a few messages."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    small.connect(("127.0.0.1", bridge.port))
    return bridge.connect(sock=small, max_queue=1, **options)


def pause_in_the_stream(bridge: Bridge, ticker: Ticker) -> None:
    """Fail if a reader that pauses while ticks come at full rate gets a wrong or a corrupt one."""
    with connect_small(bridge) as client:
        say(client, "join", "stock-updates")
        hear(client, "snapshot")
        writer = threading.Thread(target=ticker.run, args=(PAUSE_S, 3_000), daemon=True)
        writer.start()
        writer.join()  # the pause: nothing is received meanwhile
        account = Account()
        while account.reached != ticker.sequences:
            account.take(json.loads(client.recv(timeout=120)))
        account.check(ticker.sequences)
        assert account.told > 0, "the pause was too short for this test"


def test_reader_that_pauses_gets_whole_frames_and_the_exact_count(
    bridge: Bridge, ticker: Ticker
) -> None:
    """After a pause of 8 s every frame is whole, and received + skipped = published."""
    pause_in_the_stream(bridge, ticker)
    assert bridge.part.check() is None


@pytest.mark.parametrize("broken", ["sends_once", "miscounts"])
def test_reader_that_pauses_breaks_a_bridge_with_a_fault(
    bridge_factory, ticker: Ticker, broken: str
) -> None:
    """Where a partial write is taken for a whole one, or miscounted, the same reader notices."""
    with pytest.raises((AssertionError, ValueError, WebSocketException)):
        pause_in_the_stream(bridge_factory(broken=broken), ticker)
