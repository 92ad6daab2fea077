"""A short part of each fuzz of the bridge; tests/fuzz does as many cases as one likes."""

import random

import pytest

from fuzz import handshake
from support.bridge import Bridge

CASES = 300


def test_fuzz_of_handshakes_gets_101_or_4xx(shared_bridge: Bridge, bridge_factory) -> None:
    """No handshake is answered with a 5xx, leaves a traceback, or ends the worker."""
    statuses, _ = handshake.fuzz(shared_bridge, CASES, random.randrange(1 << 32))
    assert statuses.keys() >= {101, 400}
    with pytest.raises(AssertionError, match="500 INTERNAL"):
        handshake.fuzz(bridge_factory(broken="hands_every_header_on"), CASES, 1)
