"""What each kind of hostile client sends."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.feeder import symbols_of
from support.raw import frame

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
#: Messages a second of a client that keeps to CLIENT_MESSAGES_PER_S (50): a little less.
ALLOWED_PER_S = 49
#: As many as MAX_SUBSCRIPTIONS allows.
LIVE = 1000
#: Frames that are sent by one write: a small write would be what is measured.
MANY = 1000
#: The largest message is 65,536 bytes.
MESSAGE_BYTES = 60_000
REPEATS = 9000

_TEXT, _CONTINUATION, _PING, _PONG, _LAST = 0x01, 0x00, 0x89, 0x8A, 0x80


class Sent(NamedTuple):
    """What one client sends: at first, behind the answer, and then again and again."""

    hello: bytes = HANDSHAKE
    first: bytes = b""
    loop: bytes = b""

    def write(self, directory: Path, number: int) -> None:
        """Write it where hostile.c looks for it."""
        for name, data in self._asdict().items():
            (directory / f"{name}-{number}").write_bytes(data)


class Kind(NamedTuple):
    """A kind of hostile clients: what client N sends, how, and how many symbols have to live."""

    sent: Callable[[int], Sent]
    mode: str = "flood"
    symbols: int = 0


def message(event: str, data: object) -> bytes:
    """Return the frame of one message."""
    return frame(json.dumps({"event": event, "data": data}, separators=(",", ":")).encode())


def _padded(size: int) -> bytes:
    """Return a message of this size that asks for nothing."""
    text = json.dumps({"event": "leave", "data": "stock-updates"}).encode()
    return text[:-1] + b" " * (size - len(text)) + b"}"


def _pongs(_: int) -> Sent:
    return Sent(loop=frame(b"", _PONG) * MANY)


def _pings(_: int) -> Sent:
    return Sent(loop=frame(b"", _PING) * MANY)


def _empty_fragments(_: int) -> Sent:
    return Sent(first=frame(b"{", _TEXT), loop=frame(b"", _CONTINUATION) * MANY)


def _small_fragments(_: int) -> Sent:
    first, *middle, last = (bytes((byte,)) for byte in _padded(MESSAGE_BYTES))
    parts = [frame(first, _TEXT), *(frame(byte, _CONTINUATION) for byte in middle)]
    return Sent(loop=b"".join((*parts, frame(last, _CONTINUATION | _LAST))))


def _bytes(_: int) -> Sent:
    return Sent(loop=frame(_padded(MESSAGE_BYTES)))


def _pipeline(_: int) -> Sent:
    return Sent(hello=b"", loop=b"GET /live HTTP/1.1\r\nHost: bench\r\n\r\n" * MANY)


def _handshakes(_: int) -> Sent:
    return Sent()


def _pages(_: int) -> Sent:
    return Sent(hello=b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")


def _subscribe(_: int) -> Sent:
    symbols = symbols_of(LIVE)
    return Sent(loop=message("subscribe", symbols) + message("unsubscribe", symbols))


def _repeats(_: int) -> Sent:
    symbols = ["S000"] * REPEATS
    return Sent(loop=message("subscribe", symbols) + message("unsubscribe", symbols))


def _join(_: int) -> Sent:
    return Sent(loop=message("join", "stock-updates") + message("leave", "stock-updates"))


def _sets(number: int) -> Sent:
    """Each message makes a set that nobody else has: one of two subsets' symbols comes or goes."""
    chance = random.Random(number)
    symbols = chance.sample(symbols_of(LIVE), LIVE * 3 // 4)
    kept, moved = symbols[: LIVE // 2], symbols[LIVE // 2 :]
    there = [message("subscribe", [symbol]) for symbol in moved]
    back = [message("unsubscribe", [symbol]) for symbol in moved]
    return Sent(first=message("subscribe", kept), loop=b"".join(there + back))


def _unknown(number: int) -> Sent:
    """Each message has 900 symbols that nobody has ever seen."""
    parts: list[bytes] = []
    for part in range(MANY // 10):
        symbols = [f"U{number}-{part}-{symbol}" for symbol in range(LIVE * 9 // 10)]
        parts += (message("subscribe", symbols), message("unsubscribe", symbols))
    return Sent(loop=b"".join(parts))


def _rates(number: int) -> Sent:
    """Each message asks for a rate that nobody else has."""
    rates = (1 + (number + share / MANY) % 49 for share in range(MANY))
    return Sent(loop=b"".join(message("subscribe", {"symbols": "*", "maxRate": r}) for r in rates))


def _malformed(_: int) -> Sent:
    return Sent(loop=frame(b"{") * MANY)


def _too_many(_: int) -> Sent:
    return Sent(loop=message("leave", "stock-updates") * MANY)


KINDS = {
    "pongs": Kind(_pongs),
    "pings": Kind(_pings),
    "empty-fragments": Kind(_empty_fragments),
    "small-fragments": Kind(_small_fragments),
    "bytes": Kind(_bytes, "bytes"),
    "pipeline": Kind(_pipeline),
    "handshakes": Kind(_handshakes, "request"),
    "pages": Kind(_pages, "request"),
    "subscribe": Kind(_subscribe, "paced", LIVE),
    "repeats": Kind(_repeats, "paced", LIVE),
    "join": Kind(_join, "paced", LIVE),
    "sets": Kind(_sets, "paced", LIVE),
    "unknown": Kind(_unknown, "paced", LIVE),
    "rates": Kind(_rates, "paced", LIVE),
    "malformed": Kind(_malformed),
    "too-many": Kind(_too_many),
}
