"""Whose address it is, behind proxies that are trusted and behind others."""

import pytest

from stockstream.bridge.proxies import Proxies, household


@pytest.mark.parametrize(
    ("trusted", "address", "expected"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.0/8", "10.9.9.9", True),
        ("10.0.0.0/8", "::ffff:10.9.9.9", True),
        ("::ffff:10.0.0.0/104", "10.9.9.9", True),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::/0", "10.0.0.1", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("*", "192.0.2.1", True),
        ("*", "2001:db8::1", True),
        ("", "127.0.0.1", False),
        ("*", "", False),
    ],
)
def test_proxies_trust_addresses_and_networks(trusted: str, address: str, expected: bool) -> None:
    """An address, a network, either one mapped into IPv6; `*` is all of them."""
    assert Proxies(filter(None, [trusted])).trusts(address) is expected


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # nobody that is believed
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "::FFFF:198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, é\x00", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, fe80::1%eth0", "fe80::1"),
    ],
)
def test_proxies_client_address_is_the_last_that_is_not_trusted(
    peer: str, forwarded_for: str, expected: str
) -> None:
    """Read from the end; what a client has put in front of it counts for nothing."""
    assert Proxies(["10.0.0.0/8"]).client_address(peer, forwarded_for) == expected


def test_proxies_do_not_read_a_chain_without_an_end() -> None:
    """A header of 100 KB costs no more than one of 32 words."""
    chain = "198.51.100.7," + ",".join(["10.0.0.2"] * 31)
    assert Proxies(["10.0.0.0/8"]).client_address("10.0.0.1", chain) == "198.51.100.7"
    longer = "198.51.100.7," + ",".join(["10.0.0.2"] * 10_000)
    assert Proxies(["10.0.0.0/8"]).client_address("10.0.0.1", longer) == "10.0.0.2"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
        ("", ""),
    ],
)
def test_household_is_an_address_or_an_ipv6_network(address: str, expected: str) -> None:
    """One customer has 2^64 addresses of IPv6 at least."""
    assert household(address) == expected
