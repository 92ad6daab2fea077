"""A broker that is killed and comes back: how soon the producer, the bridge and a client go on."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from benchmarks.report import Report, Row, options
from benchmarks.rig import Rig, python
from benchmarks.words import JOIN
from stockstream.config import Settings
from stockstream.kafka.reader import Reader
from support.bridge import Bridge
from support.kafka import PARTITIONS, create_topic
from support.waiting import wait_for


def main() -> None:
    """Kill the broker with SIGKILL, start it again after a while, and time who goes on when."""
    parser = options(__doc__)
    parser.add_argument("--down", default="5,60", help="seconds between the kill and the start")
    parser.add_argument("--rounds", type=int, default=3, help="for each of them")
    given = parser.parse_args()
    if given.kafka:
        parser.error("--kafka: recovery kills its broker, so it starts one of its own")
    report = Report(given.json)
    with Rig() as rig:
        for down_s in map(float, given.down.split(",")):
            for _ in range(given.rounds):
                report.show(_measure(rig, down_s))


def _measure(rig: Rig, down_s: float) -> Row:
    # Kafka itself notes when it has taken a record: the time of its acknowledgement.
    topic = create_topic(rig.bootstrap, message_timestamp_type="LogAppendTime")
    producer = rig.part(
        "producer", python("stockstream", "producer"), rig.others_core,
        KAFKA_TOPIC=topic, TICK_INTERVAL="0.05", LOG_LEVEL="warning",
    )  # fmt: skip
    with rig.bridge(topic) as bridge, producer, _arrivals(bridge) as arrivals:
        wait_for(lambda: len(arrivals) > 100)
        rig.broker.kill()
        killed_s = time.time()
        time.sleep(down_s)
        started_s = time.time()
        rig.broker.start()
        serves_s = time.time()
        client_s = wait_for(lambda: _first_after(arrivals, killed_s))
        producer_s = _first_append_s(rig, topic, started_s)
    return {
        "down s": down_s,
        "Kafka's start s": round(serves_s - started_s, 1),
        "producer s": round(producer_s - serves_s, 1),
        "client s": round(client_s - serves_s, 1),
        "client behind producer s": round(client_s - producer_s, 1),
    }


class Arrival(NamedTuple):
    """A tick at a client: when it came, and when it was made."""

    came_s: float
    made_s: float


def _first_after(arrivals: list[Arrival], killed_s: float) -> float | None:
    """Return when the first tick came that was made after the kill.

    One that was made before may not have been fetched yet, and comes first.
    """
    return next((arrival.came_s for arrival in arrivals if arrival.made_s > killed_s), None)


@contextmanager
def _arrivals(bridge: Bridge) -> Iterator[list[Arrival]]:
    """Give a list that gets each tick's arrival at a client."""
    found: list[Arrival] = []
    with bridge.connect() as client:
        client.send(JOIN)
        thread = threading.Thread(target=_note_arrivals, args=(client, found))
        thread.start()
        yield found
        client.close()
        thread.join()


def _note_arrivals(client: ClientConnection, found: list[Arrival]) -> None:
    try:
        for text in client:
            message = msgspec.json.decode(text)
            if message["event"] == "stock-tick":
                found.append(Arrival(time.time(), message["data"]["timestamp"] / 1000))
    except ConnectionClosed:
        return


def _first_append_s(rig: Rig, topic: str, since_s: float) -> float:
    """Return when Kafka took the first record since then."""
    settings = msgspec.structs.replace(Settings(), kafka_bootstrap_servers=(rig.bootstrap,))
    reader = Reader(settings, topic)
    since_ms = int(since_s * 1000)
    starts = wait_for(lambda: reader.offsets_at(since_ms, range(PARTITIONS)))
    reader.assign(starts)
    seen: dict[int, int] = {}  # by partition, in ms

    def read() -> bool:
        for record in reader.read(0.1):
            seen.setdefault(record.partition() or 0, record.timestamp()[1])
        return seen.keys() == starts.keys()

    wait_for(read)
    reader.close()
    return min(seen.values()) / 1000


if __name__ == "__main__":
    main()
