"""Messages of JSON: of every event, right and nearly right, many on a connection."""

import json
import random
import time
from collections import Counter

from fuzz.answers import Connection, close_frame, report
from fuzz.guard import LOOK_EVERY, Guard, own_bridge
from support.bridge import Bridge
from support.raw import frame
from support.ticks import Ticker

#: 100 errors close a connection.
A_CONNECTION = 90
#: What a fuzzed bridge is told: the rate is not what is tried here.
VARIABLES = {"CLIENT_MESSAGES_PER_S": "1000000", "MAX_MESSAGE_BYTES": "16777216"}
EVENTS = ("subscribe", "unsubscribe", "join", "leave", "resume")
ROOM = "stock-updates"
SYMBOLS = (
    "X1",
    "X2",
    "BRK.B",
    "^GSPC",
    "BTC-USD",
    "x",
    "A" * 32,
    "A" * 33,
    "",
    "é",
    "𝄞",
    "\0",
    " ",
)
NUMBERS = (
    "0", "-0", "1", "-1", "0.5", "50", "50.000001", "1e-320", "1e308", "1e309", "1e999999",
    "9007199254740993", "1" + "0" * 400, "0." + "3" * 400, "NaN", "Infinity", "-Infinity",
    "01", "+1",
)  # fmt: skip
ODD = ("null", "true", "false", '"*"', '""', "[]", "{}", "[[]]", r'"\ud800"', r'"\u0000"', '"\\x"')


def _symbols(chance: random.Random) -> str:
    count = chance.choice((0, 1, 2, 5, 999, 1001))
    return json.dumps(chance.choices(SYMBOLS if chance.random() < 0.3 else SYMBOLS[:6], k=count))


def _deep(chance: random.Random) -> str:
    depth = chance.choice((10, 100, 1000, 10_000, 30_000))
    begin, end = chance.choice((("[", "]"), ('{"a":', "}"), ('[{"symbols":', "}]")))
    return begin * min(depth, 60_000 // len(begin + end)) + "1" + end * chance.choice((0, depth))


def _data(chance: random.Random) -> str:
    """Return the data of a message: as it should be, or nearly, or nothing like it."""
    match chance.randrange(7):
        case 0 | 1:
            return _symbols(chance)
        case 2:
            return json.dumps(ROOM)
        case 3:
            rate = chance.choice((*NUMBERS, *ODD))
            return f'{{"symbols":{_symbols(chance)},"maxRate":{rate}}}'
        case 4:
            ends = json.dumps({str(p): chance.choice((0, -1, 2**63, 5)) for p in range(3)})
            return f'{{"epoch":"x","positions":{ends},"symbols":{_symbols(chance)}}}'
        case 5:
            return chance.choice((*NUMBERS, *ODD))
        case _:
            return _deep(chance)


def message(chance: random.Random) -> bytes:
    """Return one message of a client."""
    event = chance.choice((*EVENTS, *EVENTS, "Join", "", "stock-tick", "e" * 5000, "\u202e"))
    members = [f'"event":{json.dumps(event)}', f'"data":{_data(chance)}']
    if chance.random() < 0.1:
        members += chance.choices((*members, '"a":1', '"event":null', '"data":[]'), k=2)
    chance.shuffle(members)
    text = "{" + ",".join(members) + "}"
    if chance.random() < 0.2:
        at = chance.randrange(len(text))
        text = (
            text[:at] + chance.choice(("", text[at] * 3, "\x00", "€", '"', "\\")) + text[at + 1 :]
        )
    if chance.random() < 0.05:
        text = chance.choice(("\ufeff", " \n\t", "[", "")) + text + chance.choice(("", "}", " x"))
    return text.encode()[:65_536]


def send(bridge: Bridge, messages: list[bytes]) -> Counter[str]:
    """Send the messages on one connection, then a Close, and return what came."""
    # Cut after 64 KiB a text may end within a character; the bridge may close with 1007.
    with Connection(bridge) as connection:
        connection.send(b"".join(map(frame, messages)))
        connection.send(close_frame())
        connection.read_to_the_end()
        assert connection.close_code, "the connection was cut"
        return connection.seen


def fuzz(bridge: Bridge, ticker: Ticker, cases: int, seed: int) -> float:
    """Send so many messages that follow from the seed; return the event loop's longest stall.

    Raises:
        AssertionError: an answer is not as documented, or the bridge or its healthy client suffers.
    """
    print(f"messages: {cases} cases, seed {seed}", flush=True)
    seen: Counter[str] = Counter()
    started_s = time.monotonic()
    chance = random.Random(seed)
    with Guard(bridge, ticker) as guard:
        looked = 0
        for first in range(0, cases, A_CONNECTION):
            messages = [message(chance) for _ in range(min(A_CONNECTION, cases - first))]
            try:
                seen += send(bridge, messages)
            except AssertionError as error:
                error.add_note(f"messages: seed {seed}, cases from {first} on")
                raise
            if first - looked >= LOOK_EVERY:
                looked = first
                guard.look()
        stall_s = guard.finish()
    report("messages", cases, started_s, seen, stall_s)
    return stall_s


def run(cases: int, seed: int) -> float:
    """Fuzz a bridge of its own."""
    with own_bridge(**VARIABLES) as (bridge, ticker):
        return fuzz(bridge, ticker, cases, seed)
