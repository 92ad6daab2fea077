"""The live checks' questions to the bridge, where another program answers, or a proxy is set."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from stockstream.ops import probes
from stockstream.ops.bridge_health import ask
from stockstream.ops.checks import CheckFailed
from support.checkout import NO_NETWORK

Answering = Callable[[bytes], str]


def http(body: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return an HTTP answer; a length that is longer than the body makes it a cut one."""
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}".encode()


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Return a function that starts a server which answers whatever it is asked with this."""
    servers: list[socket.socket] = []

    def start(answer: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=answer_all, args=(server, answer), daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # it waits in accept()
        server.close()


def answer_all(server: socket.socket, answer: bytes) -> None:
    """Answer every connection, until the server is closed."""
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(4096)
                connection.sendall(answer)


@pytest.fixture
def sending() -> Iterator[Answering]:
    """Return a function that starts a WebSocket server which sends each client this."""
    servers = []

    def start(message: bytes) -> str:
        def handle(client: ServerConnection) -> None:
            with suppress(ConnectionClosed):
                client.send(message.decode(), text=True)
                client.recv()
                client.recv()

        server = serve(handle, "127.0.0.1", 0)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.socket.getsockname()[1]}"

    yield start
    for server in servers:
        server.shutdown()


HEALTHY = http('{"status": "healthy", "timestamp": "2026-01-01T00:00:00Z"}')

#: What other programs say on a port, and a word of what is told of it.
OTHERS = [
    (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"),
    (b"", "RemoteDisconnected"),
    (http('{"stat', length=100), "expected a bridge's answer"),
    (http("", status="500 Oops", length=100), "observed 500 Oops (Input data was truncated)"),
    (http("<html>"), "expected a bridge's answer"),
    (http("<html>", "502 Bad Gateway"), "expected a bridge's answer, observed 502 Bad Gateway"),
    (http("[]"), "expected a bridge's answer"),
    (http("{}"), "missing required field `status`"),
    (http('{"status": 7}'), "expected a bridge's answer"),
    (http('{"status": "unhealthy"}'), "expected healthy, observed unhealthy"),
    (http('{"status": "unhealthy"}', "503 Unavailable"), "expected healthy, observed unhealthy"),
    (http('{"status": "unhealthy", "reason": "no Kafka"}', "503 No"), "unhealthy: no Kafka"),
    (http('{"status": "healthy"}', "503 No"), "expected 200 of a healthy bridge, observed 503 No"),
]


def test_bridge_health_of_a_bridge_is_its_word(answering: Answering) -> None:
    """A bridge that is well says so."""
    assert ask(answering(HEALTHY)).require() == "healthy"


@pytest.mark.parametrize(("answer", "said"), OTHERS)
def test_bridge_health_other_answer_fails(answering: Answering, answer: bytes, said: str) -> None:
    """Whatever else answers at the port, the check fails and tells what it was."""
    with pytest.raises(CheckFailed) as failed:
        ask(answering(answer)).require()
    assert said in str(failed.value)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", HEALTHY])
def test_tick_over_websocket_from_no_websocket_fails(answering: Answering, answer: bytes) -> None:
    """A program that speaks no WebSocket is told with its address."""
    with pytest.raises(CheckFailed, match=r"ws://127\.0\.0\.1:\d+/ws: "):
        probes.tick_over_websocket(answering(answer), 5, 30)


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[1]",
        '{"hello": "world"}',
        '{"event": "stock-tick"}',
        '{"event": "stock-tick", "data": {"symbol": "AAPL"}}',
        '{"event": "stock-tick", "data": null}',
    ],
)
def test_tick_over_websocket_other_message_fails(sending: Answering, message: str) -> None:
    """A WebSocket that is not the bridge's says other things."""
    with pytest.raises(CheckFailed, match="expected a bridge's message, observed another: "):
        probes.tick_over_websocket(sending(message.encode()), 5, 30)


def stock_tick(timestamp_ms: int) -> bytes:
    data = {
        "symbol": "AAPL", "price": 1.5, "volume": 1, "timestamp": timestamp_ms, "sequence": 1,
        "partition": 0, "offset": 7,
    }  # fmt: skip
    return json.dumps({"event": "stock-tick", "data": data}).encode()


def test_tick_over_websocket_tells_symbol_and_age(sending: Answering) -> None:
    """A live tick is told with its age; one that is too old is refused."""
    now_ms = time.time_ns() // 1_000_000
    assert probes.tick_over_websocket(sending(stock_tick(now_ms)), 5, 300).startswith("AAPL, ")
    with pytest.raises(CheckFailed, match="expected a tick of the last 300 s, observed"):
        probes.tick_over_websocket(sending(stock_tick(now_ms - 400_000)), 5, 300)


def test_bridge_is_asked_without_the_proxy(
    answering: Answering, sending: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http_proxy is for the way out: the bridge is on this machine."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, proxy in NO_NETWORK.items():
        monkeypatch.setenv(name, proxy)
    assert ask(answering(HEALTHY)).require() == "healthy"
    now_ms = time.time_ns() // 1_000_000
    assert probes.tick_over_websocket(sending(stock_tick(now_ms)), 5, 300)
