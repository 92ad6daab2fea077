"""A broker that is killed and comes back: how soon the producer, the bridge and a client go on."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

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

#: The bridge is asked this often how many ticks it has taken.
LOOK_S = 0.02


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
        time.sleep(down_s)
        before = bridge.metrics()["messagesProcessed"]
        started_s = time.time()
        with _waiting_for_tick(bridge, before) as taken_s:
            rig.broker.start()
            serves_s = time.time()
        client_s = wait_for(lambda: next((at for at in arrivals if at > started_s), None))
        producer_s = _first_append_s(rig, topic, started_s)
    return {
        "down s": down_s,
        "Kafka's start s": round(serves_s - started_s, 1),
        "producer s": round(producer_s - serves_s, 1),
        "bridge s": round(taken_s[0] - serves_s, 1),
        "client s": round(client_s - serves_s, 1),
        "bridge behind producer s": round(taken_s[0] - producer_s, 1),
    }


@contextmanager
def _arrivals(bridge: Bridge) -> Iterator[list[float]]:
    """Give a list that gets the time of each tick's arrival at a client."""
    times: list[float] = []
    with bridge.connect() as client:
        client.send(JOIN)
        thread = threading.Thread(target=_note_arrivals, args=(client, times))
        thread.start()
        yield times
        client.close()
        thread.join()


def _note_arrivals(client: ClientConnection, times: list[float]) -> None:
    try:
        for message in client:
            if msgspec.json.decode(message)["event"] == "stock-tick":
                times.append(time.time())
    except ConnectionClosed:
        return


@contextmanager
def _waiting_for_tick(bridge: Bridge, before: int) -> Iterator[list[float]]:
    """Give a list that has, at the end, the time at which the bridge took its next tick."""
    times: list[float] = []

    def watch() -> None:
        while bridge.metrics()["messagesProcessed"] == before:
            time.sleep(LOOK_S)
        times.append(time.time())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield times
    wait_for(lambda: times)
    thread.join()


def _first_append_s(rig: Rig, topic: str, since_s: float) -> float:
    """Return when Kafka took the first record since then."""
    settings = msgspec.structs.replace(Settings(), kafka_bootstrap_servers=(rig.bootstrap,))
    reader = Reader(settings, topic)
    starts = reader.offsets_at(int(since_s * 1000), range(PARTITIONS))
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
