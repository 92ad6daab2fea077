"""Kafka's protocol, as much as it takes to ask one broker, and no other, one question.

librdkafka does not do it: a client learns of the other brokers as soon as it connects, and asks any
of them. With a new client and one address for each look, another broker answered every few looks.
"""

import socket
import struct
from collections.abc import Callable
from itertools import count
from typing import BinaryIO, TypeVar

from stockstream.errors import KafkaUnavailable

T = TypeVar("T")

_CLIENT_ID = b"stockstream"
#: A frame that is longer is no answer.
_LIMIT_BYTES = 64 * 2**20

_correlations = count(1)


class Fields:
    """Takes the fields of an answer, one after the other."""

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._place = 0

    def int8(self) -> int:
        return self._take(">b")

    def int16(self) -> int:
        return self._take(">h")

    def int32(self) -> int:
        return self._take(">i")

    def string(self) -> str:
        """Take a string; one that is null is "" here."""
        length = max(0, self.int16())
        text = self._frame[self._place : self._place + length]
        self._place += length
        return text.decode()

    def array(self, take: Callable[[], T]) -> list[T]:
        return [take() for _ in range(self.int32())]

    def _take(self, kind: str) -> int:
        (value,) = struct.unpack_from(kind, self._frame, self._place)
        self._place += struct.calcsize(kind)
        return int(value)


def request(
    address: tuple[str, int],
    key: int,
    version: int,
    body: bytes,
    read: Callable[[Fields], T],
    timeout_s: float,
) -> T:
    """Send a request of this API key and version (not a flexible one), and read its answer.

    Raises:
        KafkaUnavailable: there is no answer in time, or another one than `read` expects.
    """
    try:
        with socket.create_connection(address, timeout_s) as connection:
            correlation = next(_correlations)
            head = struct.pack(">hhih", key, version, correlation, len(_CLIENT_ID)) + _CLIENT_ID
            connection.sendall(struct.pack(">i", len(head + body)) + head + body)
            with connection.makefile("rb") as stream:
                fields = Fields(_frame(stream))
                if fields.int32() != correlation:
                    raise EOFError("the answer to another request")
                return read(fields)
    except (OSError, EOFError, struct.error, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise KafkaUnavailable(f"no answer from {address[0]}:{address[1]}: {said}") from error


def _frame(stream: BinaryIO) -> bytes:
    (length,) = struct.unpack(">i", stream.read(4))
    if not 0 < length <= _LIMIT_BYTES:
        raise EOFError(f"a frame of {length} bytes")
    frame = stream.read(length)
    if len(frame) < length:
        raise EOFError("the connection was closed")
    return frame
