"""Ticks to Kafka: the producer with TICK_INTERVAL=0 beside the bare confluent-kafka loop."""

import contextlib
import time

import msgspec

from benchmarks.report import Report, Row, options, percent
from benchmarks.rig import Meter, Rig, limit, python
from stockstream.config import Settings
from stockstream.errors import KafkaError
from stockstream.kafka.reader import Reader
from stockstream.local.part import Part
from support.kafka import PARTITIONS
from support.waiting import wait_for

#: Records on the topic when the measurement begins.
WARMUP = 50_000


def main() -> None:
    """Count what Kafka has acknowledged, in turns: the ends of the partitions, before and after."""
    parser = options(__doc__, seconds=5)
    parser.add_argument("--warmup", type=int, default=WARMUP, help="records before it begins")
    parser.add_argument("--rounds", type=int, default=5, help="for each; its middle one is shown")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"--rounds {given.rounds}: expected 1 or more")
    rounds: dict[str, list[Row]] = {"bare loop": [], "producer": []}
    with Rig(given.kafka) as rig:
        for _ in range(given.rounds):
            for name, rows in rounds.items():
                rows.append(_measure(rig, name, given.seconds, given.warmup))
    bare, made = map(_middle, rounds.values())
    report = Report(given.json)
    report.show(bare)
    report.show(made | {"x bare": round(made["ticks/s"] / bare["ticks/s"], 2)})


def _middle(rows: list[Row]) -> Row:
    """Return the row with the median rate: who gets the core when makes some rounds faster."""
    return sorted(rows, key=lambda row: row["ticks/s"])[len(rows) // 2]


def _measure(rig: Rig, name: str, seconds: float, warmup: int) -> Row:
    topic = rig.topic()
    command = {
        "bare loop": python("benchmarks.bare_producer", rig.bootstrap, topic),
        "producer": python("stockstream", "producer"),
    }[name]
    settings = msgspec.structs.replace(Settings(), kafka_bootstrap_servers=(rig.bootstrap,))
    reader = Reader(settings, topic)
    variables = {"KAFKA_TOPIC": topic, "TICK_INTERVAL": "0", "LOG_LEVEL": "warning"}
    with rig.part("writer", command, rig.server_core, **variables) as part:
        _wait_for(reader, part, warmup)
        before, meter = _written(reader), Meter(rig, part)
        time.sleep(seconds)
        count = _written(reader) - before
        used = meter.read()
    reader.close()
    return {
        "writer": name,
        "ticks/s": round(count / used.seconds),
        "x bare": 1.0,
        "CPU %": percent(used.cpu_s / used.seconds),
        "us/tick": round(1e6 * used.cpu_s / max(1, count), 3),
        "Kafka's core %": percent(used.others_core),
        "limit": limit(used.others_core, "Kafka"),
    }


def _written(reader: Reader) -> int:
    return sum(reader.watermarks(partition)[1] for partition in range(PARTITIONS))


def _wait_for(reader: Reader, part: Part, count: int) -> None:
    def reached() -> bool:
        part.check()
        with contextlib.suppress(KafkaError):  # a new topic's partitions may not be led yet
            return _written(reader) > count
        return False

    wait_for(reached)
