"""Names of hosts and origins in one spelling, and which of them may be asked or may ask."""

import re
from collections.abc import Container, Iterable
from ipaddress import ip_address

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{0,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[^/]+)", re.IGNORECASE)
_PORTS = {"http": "80", "https": "443"}


def name_of(host: str) -> str | None:
    """Return the name in a Host header: lower case, without port and final dot; None: it has none.

    An address is returned in its shortest form, without brackets.
    """
    if not (found := _HOST.fullmatch(host)):
        return None
    name = found["name"]
    if name.startswith("["):
        return _address(name.strip("[]"))
    name = name.lower().removesuffix(".")
    return _address(name) or name or None


def is_local(name: str) -> bool:
    """Tell whether a name needs no entry in ALLOWED_HOSTS.

    An address cannot be made to mean another machine, and browsers keep `localhost` to their own.
    """
    return name == "localhost" or name.endswith(".localhost") or _address(name) is not None


def host_of(origin: str) -> str | None:
    """Return the host's name of an http or https origin; None: it is none, or has a user in it."""
    return name_of(found["host"]) if (found := _ORIGIN.fullmatch(origin)) else None


class Origins:
    """The pages that may connect besides those of the bridge's own host name."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed: Container[str] = {_spelling(origin) for origin in allowed}

    def allow(self, origin: str) -> bool:
        """Tell whether ALLOWED_ORIGINS has the origin, or has `*`."""
        return "*" in self._allowed or _spelling(origin) in self._allowed


def _spelling(origin: str) -> str:
    """Return an origin with its port and in lower case, else the word as it is (`null`, `*`)."""
    if not (found := _ORIGIN.fullmatch(origin)) or not (host := _HOST.fullmatch(found["host"])):
        return origin
    scheme = found["scheme"].lower()
    return f"{scheme}://{name_of(found['host'])}:{host['port'] or _PORTS[scheme]}"


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
