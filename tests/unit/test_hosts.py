"""Names of hosts and origins, as the same one may be written."""

import pytest

from stockstream.bridge import hosts
from stockstream.bridge.hosts import Origins


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("ticks.example", "ticks.example"),
        ("Ticks.Example.:8080", "ticks.example"),
        ("ticks.example:", "ticks.example"),
        ("bridge_1:8080", "bridge_1"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("[::1]:8080", "::1"),
        ("[0:0::1]", "::1"),
        ("", None),
        (".", None),
        (":8080", None),
        ("a:80:80", None),
        ("user@ticks.example", None),
        ("ticks.example/x", None),
        ("tïcks.example", None),
        ("[::g]", None),
        ("[::1", None),
        ("a b", None),
        ("a\n", None),
    ],
)
def test_name_of_host_has_one_spelling(host: str, name: str | None) -> None:
    """Case, port and final dot do not matter; what is no host has no name."""
    assert hosts.name_of(host) == name


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("http://ticks.example", "ticks.example"),
        ("HTTPS://TICKS.example.:3000", "ticks.example"),
        ("http://[::1]:3000", "::1"),
        ("http://ticks.example@evil.example", None),
        ("http://user:password@ticks.example", None),
        ("http://ticks.example/", None),
        ("ftp://ticks.example", None),
        ("ws://ticks.example", None),
        ("chrome-extension://ticks.example", None),
        ("//ticks.example", None),
        ("ticks.example", None),
        ("http://", None),
        ("null", None),
    ],
)
def test_host_of_origin_is_that_of_http_alone(origin: str, name: str | None) -> None:
    """An origin is scheme, host and port; with more in it, it is none."""
    assert hosts.host_of(origin) == name


def test_origins_allow_the_same_origin_in_another_spelling() -> None:
    """A port that is the scheme's own may be left out; another scheme or port is another origin."""
    origins = Origins(["https://App.example", "null"])
    for origin in ("https://app.example", "https://app.example.:443", "null"):
        assert origins.allow(origin), origin
    for origin in ("http://app.example", "https://app.example:444", "https://a@app.example"):
        assert not origins.allow(origin), origin
    assert Origins(["*"]).allow("anything")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("localhost", True), ("app.localhost", True), ("127.0.0.1", True), ("::1", True),
        ("192.0.2.1", True), ("ticks.example", False), ("localhost.evil.example", False),
    ],
)  # fmt: skip
def test_is_local_is_what_no_name_server_decides(name: str, expected: bool) -> None:
    """DNS rebinding needs a name that its owner can point elsewhere."""
    assert hosts.is_local(name) is expected
