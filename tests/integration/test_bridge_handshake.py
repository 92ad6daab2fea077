"""What the bridge refuses, and how: before the upgrade in HTTP, after it with a close code."""

import base64
import socket

import pytest
from websockets.exceptions import InvalidStatus

from support.bridge import Bridge, close_code, hear, say
from support.shake import KEY, shake
from support.waiting import wait_for

REFUSED = [
    ({"Sec_WebSocket_Version": "8"}, "426"),
    ({"Sec_WebSocket_Version": ""}, "426"),
    ({"Upgrade": "", "Connection": ""}, "426"),
    ({"Upgrade": "h2c"}, "426"),
    ({"Sec_WebSocket_Key": ""}, "400"),
    ({"Sec_WebSocket_Key": "short"}, "400"),
    ({"Sec_WebSocket_Key": base64.b64encode(bytes(15)).decode()}, "400"),
    ({"Sec_WebSocket_Key": KEY + "!"}, "400"),
    ({"Content_Length": "5"}, "400"),
    ({"Host": ""}, "400"),
    ({"Host": "löcalhost"}, "400"),
    ({"Host": "user@localhost"}, "400"),
    ({"version": "HTTP/1.0"}, "400"),
    ({"Origin": "https://elsewhere.example"}, "403"),
    ({"Origin": "null"}, "403"),
    ({"Origin": "https://127.0.0.1.elsewhere.example"}, "403"),
    ({"Origin": "not an origin"}, "403"),
    ({"Origin": "ftp://127.0.0.1"}, "403"),
    ({"Origin": "http://user:password@127.0.0.1"}, "403"),
    ({"method": "POST"}, "405"),
]


def refuses(bridge: Bridge, changes: dict[str, str], status: str) -> None:
    """Fail unless the handshake is answered with the status."""
    answer = shake(bridge, **changes)
    assert answer[:13] in (f"HTTP/1.1 {status} ", f"HTTP/1.0 {status} "), answer
    if status == "426":
        assert "sec-websocket-version: 13" in answer.lower()


def test_handshake_that_is_wrong_is_refused(shared_bridge: Bridge) -> None:
    """Each fault has its status: version 426, key 400, Origin 403, method 405."""
    for changes, status in REFUSED:
        refuses(shared_bridge, changes, status)
    assert shake(shared_bridge).startswith("HTTP/1.1 101 ")


def test_handshake_without_checks_is_noticed(bridge_factory) -> None:
    """A bridge that takes anything for a handshake answers none of them as it should."""
    bridge = bridge_factory(broken="checks_nothing")
    faults = [REFUSED[0], REFUSED[1], REFUSED[4], REFUSED[5], REFUSED[13]]
    for changes, status in faults:
        with pytest.raises(AssertionError):
            refuses(bridge, changes, status)


def offers_compression(bridge: Bridge) -> None:
    """Fail if the offered extension is in the answer."""
    answer = shake(bridge, Sec_WebSocket_Extensions="permessage-deflate")
    assert answer.startswith("HTTP/1.1 101 ")
    assert "permessage-deflate" not in answer


def test_handshake_compression_is_not_accepted(shared_bridge: Bridge, bridge_factory) -> None:
    """An offered extension is left unanswered; a bridge that lets it through is noticed."""
    offers_compression(shared_bridge)
    with pytest.raises(AssertionError):
        offers_compression(bridge_factory(broken="checks_nothing"))


def test_clients_above_the_limit_get_503_and_health_answers(bridge_factory) -> None:
    """The client after MAX_CLIENTS is refused with Retry-After; one that leaves makes room."""
    bridge = bridge_factory(MAX_CLIENTS="2")
    with bridge.connect() as first, bridge.connect() as second:
        hear(first, "welcome")
        hear(second, "welcome")
        with pytest.raises(InvalidStatus) as refused, bridge.connect():
            pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"]
        assert bridge.health()[0] == 200
    wait_for(bridge.metrics, lambda seen: seen["connectedClients"] == 0)
    with bridge.connect() as third:
        hear(third, "welcome")


def closes_what_is_too_big(bridge: Bridge) -> None:
    """Fail unless 64 KiB pass and one byte more is closed with 1009; bytes count, not letters."""
    with bridge.connect() as client:
        client.send(" " * 65_536)
        assert hear(client, "error", timeout_s=10)["code"] == "bad_json"
        client.send(" " * 65_537)
        assert close_code(client, timeout_s=10) == 1009
    with bridge.connect() as client:
        client.send("é" * 40_000)
        assert close_code(client, timeout_s=10) == 1009


def test_message_above_the_limit_is_closed_with_1009(shared_bridge: Bridge, bridge_factory) -> None:
    """A message over 64 KiB ends the connection; a bridge without the limit is noticed."""
    closes_what_is_too_big(shared_bridge)
    with pytest.raises((AssertionError, TimeoutError)):
        closes_what_is_too_big(bridge_factory(broken="checks_nothing"))


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "bad_json"),
        ("no json", "bad_json"),
        ("[1,2]", "bad_message"),
        ("{}", "bad_message"),
        ('{"event":5}', "bad_message"),
        ("[" * 60_000, "bad_message"),
        ('{"event":"buy"}', "unknown_event"),
        ('{"event":"subscribe"}', "bad_data"),
        ('{"event":"subscribe","data":"AAPL"}', "bad_data"),
        ('{"event":"subscribe","data":[1]}', "bad_data"),
        ('{"event":"subscribe","data":["<b>"]}', "bad_data"),
        ('{"event":"subscribe","data":{"symbols":"all"}}', "bad_data"),
        ('{"event":"join","data":"elsewhere"}', "bad_data"),
    ],
)
def test_message_that_is_malformed_gets_an_error(living_client, message: str, code: str) -> None:
    """What cannot be followed is answered, and the connection lives on."""
    living_client.send(message)
    assert hear(living_client, "error")["code"] == code


@pytest.fixture
def living_client(shared_bridge: Bridge):
    """Return a connection that must still work at the end."""
    with shared_bridge.connect() as client:
        yield client
        say(client, "subscribe", ["AAPL"])
        hear(client, "snapshot")


def test_subscriptions_above_the_limit_are_refused(bridge_factory) -> None:
    """A client has at most MAX_SUBSCRIPTIONS symbols by name; what it had stays."""
    with bridge_factory(MAX_SUBSCRIPTIONS="2").connect() as client:
        say(client, "subscribe", ["A", "B"])
        hear(client, "snapshot")
        say(client, "subscribe", ["C"])
        assert hear(client, "error")["code"] == "too_many_subscriptions"


def test_binary_frame_is_closed_with_1003(shared_bridge: Bridge) -> None:
    """The protocol is text."""
    with shared_bridge.connect() as client:
        client.send(b"AAPL")
        assert close_code(client) == 1003


def test_hundred_errors_are_closed_with_1008(shared_bridge: Bridge) -> None:
    """A client that is never understood is not one of ours."""
    with shared_bridge.connect() as client:
        for _ in range(100):
            client.send("?")
        assert close_code(client) == 1008


def test_silent_client_is_pinged_and_closed(bridge_factory) -> None:
    """A client that answers no ping is ended; one that does lives on."""
    bridge = bridge_factory(PING_INTERVAL="0.5", PONG_TIMEOUT="0.5")
    with bridge.connect() as living, socket.create_connection(bridge.address.split(":")) as dead:
        request = f"GET /ws HTTP/1.1\r\nHost: {bridge.address}\r\nConnection: Upgrade\r\n"
        request += f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}"
        dead.sendall(request.encode() + b"\r\n\r\n")
        dead.settimeout(120)
        received = b""
        while data := dead.recv(65_536):
            received += data
        assert b"\x88\x09\x03\xf0no pong" in received  # Close, 1008
        say(living, "subscribe", ["AAPL"])
        hear(living, "snapshot")


def hears_1011_and_no_http(bridge: Bridge) -> None:
    """Fail unless a session that fails is closed with 1011, and never with HTTP in the stream."""
    with bridge.connect() as client:
        hear(client, "welcome")
        client.send("{}")
        assert close_code(client) == 1011


def test_session_that_fails_closes_1011(bridge_factory) -> None:
    """An exception in a session closes that client alone, with 1011, and is logged once."""
    bridge = bridge_factory(broken="raises")
    hears_1011_and_no_http(bridge)
    log = wait_for(bridge.part.log.read_text, lambda text: "made to fail by the test" in text)
    assert log.count("RuntimeError: made to fail") == 1
    assert bridge.health()[0] == 200


def test_session_that_fails_uncaught_is_noticed(bridge_factory) -> None:
    """Where nothing catches the exception, gunicorn's HTTP answer lands in the stream."""
    with pytest.raises(AssertionError):
        hears_1011_and_no_http(bridge_factory(broken="raises_through"))
