"""A WebSocket by hand, and what a server may answer on it."""

import json
import socket
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from stockstream import config
from support.bridge import Bridge
from support.raw import frame

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
#: An answer that does not come within this time is none.
TIMEOUT_S = 60.0
#: RFC 6455, 7.4, and the IANA registry; 1005 is none. The client's own is given back.
CLOSE_CODES = {1000, 1001, 1002, 1003, 1005, *range(1007, 1015), *range(3000, 5000)}
#: The page says which events there are, and which codes an `error` has.
PAGE = (config.ROOT / "docs/websocket-api.md").read_text()


class Connection:
    """A client's socket behind its handshake; counts what comes, by event or kind of frame.

    Raises:
        AssertionError: what comes is no frame of a server, has an event or a code that the page
            does not know, or does not come.
    """

    def __init__(self, bridge: Bridge) -> None:
        self.sock = socket.create_connection(("127.0.0.1", bridge.port), timeout=TIMEOUT_S)
        self.seen: Counter[str] = Counter()
        self.close_code = 0
        self._data = b""
        self.sock.sendall(HANDSHAKE)
        while b"\r\n\r\n" not in self._data:
            assert self._read(), f"refused: {self._data!r}"
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, *parts: bytes) -> None:
        """Send each in a write of its own; a bridge that has closed does not mind."""
        with suppress(ConnectionError):
            for part in parts:
                self.sock.sendall(part)

    def read_until(self, event: str, count: int = 1) -> bool:
        """Take what comes until so many of an event, or the end: then return False."""
        while self.seen[event] < count:
            if not self._read():
                self._take_all()
                return False
            self._take_all()
        return True

    def read_to_the_end(self) -> None:
        """Say that no more is coming, and take what comes."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        self.read_until("")
        assert self.close_code or not self._data, f"cut: {self._data[:200]!r}"

    def reset(self) -> None:
        """Leave without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def _read(self) -> bool:
        try:
            data = self.sock.recv(1 << 16)
        except TimeoutError:
            raise AssertionError(f"nothing came for {TIMEOUT_S:g} s") from None
        except ConnectionError:
            return False
        self._data += data
        return bool(data)

    def _take_all(self) -> None:
        while (found := _first(self._data)) is not None:
            start, end = found
            self._take(self._data[0], self._data[start:end])
            self._data = self._data[end:]

    def _take(self, first_byte: int, payload: bytes) -> None:
        assert not self.close_code, f"after the Close: {first_byte:#x} {payload[:200]!r}"
        match first_byte:
            case 0x81:
                self._take_event(json.loads(payload))
            case 0x88:
                self.close_code = int.from_bytes(payload[:2], "big") or 1005
                assert self.close_code in CLOSE_CODES, payload
                self.seen[f"Close {self.close_code}"] += 1
            case 0x89 | 0x8A:
                self.seen["ping" if first_byte == 0x89 else "pong"] += 1
            case _:
                raise AssertionError(f"no frame of a server: {first_byte:#x} {payload[:200]!r}")

    def _take_event(self, message: dict[str, Any]) -> None:
        event = message["event"]
        assert f"`{event}`" in PAGE, message
        self.seen[event] += 1
        if event == "error":
            code = message["data"]["code"]
            assert f"| `{code}` |" in PAGE, message
            self.seen[code] += 1


def _first(data: bytes) -> tuple[int, int] | None:
    """Return where the first frame's payload begins and ends; None where it is not whole."""
    if len(data) < 2:
        return None
    start = {126: 4, 127: 10}.get(data[1], 2)
    length = int.from_bytes(data[2:start], "big") if start > 2 else data[1]
    return (start, start + length) if len(data) >= max(start, start + length) else None


def close_frame(code: int = 1000) -> bytes:
    """Return a client's Close."""
    return frame(code.to_bytes(2, "big"), 0x88)


def report(kind: str, cases: int, started_s: float, seen: Counter[str], stall_s: float) -> None:
    """Print what has come, and the longest stall."""
    took_s = time.monotonic() - started_s
    counts = ", ".join(f"{count} {name}" for name, count in sorted(seen.items()) if name)
    print(f"{kind}: {cases} cases in {took_s:.0f} s; longest stall {stall_s:.3f} s; {counts}")
