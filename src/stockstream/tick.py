"""The tick: one price of one symbol, as the record on the topic and on the wire."""

from typing import Annotated

import msgspec
from msgspec import Meta

from stockstream.errors import RecordError

#: What a symbol may look like: AAPL, BRK.B, ^GSPC, BTC-USD.
SYMBOL_PATTERN = r"^[A-Za-z0-9^][A-Za-z0-9.^=:_-]{0,31}\Z"

#: A tick is about 100 bytes; a record above this is not one, and is not even parsed.
RECORD_LIMIT_BYTES = 4096

# Browsers hold numbers as doubles: integers are exact up to 2**53.
_MAX_INT = 2**53

#: The last ms of the year 9999: both JavaScript's Date and Python's datetime can show it.
MAX_TIMESTAMP_MS = 253_402_300_799_999

Symbol = Annotated[str, Meta(pattern=SYMBOL_PATTERN)]


class Tick(msgspec.Struct, frozen=True, gc=False):
    """One price of one symbol.

    `price` is in the currency's main unit with two decimals, `volume` in shares, `timestamp` in
    ms since the epoch; `sequence` counts the symbol's ticks from 1 without a hole.
    """

    symbol: Symbol
    price: Annotated[float, Meta(gt=0, lt=1e12)]
    volume: Annotated[int, Meta(ge=0, le=_MAX_INT)]
    timestamp: Annotated[int, Meta(ge=0, le=MAX_TIMESTAMP_MS)]
    sequence: Annotated[int, Meta(ge=1, le=_MAX_INT)]


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A tick with its place on the topic; `arrived_ms` is when Kafka took it, where that is known.

    `time_ms` is the time that the tick is judged by: its own, but not later than its arrival, so
    that a clock that is ahead has no hold on what comes after.
    """

    tick: Tick
    partition: int
    offset: int
    arrived_ms: int = MAX_TIMESTAMP_MS

    @property
    def time_ms(self) -> int:
        """When the tick was made, in ms since the epoch, as far as it can be believed."""
        return min(self.tick.timestamp, self.arrived_ms)


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Tick).decode


def decode(value: bytes | None) -> Tick:
    """Read a record's value.

    Raises:
        RecordError: it is empty, too long, not JSON, or a field is missing or out of its range.
    """
    if not value:
        raise RecordError("empty record")
    if len(value) > RECORD_LIMIT_BYTES:
        raise RecordError(f"{len(value)} bytes: expected at most {RECORD_LIMIT_BYTES}")
    try:
        return _decode(value)
    except MemoryError:
        raise  # the process is at its end; the record is not the reason
    except Exception as error:
        # DecodeError, UnicodeDecodeError, and RecursionError where arrays are nested in a field
        # that nobody reads: whatever the decoder raises, the reason is this record.
        raise RecordError(str(error)) from error
