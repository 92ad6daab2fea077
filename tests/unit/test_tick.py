"""The tick's record: what is written is read back, and nothing else is taken for a tick."""

from contextlib import suppress

import pytest
from hypothesis import given, settings

from stockstream import tick
from stockstream.errors import RecordError
from support.records import VALUES

GOOD = tick.Tick("AAPL", 189.32, 400, 1_700_000_000_000, 1)


def test_encode_gives_the_documented_record() -> None:
    """The value on the topic has the five documented fields, in JSON."""
    assert tick.encode(GOOD) == (
        b'{"symbol":"AAPL","price":189.32,"volume":400,"timestamp":1700000000000,"sequence":1}'
    )
    assert tick.decode(tick.encode(GOOD)) == GOOD


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"not json",
        b"\xff\xfe",
        b'"AAPL"',
        b"[1]",
        b"{}",
        tick.encode(GOOD)[:-1],
        tick.encode(GOOD).replace(b"189.32", b'"189.32"'),
        tick.encode(GOOD).replace(b"189.32", b"0"),
        tick.encode(GOOD).replace(b"189.32", b"1e400"),
        tick.encode(GOOD).replace(b"189.32", b"NaN"),
        tick.encode(GOOD).replace(b'"sequence":1', b'"sequence":0'),
        tick.encode(GOOD).replace(b'"volume":400', b'"volume":4.5'),
        tick.encode(GOOD).replace(b"AAPL", b"<script>"),
        tick.encode(GOOD).replace(b"AAPL", b"AAPL\\n"),
        b" " * 2**20 + tick.encode(GOOD),
        tick.encode(GOOD).replace(b"1700000000000", b"%d" % 2**53),
        tick.encode(GOOD).replace(b"1700000000000", b"%d" % (tick.MAX_TIMESTAMP_MS + 1)),
        tick.encode(GOOD).replace(b'"sequence":1', b'"sequence":%d' % (2**53 + 1)),
        tick.encode(GOOD).replace(b'"sequence":1', b'"sequence":' + b"9" * 4000),
        tick.encode(GOOD).replace(b"189.32", b"9" * 400),
        tick.encode(GOOD).replace(b"AAPL", b"\\ud800"),
        tick.encode(GOOD).replace(b"AAPL", b"\xff\xfe"),
        # Nobody reads the field x; the decoder raises RecursionError in it.
        tick.encode(GOOD)[:-1] + b',"x":' + b"[" * 1000 + b"]" * 1000 + b"}",
        tick.encode(GOOD)[:-1] + b',"x":' + b"[" * 1000,
    ],
)
def test_decode_record_that_is_no_tick_is_refused(value: bytes | None) -> None:
    """Whatever is not a tick raises RecordError, and no other exception."""
    with pytest.raises(RecordError):
        tick.decode(value)


@settings(deadline=None)  # no test depends on speed
@given(VALUES)
def test_decode_any_value_is_a_tick_or_refused(value: bytes | None) -> None:
    """No record ends its reader: decode raises RecordError, and no other exception."""
    with suppress(RecordError):
        assert tick.decode(value) == tick.decode(tick.encode(tick.decode(value)))


def test_decode_lets_memory_error_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without memory ends; the record is not the reason."""

    def fail(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(tick, "_decode", fail)
    with pytest.raises(MemoryError):
        tick.decode(tick.encode(GOOD))
