"""The bridge's plain HTTP: probes, numbers, and the page's files."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.handshake import answer_of
from stockstream.bridge.headers import SECURITY
from support.bridge import Bridge, hear
from support.ticks import Ticker
from support.waiting import wait_for


def test_health_idle_feed_is_healthy_and_says_so(bridge: Bridge, ticker: Ticker) -> None:
    """No ticks is no illness; how old the newest is can be read there."""
    status, health = bridge.health()
    assert (status, health["status"], health["lastTickAge"]) == (200, "healthy", None)
    assert health["timestamp"].endswith("Z")
    ticker.round()
    wait_for(bridge.health, lambda seen: seen[1]["lastTickAge"] is not None)


def test_metrics_json_counts_ticks_and_clients(bridge: Bridge, ticker: Ticker) -> None:
    """The four documented numbers, and only live ticks among them."""
    ticker.round()
    with bridge.connect() as client:
        hear(client, "welcome")
        seen = wait_for(bridge.metrics, lambda seen: seen["messagesProcessed"] == 5)
    assert seen.keys() == {"messagesProcessed", "connectedClients", "uptime", "startTime"}
    assert seen["connectedClients"] == 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/plain;q=0.5,application/json", "application/json"),
        ("text/plain;q=0", "application/json"),
        ("text/plain", "text/plain"),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/plain"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics"),
    ],
)
def test_metrics_kind_follows_accept(shared_bridge: Bridge, accept: str, kind: str) -> None:
    """Prometheus gets its text where it names it; everybody else gets JSON."""
    status, headers, _ = shared_bridge.get("/metrics", Accept=accept)
    assert status == 200
    assert headers["Content-Type"].startswith(kind)
    assert headers["Vary"] == "Accept"


def test_page_comes_with_a_strict_policy(shared_bridge: Bridge) -> None:
    """The dashboard is served, and may load nothing but its own files."""
    status, headers, text = shared_bridge.get("/")
    assert status == 200
    assert "stockstream" in text.lower()
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "connect-src 'self'", "object-src 'none'"} <= {*policy}
    assert "unsafe" not in headers["Content-Security-Policy"]


#: Refused by Flask (and how), and by gunicorn before it.
REFUSED = [
    ("GET /no HTTP/1.1\r\nHost: x", 404),
    ("POST / HTTP/1.1\r\nHost: x", 405),
    ("GET /ws HTTP/1.1\r\nHost: x", 426),
    ("GARBAGE", 400),
    ("GET / HTTP/9.9\r\nHost: x", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: y", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nNo Colon", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked,no", 400),
    ("GET /" + "a" * 5000 + " HTTP/1.1\r\nHost: x", 414),
    ("GET / HTTP/1.1\r\nHost: x\r\nExpect: a miracle", 417),
    ("GET / HTTP/1.1\r\nHost: x\r\nCookie: " + "a" * 9000, 431),
    ("GET / HTTP/1.1\r\nHost: x" + "\r\nA: b" * 101, 431),
]


def refuses(bridge: Bridge, request: str, status: int) -> None:
    """Fail unless the answer has this status, every header of safety, and JSON that says why."""
    answer = answer_of(bridge.port, f"{request}\r\n\r\n".encode())
    head, _, body = answer.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    assert first.split(" ")[1] == str(status), answer
    seen = dict(line.split(": ", 1) for line in lines)
    assert seen.items() >= {**SECURITY, "Content-Type": "application/json"}.items()
    assert "Server" not in seen
    assert json.loads(body)["error"]


@pytest.mark.parametrize(("request_text", "status"), REFUSED)
def test_refusal_is_json_with_every_header(
    shared_bridge: Bridge, request_text: str, status: int
) -> None:
    """Whoever refuses, Flask or gunicorn before it, answers in one form."""
    refuses(shared_bridge, request_text, status)


def ends_in_peace(bridge: Bridge) -> None:
    """Fail if the answer to a request that is refused unread ends in a reset."""
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=60) as sock:
        sock.sendall(b"GET /" + b"a" * 60_000)
        answer = b""
        while data := sock.recv(65_536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 414 ")


def test_refusal_of_a_request_that_is_not_read_is_no_reset(shared_bridge: Bridge) -> None:
    """What else the client has sent is read and dropped, so that it can read the answer."""
    ends_in_peace(shared_bridge)


def test_refusal_by_gunicorn_itself_is_noticed(bridge_factory) -> None:
    """gunicorn's own pages are HTML, cut by a reset, and its answers tell who made them."""
    bridge = bridge_factory(broken="refuses_like_gunicorn")
    with pytest.raises(ConnectionError):
        ends_in_peace(bridge)
    for request, status in REFUSED[0], REFUSED[3]:
        with pytest.raises(AssertionError):
            refuses(bridge, request, status)


@pytest.mark.parametrize(
    "path",
    ["/package.json", "/node_modules/x", "/js/../package.json", "/js/%2e%2e/package.json", "/no"],
)
def test_page_other_files_are_not_served(shared_bridge: Bridge, path: str) -> None:
    """Only the page's own folders are public; the answer is JSON."""
    status, headers, _ = shared_bridge.get(path)
    assert status == 404
    assert headers["Content-Type"] == "application/json"


def test_bridge_bad_setting_stops_the_start(service_factory) -> None:
    """A bad variable ends the command with 2 and a line that names it."""
    part = service_factory("bridge", MAX_CLIENTS="many")
    assert wait_for(lambda: [part.exit_code], lambda seen: seen != [None]) == [2]
    said = part.log.read_text()
    assert said == "stockstream: MAX_CLIENTS=many: expected a whole number, 1 to 1000000\n"


def test_bridge_clients_above_the_limit_of_open_files_are_refused(tmp_path) -> None:
    """MAX_CLIENTS that the process cannot hold stops the start, and tells what would fit."""
    command = [sys.executable, "-m", "stockstream", "bridge"]
    limited = ["bash", "-c", 'ulimit -n 2048; exec "$@"', "bash", *command]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("stockstream: MAX_CLIENTS=10000: expected at most 948, for")


def test_bridge_raises_its_limit_of_open_files(bridge: Bridge) -> None:
    """The soft limit, 1024 on most machines, is not what bounds the clients."""
    text = Path(f"/proc/{bridge.part.pid}/limits").read_text()
    soft, hard = re.search(r"Max open files +(\d+) +(\d+)", text).groups()
    assert soft == hard
