"""Records that are nearly ticks: by the decoder alone, and through a topic that a bridge reads."""

import json
import random
import time
from collections import Counter

from fuzz.answers import report
from fuzz.guard import LOOK_EVERY, Guard, own_bridge
from stockstream import tick
from stockstream.errors import RecordError
from support.bridge import Bridge
from support.ticks import Ticker

FIELDS = ("symbol", "price", "volume", "timestamp", "sequence")
#: None of the healthy client's symbols, and no more than a bridge may know.
SYMBOLS = ("X1", "X2", "BRK.B", "^GSPC", "A" * 32, "A" * 33, "", "é", "\0", "X1\n", "x y")
NUMBERS = (
    "0", "-1", "1", "1.5", "0.001", "1e-320", "1e11", "1e12", "1e309", "-0", "1e2", "007",
    "9007199254740992", "9007199254740993", "1" + "0" * 30, "1" + "0" * 400, "NaN", "Infinity",
)  # fmt: skip
ODD = ("null", "true", '"1"', "[]", "{}", r'"\ud800"', r'"A\u0041"', '"\\')


def _deep(chance: random.Random) -> str:
    begin, end = chance.choice((("[", "]"), ("[", "]"), ('{"a":', "}"), ('{"symbol":[', "]}")))
    depth = chance.choice((10, 200, 3800 // len(begin + end)))
    return begin * depth + "1" + end * chance.choice((depth, 0))


def _value(chance: random.Random, name: str) -> str:
    if chance.random() < 0.9:
        now_ms = time.time_ns() // 1_000_000
        return {
            "symbol": json.dumps(chance.choice(SYMBOLS[:5])),
            "price": f"{chance.uniform(0.01, 1e4):.2f}",
            "volume": str(chance.randrange(10_000)),
            "timestamp": str(now_ms + chance.choice((0, -1000, 59_000, 400_000, -(10**12)))),
            "sequence": str(chance.choice((1, chance.randrange(1, 10**6), 2**53))),
        }[name]
    if name == "symbol" and chance.random() < 0.5:
        return json.dumps(chance.choice(SYMBOLS))
    return _deep(chance) if chance.random() < 0.2 else chance.choice((*NUMBERS, *ODD))


def record(chance: random.Random) -> bytes | None:
    """Return a record's value: a tick, or nearly one, or noise."""
    if (kind := chance.random()) < 0.02:
        return chance.choice((None, b"", b"null", b"[]", b'"', b"\xef\xbb\xbf{}", b" " * 5000))
    if kind < 0.05:
        return chance.randbytes(chance.randint(1, 200))
    members = [f'"{name}":{_value(chance, name)}' for name in FIELDS]
    if chance.random() < 0.1:
        members.append(f'"extra":{_deep(chance)}')
    if chance.random() < 0.1:
        members.append(chance.choice(members))
    if chance.random() < 0.05:
        members.pop(chance.randrange(len(members)))
    value = ("{" + ",".join(members) + "}").encode()
    if chance.random() < 0.15:
        at = chance.randrange(len(value))
        value = value[:at] + chance.choice((b"", b"\xff", b"\0", b'"')) + value[at + 1 :]
    return value


def decode(value: bytes | None) -> str:
    """Decode a record; return how that ended. All but a tick and a RecordError is a failure."""
    try:
        found = tick.decode(value)
    except RecordError:
        return "refused"
    except BaseException as error:
        raise AssertionError(f"{value!r:.300}: {type(error).__name__}") from error
    assert isinstance(found, tick.Tick)
    return "tick"


def fuzz_decoder(cases: int, seed: int) -> Counter[str]:
    """Decode so many records that follow from the seed; return how they ended.

    Raises:
        AssertionError: the decoder failed with anything but a RecordError.
    """
    print(f"records, decoded: {cases} cases, seed {seed}", flush=True)
    chance = random.Random(seed)
    return Counter(decode(record(chance)) for _ in range(cases))


def fuzz(bridge: Bridge, ticker: Ticker, cases: int, seed: int) -> float:
    """Write so many records that follow from the seed; return the event loop's longest stall.

    The healthy client's ticks on every partition come behind them, so that all have been read.

    Raises:
        AssertionError: the bridge or its healthy client suffers.
    """
    print(f"records: {cases} cases, seed {seed}", flush=True)
    started_s = time.monotonic()
    chance = random.Random(seed)
    writer = Ticker(ticker.bootstrap, ticker.topic)  # the guard's has a thread of its own
    with Guard(bridge, ticker) as guard:
        for case in range(1, cases + 1):
            writer.record(f"key-{case % 7}", record(chance))
            if case % (LOOK_EVERY // 2) == 0:
                writer.flush()
            guard.look(case)
        writer.flush()
        stall_s = guard.finish()
    seen = bridge.prometheus()
    counts = Counter(
        {
            "skipped": round(seen["stockstream_poison_records_total"]),
            "repeated": round(seen["stockstream_duplicate_ticks_total"]),
        }
    )
    report("records", cases, started_s, counts, stall_s)
    return stall_s


def run(cases: int, seed: int) -> float:
    """Fuzz the decoder, and then a bridge of its own."""
    print(f"records, decoded: {dict(fuzz_decoder(cases, seed))}")
    with own_bridge() as (bridge, ticker):
        return fuzz(bridge, ticker, cases, seed)
