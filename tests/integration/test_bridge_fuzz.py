"""A short part of each fuzz of the bridge; tests/fuzz does as many cases as one likes."""

import random

import pytest

from fuzz import handshake
from support.bridge import Bridge

CASES = 300


#: gunicorn lets the byte pass; simple-websocket's own parser raises at it.
PROTOCOL = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + handshake.KEY + b"\r\n"
    b"Sec-WebSocket-Protocol: \xe9\r\n\r\n"
)


def test_fuzz_of_handshakes_gets_101_or_4xx(shared_bridge: Bridge) -> None:
    """No handshake is answered with a 5xx, leaves a traceback, or ends the worker."""
    statuses, _ = handshake.fuzz(shared_bridge, CASES, random.randrange(1 << 32))
    assert statuses.keys() >= {101, 400}
    assert handshake.check(shared_bridge.port, PROTOCOL) == 101


def test_fuzz_of_handshakes_notices_a_500(bridge_factory) -> None:
    """A bridge that leaves every header to simple-websocket fails the check of each case."""
    bridge = bridge_factory(broken="hands_every_header_on")
    with pytest.raises(AssertionError, match="500 INTERNAL"):
        handshake.check(bridge.port, PROTOCOL)
