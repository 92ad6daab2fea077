"""What one client may take from the others: no time, no connection, no more than its share."""

import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from support.bridge import Bridge, hear, say
from support.waiting import wait_for

HANDSHAKES = 500


def slow_headers_are_cut(bridge: Bridge, within_s: float) -> None:
    """Fail unless connections that send a header byte by byte are cut, and others are served."""
    with ExitStack() as stack:
        slow = set()
        for _ in range(HANDSHAKES):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", bridge.port)))
            sock.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            slow.add(sock)

        def still_open() -> int:
            for sock in list(slow):
                if is_cut(sock) or not says(sock, b"x"):
                    slow.discard(sock)
            return len(slow)

        with bridge.connect() as client:  # in the middle of it
            hear(client, "welcome")
        assert bridge.get("/live")[0] == 200
        wait_for(still_open, lambda left: left == 0, within_s)


def is_cut(sock: socket.socket) -> bool:
    """Tell whether the bridge has ended the connection; what it sent before is dropped."""
    try:
        return sock.recv(65_536, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def says(sock: socket.socket, data: bytes) -> bool:
    """Send what the socket takes now; False: the connection is gone."""
    try:
        sock.send(data, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return True


def test_slow_headers_are_cut_and_harm_nobody(shared_bridge: Bridge) -> None:
    """500 handshakes of one byte at a time are all cut, while others are served."""
    slow_headers_are_cut(shared_bridge, within_s=120)


def test_slow_headers_without_the_deadline_are_noticed(bridge_factory) -> None:
    """With a minute for the headers they are still there after four times the default."""
    with pytest.raises(AssertionError, match="seen last"):
        slow_headers_are_cut(bridge_factory(HEADER_TIMEOUT="60"), within_s=8)


def slow_page_readers_are_cut(bridge: Bridge, path: str, within_s: float) -> None:
    """Fail unless a client that asks and asks, and never reads, is cut."""
    with closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 10)
        sock.connect(("127.0.0.1", bridge.port))
        ask = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\n".encode() * 1000

        def is_gone() -> bool:
            """Go on asking; that the connection was reset shows without reading from it."""
            reset = select.POLLHUP | select.POLLERR
            poller = select.poll()
            poller.register(sock, reset)
            return not says(sock, ask) or bool(poller.poll(0))

        wait_for(is_gone, timeout_s=within_s)
    assert bridge.get("/live")[0] == 200


@pytest.mark.parametrize("path", ["/", "/metrics"])
def test_slow_reader_of_a_page_is_cut(bridge_factory, path: str) -> None:
    """An answer that is not read within RESPONSE_TIMEOUT ends the connection, quietly."""
    bridge = bridge_factory(RESPONSE_TIMEOUT="1")
    slow_page_readers_are_cut(bridge, path, within_s=120)
    assert "Traceback" not in bridge.part.log.read_text()


def test_slow_reader_of_a_page_without_the_deadline_is_noticed(bridge_factory) -> None:
    """A bridge that waits for its readers keeps such a connection."""
    bridge = bridge_factory(broken="waits_for_readers", RESPONSE_TIMEOUT="1")
    with pytest.raises(AssertionError, match="seen last"):
        slow_page_readers_are_cut(bridge, "/metrics", within_s=8)


def messages_above_the_limit_are_refused(bridge: Bridge) -> None:
    """Fail unless of many messages at once some are answered with an error, and later ones not."""
    with bridge.connect() as client:
        for _ in range(20):
            say(client, "subscribe", [])
        answers = list(hear_answers(client, 20))
        assert "too_many_messages" in answers
        assert answers[:5] == ["snapshot"] * 5

        def ask_again() -> str:
            say(client, "subscribe", [])
            return next(hear_answers(client, 1))

        wait_for(ask_again, lambda answer: answer == "snapshot")


def hear_answers(client, count: int) -> Iterator[str]:
    """Yield what so many messages were answered with: snapshot, or the error's code."""
    while count:
        message = json.loads(client.recv(timeout=120))
        if message["event"] in ("snapshot", "error"):
            count -= 1
            yield message["data"].get("code", "snapshot")


def test_messages_above_the_limit_are_refused_and_later_ones_are_not(bridge_factory) -> None:
    """CLIENT_MESSAGES_PER_S bounds a burst; the client that waits is heard again."""
    messages_above_the_limit_are_refused(bridge_factory(CLIENT_MESSAGES_PER_S="5"))


def test_messages_without_the_limit_are_noticed(bridge_factory) -> None:
    """A bridge that follows every message refuses none."""
    with pytest.raises(AssertionError, match="too_many_messages"):
        messages_above_the_limit_are_refused(bridge_factory(broken="listens_to_all"))
