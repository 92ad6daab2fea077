"""Which address a client has: its own, or the one that a trusted proxy forwards."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

#: Every address: FORWARDED_ALLOW_IPS=*.
_ALL = ("0.0.0.0/0", "::/0")
#: Some proxies forward the port too: 192.0.2.1:4711, [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"(\d+(?:\.\d+){3}):\d+|\[([^\]]+)\](?::\d+)?")
#: What one customer of a provider gets at least: one IPv6 address out of it bounds nothing.
_IPV6_PREFIX = 64
#: No chain of proxies is longer; a header may have 8 KB, and a request 100 of them.
_LONGEST_CHAIN = 32


class Proxies:
    """The proxies of FORWARDED_ALLOW_IPS: addresses and networks; gunicorn itself trusts none."""

    def __init__(self, trusted: Iterable[str]) -> None:
        words = [text for word in trusted for text in (_ALL if word == "*" else (word,))]
        networks = [ip_network(word) for word in words]
        # The IPv4 part of ::ffff:0:0/96, written as what it is.
        mapped = (
            ip_network((plain, network.prefixlen - 96))
            for network in networks
            if network.version == 6
            and network.prefixlen >= 96
            and (plain := network.network_address.ipv4_mapped)
        )
        self._networks = [*networks, *mapped]

    def trusts(self, address: str) -> bool:
        """Tell whether the headers of who connects from this address are believed."""
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def client_address(self, peer: str, forwarded_for: str) -> str:
        """Return the client's address, from the connection and X-Forwarded-For.

        Each proxy appends who asked it, so the list is read from its end, past those that are
        trusted: what stands before the first other one may be invented. A word that is no address
        ends the reading.
        """
        client = peer
        for word in reversed(forwarded_for.rsplit(",", _LONGEST_CHAIN)[-_LONGEST_CHAIN:]):
            if not self.trusts(client) or (found := _parse(word)) is None:
                break
            client = str(found)
        parsed = _parse(client)
        return str(parsed) if parsed else client


def household(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or an IPv6 network of 64 bits."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), _IPV6_PREFIX), strict=False))
    return str(parsed or address)


def _parse(word: str) -> IPv4Address | IPv6Address | None:
    """Return an address, an IPv4 one that is mapped into IPv6 as what it is; None: it is none."""
    text = word.strip()
    if with_port := _WITH_PORT.fullmatch(text):
        text = with_port[1] or with_port[2]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address
