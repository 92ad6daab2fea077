"""Clients that send as fast as they can: the others get their ticks, and each flood has its end."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from support.bridge import Bridge, hear, say
from support.raw import Frames, frame, open_raw, request_of
from support.ticks import Ticker
from support.waiting import wait_for

FLOODERS = 4
ROUNDS = 20

PONG = frame(b"", 0x8A)
#: A message in pieces of one byte that never ends.
PIECES = frame(b" ", 0x01) + frame(b" ", 0x00) * 999
LIVE = b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def flood_frames(bridge: Bridge, data: bytes, stopped: threading.Event) -> None:
    """Send the frames again and again; come back when the bridge has ended it."""
    while not stopped.is_set():
        with suppress(OSError), open_raw(bridge) as sock:
            sock.settimeout(1)
            while not stopped.is_set():
                with suppress(TimeoutError):
                    sock.sendall(data)


def flood_requests(bridge: Bridge, data: bytes, stopped: threading.Event) -> None:
    """Send requests without waiting for their answers, which are read and dropped."""
    while not stopped.is_set():
        address = ("127.0.0.1", bridge.port)
        with suppress(OSError), socket.create_connection(address, timeout=1) as sock:
            while not stopped.is_set():
                with suppress(TimeoutError, BlockingIOError):
                    sock.sendall(data)
                with suppress(TimeoutError, BlockingIOError):
                    while sock.recv(65_536, socket.MSG_DONTWAIT):
                        pass


@contextmanager
def flooded(flood: Callable[..., None], bridge: Bridge, data: bytes) -> Iterator[None]:
    """Have several clients flood the bridge meanwhile."""
    stopped = threading.Event()
    arguments = (bridge, data * (65_536 // len(data) + 1), stopped)
    threads = [threading.Thread(target=flood, args=arguments) for _ in range(FLOODERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join(30)


def others_get_their_ticks(
    bridge: Bridge, ticker: Ticker, flood: Callable[..., None], data: bytes, within_s: float = 120
) -> None:
    """Fail unless ticks and probes come through one by one while the bridge is flooded."""
    [worker] = psutil.Process(bridge.part.pid).children()
    with bridge.connect() as client:
        say(client, "join", "stock-updates")
        hear(client, "snapshot")
        with flooded(flood, bridge, data):
            for number in range(ROUNDS):
                ticker.round(["AAPL"])
                assert hear(client, "stock-tick", within_s)["sequence"] == number + 1
            assert bridge.get("/live")[0] == 200
    assert psutil.Process(bridge.part.pid).children() == [worker]
    assert "Traceback" not in bridge.part.log.read_text()


@pytest.mark.parametrize(
    ("flood", "data"),
    [(flood_frames, PONG), (flood_frames, PIECES), (flood_requests, LIVE)],
    ids=["pongs", "pieces", "requests"],
)
def test_flood_holds_nobody_up(bridge: Bridge, ticker: Ticker, flood, data: bytes) -> None:
    """Four clients at full speed: every tick comes, /live answers, the worker lives."""
    others_get_their_ticks(bridge, ticker, flood, data)


def test_flood_that_is_read_as_it_comes_is_noticed(bridge_factory, ticker: Ticker) -> None:
    """A bridge that does at once whatever comes serves the flood alone."""
    bridge = bridge_factory(broken="serves_who_is_loudest")
    with pytest.raises(TimeoutError):
        others_get_their_ticks(bridge, ticker, flood_frames, PONG, within_s=4)


def test_flood_without_a_break_is_closed_with_its_reason(bridge: Bridge) -> None:
    """A client that is ahead of its limit for ten seconds hears 1008, and is counted."""
    with open_raw(bridge) as sock:
        sock.settimeout(1)
        frames = Frames()
        sender = threading.Thread(target=send_until_closed, args=(sock.dup(),))
        sender.start()

        def code() -> int | None:
            with suppress(TimeoutError):
                frames.take(sock.recv(65_536))
            return frames.close_code

        wait_for(code, lambda seen: seen == 1008)
    sender.join(30)
    metrics = bridge.get("/metrics", Accept="text/plain")[2]
    assert 'stockstream_closed_clients_total{reason="flooding"} 1.0' in metrics


def send_until_closed(sock: socket.socket) -> None:
    """Send pongs until the other side has ended the connection."""
    with suppress(OSError), sock:
        sock.settimeout(None)
        while True:
            sock.sendall(PONG * 10_000)


def test_connection_ends_after_a_thousand_requests(bridge: Bridge) -> None:
    """The last answer says so; a client that goes on takes its place in line anew."""
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=120) as sock:
        received = b""
        sender = threading.Thread(target=lambda: sock.sendall(LIVE * 1001))
        sender.start()
        with suppress(ConnectionError):  # the request too much is not read
            while more := sock.recv(65_536):
                received += more
        sender.join(30)
    assert received.count(b"HTTP/1.1 200 OK") == 1000
    assert received.count(b"Connection: close") == 1


def test_body_without_an_end_ends_the_connection(bridge: Bridge) -> None:
    """Nothing is read of a body that is larger than what a wrong request may have."""
    head = b"POST /live HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=120) as sock:
        sock.sendall(head)
        answer = sock.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 405 "), answer
        assert b"Connection: close" in answer
        with pytest.raises(ConnectionError):
            while True:
                sock.sendall(bytes(65_536))


def frames_with_the_handshake_are_heard(bridge: Bridge, within_s: float = 120) -> None:
    """Fail unless messages that come in one piece with the handshake are followed."""
    message = json.dumps({"event": "subscribe", "data": ["AAPL"]}).encode()
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=within_s) as sock:
        sock.sendall(request_of(bridge) + frame(message) * 3)
        received = b""
        while received.count(b'"event":"snapshot"') < 3:
            received += sock.recv(65_536)


def test_frames_in_one_piece_with_the_handshake_are_heard(bridge: Bridge) -> None:
    """A client that does not wait for the answer loses nothing."""
    frames_with_the_handshake_are_heard(bridge)


def test_frames_that_gunicorn_keeps_are_noticed(bridge_factory) -> None:
    """A bridge that does not ask gunicorn for them waits for ever."""
    with pytest.raises(TimeoutError):
        frames_with_the_handshake_are_heard(bridge_factory(broken="waits_for_the_answer"), 4)
