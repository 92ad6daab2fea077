"""Handshakes that are nearly right, each on a connection of its own, to a real bridge."""

import base64
import contextlib
import re
import socket
import tempfile
import time
from pathlib import Path

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from support.bridge import Bridge, Bridges
from support.waiting import wait_for

KEY = base64.b64encode(bytes(16))

_ANSWER = re.compile(rb"HTTP/1\.\d (\d{3}) ")
#: What gunicorn lets pass: no control characters, but every byte above 127.
_TEXT = st.binary(max_size=40).map(lambda data: re.sub(rb"[\x00-\x1f\x7f]", b"", data))
#: What a client could well send, with bytes that some parser may not like.
_WORDS = st.lists(
    st.sampled_from(
        [b"a", b"localhost", b"127.0.0.1", b":", b"8080", b"[::1]", b"@", b"//", b"http:", b".",
         b"%00", b"\xe9", b"\x80", b"\xff", b"\x00", b"\x7f", b" ", b"\t", b",", b";", b'"', b"=",
         b"websocket", b"Upgrade", b"13", b"https", b"::ffff:1.2.3.4", b"chunked", b"100-continue"]
    ),
    max_size=6,
).map(b"".join)  # fmt: skip
_VALUES = st.one_of(_TEXT, _WORDS)

_METHODS = st.one_of(
    *[st.just(b"GET")] * 3,
    st.sampled_from([b"POST", b"HEAD", b"OPTIONS", b"get", b"G\xe9T", b"", b"PRI"]),
)
_TARGETS = st.one_of(
    *[st.just(b"/ws")] * 3,
    st.sampled_from([b"/%77s", b"//ws", b"/ws/", b"http://a@b/ws", b"/ws?\xe9", b"/\xff", b"*",
                     b"/ws#x", b"/ws?" + b"a" * 9000, b"/%ff%00", b"//[/ws", b"http://[/ws"]),
    _VALUES.map(lambda text: b"/ws?" + text),
)  # fmt: skip
_VERSIONS = st.one_of(
    *[st.just(b"HTTP/1.1")] * 3,
    st.sampled_from([b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.9", b"HTTP/\xe9", b""]),
)
_NEEDED = {
    b"Host": b"localhost:8080",
    b"Connection": b"Upgrade",
    b"Upgrade": b"websocket",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": KEY,
}
_OTHERS = [
    b"Origin", b"Cookie", b"X-Forwarded-Host", b"X-Forwarded-For", b"X-Forwarded-Proto",
    b"X-Forwarded-Ssl", b"Forwarded", b"Sec-WebSocket-Protocol", b"Sec-WebSocket-Extensions",
    b"Transfer-Encoding", b"Content-Length", b"Content-Type", b"Expect", b"Accept",
    b"Accept-Language", b"Authorization", b"User-Agent", b"Range", b"If-None-Match", b"TE",
    b"SCRIPT_NAME", b"PATH_INFO", b"X_Forwarded_For", b"HTTP2-Settings", b"Proxy-Connection",
    b"Date", b"X-\xe9",
]  # fmt: skip


@st.composite
def handshakes(draw: st.DrawFn) -> bytes:
    """Return a handshake with any part of it left out, doubled or changed; most are whole."""
    fields: list[tuple[bytes, bytes]] = []
    for name, value in _NEEDED.items():
        kind = draw(st.sampled_from(["right"] * 30 + ["absent", "double", "other"]))
        if kind == "other":
            fields.append((name, draw(_VALUES)))
        elif kind != "absent":
            fields += [(name, value)] * (2 if kind == "double" else 1)
    others = st.tuples(st.sampled_from(_OTHERS), _VALUES)
    fields += draw(st.lists(others, max_size=4))
    first = b" ".join((draw(_METHODS), draw(_TARGETS), draw(_VERSIONS)))
    lines = [first, *(name + b": " + value for name, value in fields)]
    return b"\r\n".join([*lines, b"", b""]) + draw(st.sampled_from([b"", b"", b"\x81\x80", b"x"]))


def answer_of(port: int, request: bytes) -> bytes:
    """Send a request and nothing after it; return everything that comes back."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        with contextlib.suppress(OSError):  # it may be refused before its end
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
        try:
            while data := sock.recv(65_536):
                received += data
        except ConnectionError:
            pass
    return received


def check(port: int, request: bytes) -> int:
    """Fail unless the first answer is 101 or a 4xx; return it."""
    received = answer_of(port, request).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    found = _ANSWER.match(received)
    assert found, f"{request!r}: observed {received[:200]!r}"
    status = int(found[1])
    assert status == 101 or 400 <= status < 500, f"{request!r}: observed {received[:200]!r}"
    return status


class Watched:
    """A bridge under fuzz: the same worker from the first case to the last, without a traceback."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._workers = self._pids()
        self.longest_live_s = self.longest_stall_s = 0.0

    def look(self) -> None:
        """Fail unless it is the same worker, with a clean log, and answers /live."""
        start_s = time.monotonic()
        assert self._bridge.get("/live")[0] == 200
        self.longest_live_s = max(self.longest_live_s, time.monotonic() - start_s)
        stall_s = self._bridge.prometheus()["stockstream_event_loop_stall_seconds"]
        self.longest_stall_s = max(self.longest_stall_s, stall_s)
        assert self._pids() == self._workers, "the worker was started again"
        log = self._bridge.part.log.read_text(errors="replace")
        for word in ("Traceback", "CRITICAL"):
            assert word not in log, log[max(0, log.index(word) - 500) :][:3000]

    def _pids(self) -> list[int]:
        return [child.pid for child in psutil.Process(self._bridge.part.pid).children()]


def fuzz(bridge: Bridge, cases: int, number: int) -> tuple[dict[int, int], float]:
    """Send so many handshakes that follow from the seed.

    Returns how often each status came, and the longest stall of the event loop in seconds.

    Raises:
        AssertionError: an answer is neither 101 nor a 4xx, or the bridge has suffered.
    """
    print(f"handshake: {cases} cases, seed {number}")
    watched = Watched(bridge)
    statuses: dict[int, int] = {}

    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(handshakes())
    def send(request: bytes) -> None:
        status = check(bridge.port, request)
        statuses[status] = statuses.get(status, 0) + 1
        if sum(statuses.values()) % 1000 == 0:
            watched.look()

    send()
    watched.look()
    wait_for(bridge.metrics, lambda seen: seen["connectedClients"] == 0)
    print(
        f"handshake: {statuses}, /live within {watched.longest_live_s:.3f} s, "
        f"longest stall {watched.longest_stall_s:.3f} s"
    )
    return statuses, watched.longest_stall_s


def run(cases: int, number: int) -> float:
    """Fuzz a bridge of its own, which needs no Kafka to shake hands; return the longest stall."""
    with (
        tempfile.TemporaryDirectory() as home,
        Bridges("127.0.0.1:1", "stock_ticks", Path(home), []) as bridges,
    ):
        bridge = bridges.start(healthy=False, LOG_LEVEL="warning")
        return fuzz(bridge, cases, number)[1]
