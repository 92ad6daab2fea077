"""Whom the bridge takes a client for: behind proxies, under other names, and how many of one."""

import re

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from support.bridge import Bridge, hear
from support.raw import open_raw
from support.shake import shake
from support.waiting import wait_for

ODD = [
    {"Cookie": "näme=välue"},
    {"X_Forwarded_Host": "hösts"},
    {"X_Forwarded_For": "ünknown, 127.0.0.1"},
    {"Sec_WebSocket_Protocol": "ü"},
    {"User_Agent": "ü" * 1000},
]


def test_handshake_with_bytes_above_127_elsewhere_is_accepted(
    shared_bridge: Bridge, bridge_factory
) -> None:
    """What was not checked does not reach simple-websocket, whose parser refuses it with a 500."""
    for changes in ODD:
        assert shake(shared_bridge, **changes).startswith("HTTP/1.1 101 "), changes
    assert "Traceback" not in shared_bridge.part.log.read_text()
    careless = bridge_factory(broken="hands_every_header_on")
    assert any(shake(careless, **changes).startswith("HTTP/1.1 500 ") for changes in ODD)


def test_origin_of_this_host_or_a_listed_one_is_accepted(bridge_factory) -> None:
    """A page of the same host name may connect from any port, and so may a listed one."""
    bridge = bridge_factory(ALLOWED_ORIGINS="https://app.example,null")
    ours = ("http://127.0.0.1:3000", "HTTPS://127.0.0.1.", "https://app.example:443", "null", "")
    for origin in ours:
        assert shake(bridge, Origin=origin).startswith("HTTP/1.1 101 "), origin
    assert shake(bridge, Origin="https://other.example").startswith("HTTP/1.1 403 ")


def test_origin_behind_a_trusted_proxy_is_the_forwarded_host(
    shared_bridge: Bridge, bridge_factory
) -> None:
    """The name that the proxy was asked by counts, but only from a proxy that is trusted."""
    asked = {"Origin": "https://ticks.example", "X_Forwarded_Host": "ticks.example"}
    assert shake(shared_bridge, **asked).startswith("HTTP/1.1 101 ")
    untrusting = bridge_factory(FORWARDED_ALLOW_IPS="192.0.2.1")
    assert shake(untrusting, **asked).startswith("HTTP/1.1 403 ")


def status(bridge: Bridge, path: str, **headers: str) -> int:
    """Return the status of a page that is asked for with these headers."""
    return bridge.get(path, **{name.replace("_", "-"): value for name, value in headers.items()})[0]


def test_host_that_is_not_listed_is_refused_with_421(bridge_factory) -> None:
    """A page whose name was made to mean this machine gets nothing, by whatever header."""
    bridge = bridge_factory(ALLOWED_HOSTS="ticks.example,[2001:db8::1]")
    for host in ("localhost:1", "127.0.0.1", "[::1]:80", "192.0.2.1", "Ticks.example.:8080"):
        assert status(bridge, "/health", Host=host) == 200, host
    for path in ("/", "/health", "/metrics", "/js/main.js", "/no", "/ws"):
        assert status(bridge, path, Host="evil.example") == 421, path
    assert status(bridge, "/health", Host="localhost", X_Forwarded_Host="evil.example") == 421
    assert status(bridge, "/health", Host="evil.example", X_Forwarded_Host="localhost") == 421
    assert status(bridge, "/live", Host="a-container:8080") == 200


def test_host_without_a_list_may_be_any(shared_bridge: Bridge) -> None:
    """Health checks ask by the container's name: the list is empty unless it is set."""
    assert status(shared_bridge, "/health", Host="a-container:8080") == 200


def test_address_behind_a_trusted_proxy_is_logged(bridge_factory) -> None:
    """The log has the client's address, but only as a proxy that is trusted forwards it."""
    forwarded = "X-Forwarded-For: 203.0.113.9, 198.51.100.7, 127.0.0.9\r\n"
    trusting = bridge_factory(FORWARDED_ALLOW_IPS="127.0.0.0/8")
    untrusting = bridge_factory(FORWARDED_ALLOW_IPS="192.0.2.1")
    for bridge, address in ((trusting, "198.51.100.7"), (untrusting, "127.0.0.1")):
        with open_raw(bridge, headers=forwarded):
            text = wait_for(bridge.part.log.read_text, lambda log: "connected" in log)
        assert re.findall(r"client (\S+) connected", text) == [address]


def comes_from(bridge: Bridge, address: str) -> connect:
    """Open a WebSocket of a client that has this address before a proxy."""
    return connect(
        f"ws://{bridge.address}/ws",
        compression=None,
        additional_headers={"X-Forwarded-For": address},
    )


def test_clients_of_one_address_above_the_limit_get_503(bridge_factory) -> None:
    """The next one of an address is refused; others are not, and one that leaves makes room."""
    bridge = bridge_factory(MAX_CLIENTS_PER_ADDRESS="2")
    with comes_from(bridge, "2001:db8::1"), comes_from(bridge, "2001:db8::2"):
        with pytest.raises(InvalidStatus) as refused, comes_from(bridge, "2001:db8::3"):
            pass
        answer = refused.value.response
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert b"2 clients of 2001:db8::3 are connected" in answer.body
        for address in ("2001:db8:0:1::1", "192.0.2.1"):
            with comes_from(bridge, address) as other:
                hear(other, "welcome")

    def comes_again() -> bool:
        try:
            with comes_from(bridge, "2001:db8::3"):
                return True
        except InvalidStatus:
            return False

    wait_for(comes_again)
