"""Streams of frames: right ones, nearly right ones and noise, each on a connection of its own."""

import random
import time
from collections import Counter

from fuzz.answers import Connection, close_frame, report
from fuzz.guard import Guard, own_bridge
from support.bridge import Bridge
from support.ticks import Ticker

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
OPCODES = (TEXT, CONTINUATION, PING, PONG, CLOSE, BINARY, 3, 7, 11, 15)
OPCODE_WEIGHTS = (30, 20, 15, 15, 5, 3, 1, 1, 1, 1)
MESSAGES = (
    b'{"event":"join","data":"stock-updates"}',
    b'{"event":"leave","data":"stock-updates"}',
    b'{"event":"subscribe","data":["A","B"]}',
    b'{"event":"unsubscribe","data":["A"]}',
    '{"event":"subscribe","data":["€𝄞"]}'.encode(),
    b"{}",
    b"",
)


def encode(
    chance: random.Random, opcode: int, payload: bytes, last: bool = True, wrong: float = 0.03
) -> bytes:
    """Return a client's frame, each of whose parts is wrong with this probability."""
    first = opcode | (0x80 if last else 0)
    if chance.random() < wrong:
        first |= chance.choice((0x40, 0x20, 0x10, 0x70))
    length = len(payload)
    if chance.random() < wrong:
        length = chance.choice((0, length + 1, 125, 126, 65_535, 65_536, 2**32, 2**63, 2**64 - 1))
    width = 0 if length < 126 else 2 if length < 1 << 16 else 8
    if chance.random() < wrong:
        width = 8 if length >= 1 << 16 else chance.choice((2, 8))  # more bytes than it needs
    head = bytes((first, 0x80 | (length if not width else 126 if width == 2 else 127)))
    head += length.to_bytes(width, "big") if width else b""
    if chance.random() < wrong:
        return bytes((head[0], head[1] & 0x7F)) + head[2:] + payload  # without a mask
    mask = chance.choice((bytes(4), chance.randbytes(4)))
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def payload_of(chance: random.Random, opcode: int) -> bytes:
    """Return a payload that fits the opcode, most of the time."""
    if opcode == CLOSE and chance.random() < 0.8:
        codes = (1000, 1001, 1002, 1005, 1006, 1015, 999, 3000, 4999, 5000, 0, 65_535)
        return chance.choice(codes).to_bytes(2, "big") + chance.choice((b"", b"bye", b"\xff"))
    if opcode in (PING, PONG, CLOSE):
        return chance.randbytes(chance.choice((0, 1, 2, 4, 125, 126, 200)))
    if chance.random() < 0.2:
        return chance.randbytes(chance.choice((1, 5, 125, 126, 127, 300, 70_000)))
    return chance.choice(MESSAGES)


def fragmented(chance: random.Random) -> list[bytes]:
    """Return a message in pieces, cut anywhere, with control frames between some of them."""
    payload = payload_of(chance, TEXT)[:2000]
    cuts = sorted(chance.randint(0, len(payload)) for _ in range(chance.randint(1, 6)))
    pieces = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    frames: list[bytes] = []
    for number, piece in enumerate(pieces):
        opcode = CONTINUATION if number else TEXT
        frames.append(encode(chance, opcode, piece, number == len(pieces) - 1, wrong=0.01))
        if chance.random() < 0.3:
            control = chance.choice((PING, PONG))
            frames.append(encode(chance, control, payload_of(chance, control), wrong=0.01))
    return frames


def stream(chance: random.Random) -> bytes:
    """Return what one client sends."""
    frames: list[bytes] = []
    for _ in range(chance.randint(1, 8)):
        if chance.random() < 0.05:
            frames.append(chance.randbytes(chance.randint(1, 60)))
        elif chance.random() < 0.3:
            frames += fragmented(chance)
        else:
            [opcode] = chance.choices(OPCODES, OPCODE_WEIGHTS)
            frames.append(encode(chance, opcode, payload_of(chance, opcode), chance.random() < 0.9))
    data = b"".join(frames)
    return data[: chance.randint(0, len(data))] if chance.random() < 0.2 else data


def pieces_of(chance: random.Random, data: bytes) -> list[bytes]:
    """Cut what is sent into one to four writes."""
    cuts = sorted(chance.randint(0, len(data)) for _ in range(chance.choice((0, 0, 1, 3))))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def send(bridge: Bridge, chance: random.Random) -> Counter[str]:
    """Send one case, and return what came."""
    with Connection(bridge) as connection:
        connection.send(*pieces_of(chance, stream(chance)))
        ending = chance.random()
        if ending < 0.05:
            connection.reset()
            return connection.seen
        if ending < 0.5:
            connection.send(close_frame())
        connection.read_to_the_end()
        return connection.seen


def fuzz(bridge: Bridge, ticker: Ticker, cases: int, seed: int) -> float:
    """Send so many streams that follow from the seed; return the event loop's longest stall.

    Raises:
        AssertionError: an answer is no WebSocket's, or the bridge or its healthy client suffers.
    """
    print(f"frames: {cases} cases, seed {seed}", flush=True)
    seen: Counter[str] = Counter()
    started_s = time.monotonic()
    with Guard(bridge, ticker) as guard:
        for case in range(1, cases + 1):
            try:
                seen += send(bridge, random.Random(f"{seed}/{case}"))
            except AssertionError as error:
                error.add_note(f"frames: seed {seed}, case {case}")
                raise
            guard.look(case)
        stall_s = guard.finish()
    report("frames", cases, started_s, seen, stall_s)
    return stall_s


def run(cases: int, seed: int) -> float:
    """Fuzz a bridge of its own."""
    with own_bridge() as (bridge, ticker):
        return fuzz(bridge, ticker, cases, seed)
