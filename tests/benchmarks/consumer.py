"""Ticks to a pipe: the console consumer beside bare confluent-kafka loops that print the values."""

import os
import select
from io import FileIO
from pathlib import Path

from benchmarks.report import Report, Row, options, percent
from benchmarks.rig import Meter, Rig, limit, python
from stockstream.local.part import Part
from support.ticks import SYMBOLS, Ticker

#: How long the pipe may stay silent.
SILENCE_S = 120
READ_BYTES = 1 << 20
#: What is left to measure behind the pipe's first 64 KiB.
LEAST = 10_000


def main() -> None:
    """Fill a topic, then have each of them print all of it."""
    parser = options(__doc__)
    parser.add_argument("--ticks", type=int, default=1_000_000, help="on the topic")
    given = parser.parse_args()
    if given.ticks < LEAST:
        parser.error(f"--ticks {given.ticks}: expected {LEAST} or more")
    report = Report(given.json)
    with Rig(given.kafka) as rig:
        topic = rig.topic()
        _fill(rig.bootstrap, topic, given.ticks)
        bare = [rig.bootstrap, topic]
        readers = {
            "bare poll()": python("benchmarks.bare_consumer", *bare, "poll"),
            "bare consume()": python("benchmarks.bare_consumer", *bare, "consume"),
            "consumer": python("stockstream", "consumer", "--from-beginning"),
            "consumer --json": python("stockstream", "consumer", "--from-beginning", "--json"),
        }
        for name, command in readers.items():
            report.show(_measure(rig, name, command, topic, given.ticks))


def _fill(bootstrap: str, topic: str, count: int) -> None:
    ticker = Ticker(bootstrap, topic)
    for number in range(count):
        ticker.tick(SYMBOLS[number % len(SYMBOLS)])
        if number % 50_000 == 0:  # the client's queue holds 100,000
            ticker.flush()
    ticker.flush()


def _measure(rig: Rig, name: str, command: list[str], topic: str, ticks: int) -> Row:
    pipe = rig.home / "pipe"
    os.mkfifo(pipe)
    shell = ["sh", "-c", 'exec "$@" >"$0"', str(pipe), *command]
    variables = {
        "KAFKA_TOPIC": topic,
        "CONSUMER_GROUP": "bench-" + "".join(filter(str.isalpha, name)),
    }
    with rig.part(name, shell, rig.server_core, LOG_LEVEL="warning", **variables) as part:
        row = _count(rig, part, pipe, ticks)
    pipe.unlink()
    return {"reader": name, **row}


def _count(rig: Rig, part: Part, pipe: Path, ticks: int) -> Row:
    """Read the lines; what is measured begins behind the first of them."""
    with pipe.open("rb", buffering=0) as lines:
        count = first = _read_lines(lines, part)
        meter = Meter(rig, part)
        while count < ticks:
            count += _read_lines(lines, part)
        used = meter.read()
    return {
        "ticks/s": round((count - first) / used.seconds),
        "CPU %": percent(used.cpu_s / used.seconds),
        "us/tick": round(1e6 * used.cpu_s / (count - first), 3),
        "Kafka's core %": percent(used.others_core),
        "limit": limit(used.others_core, "Kafka"),
    }


def _read_lines(lines: FileIO, part: Part) -> int:
    """Return how many lines have come."""
    ready, _, _ = select.select([lines], [], [], SILENCE_S)
    if not ready:
        raise SystemExit(f"no line for {SILENCE_S} s; {part.last_words()}")
    if not (data := lines.read(READ_BYTES)):
        raise SystemExit(f"the reader has closed the pipe; {part.last_words()}")
    return data.count(b"\n")
