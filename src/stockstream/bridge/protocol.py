"""The words of the WebSocket: the clients' messages read, the server's frames written."""

import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from stockstream.tick import Stored, Symbol

#: Close codes of RFC 6455, 7.4, and of the IANA registry (1012, 1013).
GOING_AWAY = 1001
UNSUPPORTED_DATA = 1003
POLICY_VIOLATION = 1008
TOO_BIG = 1009
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013

#: The only room there is: all symbols, also those that appear later.
ROOM = "stock-updates"

_TEXT, _CLOSE, _PING = 0x81, 0x88, 0x89
_encode = msgspec.json.Encoder().encode


#: Updates a second and symbol that a client may ask for; what lies between is rounded down.
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
#: None: every tick; unset: as before.
MaxRate = float | None | msgspec.UnsetType


class Everything(msgspec.Struct, frozen=True):
    """The wish for all symbols."""


EVERYTHING = Everything()


class Refused(Exception):
    """A client's message cannot be followed; `code` is one of docs/websocket-api.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Command(msgspec.Struct, frozen=True):
    """What a client asks for."""

    event: Literal["subscribe", "unsubscribe", "join", "leave"]
    symbols: frozenset[str] | Everything = EVERYTHING
    max_rate: MaxRate = msgspec.UNSET  # one of RATES


class _Message(msgspec.Struct):
    event: str
    data: Any = None


class _Wish(msgspec.Struct):
    symbols: list[Symbol] | Literal["*"]
    max_rate: (
        Annotated[float, msgspec.Meta(ge=RATES[0], le=RATES[-1])] | None | msgspec.UnsetType
    ) = msgspec.field(name="maxRate", default=msgspec.UNSET)


class _TickData(msgspec.Struct, gc=False):
    """A tick as clients see it."""

    symbol: str
    price: float
    timestamp: int
    volume: int
    sequence: int
    partition: int
    offset: int


_TICK_START = b'{"event":"stock-tick","data":'

_decode = msgspec.json.Decoder(_Message).decode


def parse(text: str, limit: int) -> Command:
    """Read one message of a client, which names at most `limit` symbols.

    Raises:
        Refused: it is not JSON, not an event that a client may send, or its data is not right.
    """
    try:
        message = _decode(text)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Refused("bad_message", f'expected {{"event": ..., "data": ...}}: {error}') from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refused("bad_json", f"expected JSON: {error}") from error
    match message.event:
        case "join" | "leave":
            if message.data != ROOM:
                raise Refused("bad_data", f'{message.event}: expected the data "{ROOM}"')
            return Command(message.event)
        case "subscribe":
            wish = _wish(message.event, message.data, limit)
            return Command(message.event, _symbols(wish), _rate(wish))
        case "unsubscribe":
            return Command(message.event, _symbols(_wish(message.event, message.data, limit)))
    raise Refused(
        "unknown_event",
        f"{message.event[:64]!r}: expected subscribe, unsubscribe, join or leave",
    )


def _wish(event: str, data: Any, limit: int) -> _Wish:
    wish = {"symbols": data} if isinstance(data, list) else data
    # Repeats count: to look at 9,000 names takes 4 ms, in which nobody else is served.
    symbols = wish.get("symbols") if isinstance(wish, dict) else None
    if isinstance(symbols, list) and len(symbols) > limit:
        raise Refused(
            "too_many_subscriptions", f"{event}: {len(symbols)} symbols, expected at most {limit}"
        )
    try:
        return msgspec.convert(wish, _Wish)
    except msgspec.ValidationError as error:
        raise Refused(
            "bad_data", f'{event}: expected ["AAPL", ...] or {{"symbols": [...] | "*"}}: {error}'
        ) from error


def _rate(wish: _Wish) -> MaxRate:
    """Return the rate of RATES that is at most the one asked for."""
    if not isinstance(wish.max_rate, float):
        return wish.max_rate
    return RATES[bisect_right(RATES, wish.max_rate) - 1]


def _symbols(wish: _Wish) -> frozenset[str] | Everything:
    return EVERYTHING if wish.symbols == "*" else frozenset(wish.symbols)


def event(name: str, data: Any) -> bytes:
    """Return the frame of one event."""
    return text_frame(_encode({"event": name, "data": data}))


def stock_tick(stored: Stored) -> bytes:
    """Return the frame of one tick: the record with its place on the topic."""
    tick = stored.tick
    data = _TickData(
        tick.symbol, tick.price, tick.timestamp, tick.volume, tick.sequence,
        stored.partition, stored.offset,
    )  # fmt: skip
    return text_frame(b"".join((_TICK_START, _encode(data), b"}")))


def server_time_ms() -> int:
    """Return what the bridge's clock says, for clients to set theirs by."""
    return time.time_ns() // 1_000_000


def welcome(epoch: str | None, symbols: Iterable[str], limits: Mapping[str, float]) -> bytes:
    """Return the first frame of a connection; `epoch` is None until Kafka has answered."""
    data = {
        "epoch": epoch,
        "symbols": list(dict.fromkeys(symbols)),
        "serverTime": server_time_ms(),
        "limits": limits,
    }
    return event("welcome", data)


def snapshot(newest: Iterable[bytes], positions: Mapping[int, int]) -> bytes:
    """Return the frame that a subscription begins with.

    `newest` are the frames of ticks, whose data goes into the snapshot as it is; `positions` are
    next offsets.
    """
    ticks = b",".join([frame[_header_length(frame) + len(_TICK_START) : -1] for frame in newest])
    data = b'{"event":"snapshot","data":{"ticks":[%b],"positions":%b}}'
    return text_frame(data % (ticks, _encode(positions)))


def conflated(skipped: int) -> bytes:
    """Return the frame that says how many ticks were left out since the last one."""
    return event("conflated", {"skipped": skipped})


def text_frame(payload: bytes) -> bytes:
    """Return an unmasked text frame; msgspec writes integer keys as JSON wants them, as text."""
    length = len(payload)
    if length < 126:
        return bytes((_TEXT, length)) + payload
    if length < 1 << 16:
        return bytes((_TEXT, 126)) + length.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big") + payload


def frame_length(data: bytes, at: int) -> int:
    """Return the length, header included, of the server's frame that begins at `at`."""
    length = data[at + 1]
    if length == 126:
        return 4 + int.from_bytes(data[at + 2 : at + 4], "big")
    if length == 127:
        return 10 + int.from_bytes(data[at + 2 : at + 10], "big")
    return 2 + length


def _header_length(frame: bytes) -> int:
    return {126: 4, 127: 10}.get(frame[1], 2)


def is_close(data: bytes) -> bool:
    """Tell whether the bytes begin with a Close frame."""
    return data[0] == _CLOSE


def close_frame(code: int, reason: str) -> bytes:
    """Return a Close frame; `reason` must fit in 123 bytes."""
    payload = code.to_bytes(2, "big") + reason.encode()
    return bytes((_CLOSE, len(payload))) + payload


PING_FRAME = bytes((_PING, 0))
