"""The words of the WebSocket: the clients' messages read, the server's frames written."""

import time
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
    max_rate: float | None | msgspec.UnsetType = msgspec.UNSET  # updates a second and symbol


MaxRate = Annotated[float, msgspec.Meta(gt=0, le=50)]


class _Message(msgspec.Struct):
    event: str
    data: Any = None


class _Wish(msgspec.Struct):
    symbols: list[Symbol] | Literal["*"]
    max_rate: MaxRate | None | msgspec.UnsetType = msgspec.field(
        name="maxRate", default=msgspec.UNSET
    )


_decode = msgspec.json.Decoder(_Message).decode


def parse(text: str) -> Command:
    """Read one message of a client.

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
            wish = _wish(message.event, message.data)
            return Command(message.event, _symbols(wish), wish.max_rate)
        case "unsubscribe":
            return Command(message.event, _symbols(_wish(message.event, message.data)))
    raise Refused(
        "unknown_event",
        f"{message.event[:64]!r}: expected subscribe, unsubscribe, join or leave",
    )


def _wish(event: str, data: Any) -> _Wish:
    try:
        return msgspec.convert({"symbols": data} if isinstance(data, list) else data, _Wish)
    except msgspec.ValidationError as error:
        raise Refused(
            "bad_data", f'{event}: expected ["AAPL", ...] or {{"symbols": [...] | "*"}}: {error}'
        ) from error


def _symbols(wish: _Wish) -> frozenset[str] | Everything:
    return EVERYTHING if wish.symbols == "*" else frozenset(wish.symbols)


def event(name: str, data: Any) -> bytes:
    """Return the frame of one event."""
    return text_frame(_encode({"event": name, "data": data}))


def stock_tick(stored: Stored) -> bytes:
    """Return the frame of one tick."""
    return event("stock-tick", tick_data(stored))


def tick_data(stored: Stored) -> dict[str, Any]:
    """Return a tick as clients see it: the record with its place on the topic."""
    tick = stored.tick
    return {
        "symbol": tick.symbol,
        "price": tick.price,
        "timestamp": tick.timestamp,
        "volume": tick.volume,
        "sequence": tick.sequence,
        "partition": stored.partition,
        "offset": stored.offset,
    }


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


def snapshot(newest: Iterable[Stored], positions: Mapping[int, int]) -> bytes:
    """Return the frame that a subscription begins with; `positions` are next offsets."""
    data = {"ticks": [tick_data(stored) for stored in newest], "positions": positions}
    return event("snapshot", data)


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


def is_close(data: bytes) -> bool:
    """Tell whether the bytes begin with a Close frame."""
    return data[0] == _CLOSE


def close_frame(code: int, reason: str) -> bytes:
    """Return a Close frame; `reason` must fit in 123 bytes."""
    payload = code.to_bytes(2, "big") + reason.encode()
    return bytes((_CLOSE, len(payload))) + payload


PING_FRAME = bytes((_PING, 0))
