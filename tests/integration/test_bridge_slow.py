"""A reader that pauses: what it gets afterwards is whole."""

import json
import socket
import threading

import pytest
from websockets.exceptions import ConnectionClosed

from support.bridge import Bridge, say
from support.ticks import Ticker

PAUSE_S = 8


def pause_in_the_stream(bridge: Bridge, ticker: Ticker) -> None:
    """Fail if a reader that pauses while ticks come at full rate then finds a corrupt frame.

    Bounded backlogs end it sooner or later: with 1013, and after whole frames only.
    """
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    small.connect(("127.0.0.1", bridge.port))
    # max_queue: the client's own thread stops reading the socket after a few messages.
    with bridge.connect(sock=small, max_queue=1) as client:
        say(client, "join", "stock-updates")
        writer = threading.Thread(target=ticker.run, args=(PAUSE_S, 3_000), daemon=True)
        writer.start()
        writer.join()  # the pause: nothing is received meanwhile
        sequences: dict[str, int] = {}
        try:
            while sequences != ticker.sequences:
                message = json.loads(client.recv(timeout=120))
                if message["event"] == "stock-tick":
                    tick = message["data"]
                    expected = sequences.get(tick["symbol"], 0) + 1
                    assert tick["sequence"] == expected, f"expected {expected}, got {tick}"
                    sequences[tick["symbol"]] = expected
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
            assert code == 1013, f"the stream broke: {closed}"
        assert sequences, "no tick came at all"


def test_reader_that_pauses_gets_no_corrupt_frame(bridge: Bridge, ticker: Ticker) -> None:
    """After a pause of 8 s every frame is whole, and in order, to the last or to the 1013."""
    pause_in_the_stream(bridge, ticker)
    assert bridge.part.check() is None


def test_reader_that_pauses_breaks_a_bridge_that_sends_once(bridge_factory, ticker: Ticker) -> None:
    """Where a partial write is taken for a whole one, the same reader finds a corrupt stream."""
    with pytest.raises((AssertionError, ValueError)):
        pause_in_the_stream(bridge_factory(broken="sends_once"), ticker)
