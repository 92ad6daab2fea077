"""RFC 6455 on a raw socket, section by section as Autobahn's test suite has them.

The bridge is no echo server: what Autobahn wants echoed is a message here that is answered, with
`snapshot` or `error`. Sections 8 and 11 are empty there, 12 and 13 are on compression.
"""

import json
import socket

import pytest

from fuzz.answers import Connection, close_frame
from support.bridge import Bridge
from support.raw import frame

TEXT, CONTINUATION, BINARY, CLOSE, PING, PONG = 0x01, 0x00, 0x02, 0x08, 0x09, 0x0A
LAST = 0x80
ASK = b'{"event":"subscribe","data":["A"]}'
ANSWER = "snapshot"


class Conversation(Connection):
    """Keeps what comes, in order; `metrics` and `welcome` come on their own."""

    def __init__(self, bridge: Bridge) -> None:
        self.heard: list[str] = []
        super().__init__(bridge)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _take(self, first_byte: int, payload: bytes) -> None:
        super()._take(first_byte, payload)
        if first_byte == 0x8A:
            self.heard.append(f"pong {payload.decode('latin-1')}".rstrip())
        elif first_byte == 0x88:
            self.heard.append(f"close {self.close_code}")
        elif first_byte == 0x81:
            event = json.loads(payload)["event"]
            if event not in ("welcome", "metrics"):
                self.heard.append(event)


def answers(bridge: Bridge, *writes: bytes) -> list[str]:
    """Send each in a write of its own, then a Close, and return all that comes."""
    with Conversation(bridge) as conversation:
        conversation.send(*writes)
        conversation.send(close_frame())
        conversation.read_until("")
        return conversation.heard


def text(payload: bytes, last: bool = True) -> bytes:
    """Return a frame that begins a text message."""
    return frame(payload, TEXT | (LAST if last else 0))


def more(payload: bytes, last: bool = False) -> bytes:
    """Return a frame that goes on with a message."""
    return frame(payload, CONTINUATION | (LAST if last else 0))


def ping(payload: bytes = b"") -> bytes:
    """Return a ping."""
    return frame(payload, LAST | PING)


def asking(size: int) -> bytes:
    """Return a message of this size that is answered."""
    return ASK[:-1] + b" " * (size - len(ASK)) + ASK[-1:]


#: 5.6: a ping between two fragments; 5.19: two of them among five, in two parts.
PING_BETWEEN = (text(ASK[:9], False), ping(b"1"), more(ASK[9:], True))
PINGS_BETWEEN = (
    text(ASK[:3], False), more(ASK[3:5]), ping(b"1"), more(ASK[5:8]), more(ASK[8:9]), ping(b"2"),
    more(ASK[9:], True),
)  # fmt: skip
ORDERED = {
    "ping, message": ((ping(b"1"), text(ASK)), ["pong 1", ANSWER]),
    "message, ping, message": ((text(ASK), ping(b"1"), text(b"{")), [ANSWER, "pong 1", "error"]),
    "ping between fragments": (PING_BETWEEN, ["pong 1", ANSWER]),
    "pings among fragments": (PINGS_BETWEEN, ["pong 1", "pong 2", ANSWER]),
}


@pytest.mark.parametrize("case", ORDERED.values(), ids=ORDERED)
def test_pong_comes_before_the_answer_to_a_later_message(shared_bridge: Bridge, case) -> None:
    """5.6, 5.7, 5.8, 5.19: what comes in one segment is answered in its order."""
    frames, expected = case
    assert answers(shared_bridge, b"".join(frames)) == [*expected, "close 1000"]


@pytest.mark.parametrize("case", ORDERED.values(), ids=ORDERED)
def test_order_is_kept_where_each_frame_comes_alone(shared_bridge: Bridge, case) -> None:
    """The same, where the bridge has answered each frame before the next one comes."""
    frames, expected = case
    with Conversation(shared_bridge) as conversation:
        pings = 0
        for sent in frames:
            conversation.send(sent)
            pings += sent[0] == LAST | PING
            conversation.read_until("pong", pings)
        conversation.send(close_frame())
        conversation.read_until("")
        assert conversation.heard == [*expected, "close 1000"]


@pytest.mark.parametrize("size", [125, 126, 127, 128, 1300, 65_535, 65_536])
def test_message_of_any_length_is_answered(shared_bridge: Bridge, size: int) -> None:
    """1, 9 and 10: whole, in fragments of 1,300 bytes, and in small writes."""
    data = asking(size)
    parts = [data[at : at + 1300] for at in range(0, size, 1300)] or [data]
    middle = [more(part) for part in parts[1:]]
    cut = (text(parts[0], False), *middle, more(b"", True))
    whole = text(data)
    small = [whole[at : at + 997] for at in range(0, len(whole), 997)]
    for writes in ((whole,), cut, (b"".join(cut),), small):
        assert answers(shared_bridge, *writes) == [ANSWER, "close 1000"]


CASES = {
    "1 empty": ([text(b"")], ["error", "close 1000"]),
    "1 binary": ([frame(b"x", LAST | BINARY)], ["close 1003"]),
    "2 pings": (
        [ping(), ping(b"Hello"), ping(b"x" * 125)],
        ["pong", "pong Hello", "pong " + "x" * 125, "close 1000"],
    ),
    "2 ten pings": (
        [ping(b"%d" % n) for n in range(10)],
        [*(f"pong {n}" for n in range(10)), "close 1000"],
    ),
    "2 ping in pieces": ([bytes((byte,)) for byte in ping(b"Hello")], ["pong Hello", "close 1000"]),
    "2 ping of 126 bytes": ([ping(b"x" * 126)], ["close 1002"]),
    "2 pong": ([frame(b"x", LAST | PONG), ping(b"1")], ["pong 1", "close 1000"]),
    **{
        f"3 bit {bit:#x}": (
            [text(ASK), frame(ASK, LAST | TEXT | bit), ping()],
            [ANSWER, "close 1002"],
        )
        for bit in (0x10, 0x20, 0x40, 0x70)
    },
    **{
        f"4 opcode {code}": ([text(ASK), frame(b"", LAST | code), ping()], [ANSWER, "close 1002"])
        for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "5 fragmented ping": ([frame(b"1", PING), more(b"2", True)], ["close 1002"]),
    "5 fragmented pong": ([frame(b"1", PONG), more(b"2", True)], ["close 1002"]),
    "5 nothing to go on with": ([more(b"x", True)], ["close 1002"]),
    "5 nothing to go on with behind a message": (
        [text(ASK), more(b"x", True)],
        [ANSWER, "close 1002"],
    ),
    "5 message within a message": ([text(ASK[:5], False), text(ASK)], ["close 1002"]),
    "6 valid, cut within a character": (
        [text('{"é'.encode()[:3], False), more('{"é'.encode()[3:] + b'":1}', True)],
        ["error", "close 1000"],
    ),
    "6 invalid": ([text(b'{"\xff":1}')], ["close 1007"]),
    "6 surrogate": ([text(b"\xed\xa0\x80")], ["close 1007"]),
    "6 unfinished": ([text(b"\xe2\x82")], ["close 1007"]),
    "6 invalid before the end": ([text(b"\xf4\x90", False), more(b"x")], ["close 1007"]),
    "7 without a code": ([frame(b"", LAST | CLOSE)], ["close 1005"]),
    "7 one byte": ([frame(b"\3", LAST | CLOSE)], ["close 1002"]),
    "7 with a reason": ([frame(b"\3\xe8" + b"x" * 123, LAST | CLOSE)], ["close 1000"]),
    "7 too long": ([frame(b"\3\xe8" + b"x" * 124, LAST | CLOSE)], ["close 1002"]),
    "7 reason is not UTF-8": ([frame(b"\3\xe8\xff", LAST | CLOSE)], ["close 1007"]),
    "7 message behind the Close": ([close_frame() + text(ASK) + ping()], ["close 1000"]),
    "7 unfinished message": ([text(ASK[:5], False)], ["close 1000"]),
    **{
        f"7 code {code}": ([close_frame(code)], [f"close {code}"])
        for code in (1000, 1001, 1003, 1007, 1011, 3000, 4999)
    },
    **{
        f"7 code {code}": ([close_frame(code)], ["close 1002"])
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
    },
    "9 too long": ([text(asking(65_537))], ["close 1009"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_frames_are_answered_as_the_rfc_says(shared_bridge: Bridge, case) -> None:
    """1 to 7 and 9: lengths, pings, reserved bits and opcodes, fragments, UTF-8, closes."""
    writes, expected = case
    assert answers(shared_bridge, *writes) == expected


def test_bridge_that_does_not_answer_is_noticed(bridge_factory) -> None:
    """A bridge that follows no message fails the same check."""
    silent = bridge_factory(broken="checks_nothing")
    assert answers(silent, text(ASK)) != [ANSWER, "close 1000"]
