"""A topic that is deleted and created again under a bridge, with a producer that writes at once."""

import json
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from websockets.sync.client import ClientConnection

from stockstream import config
from stockstream.kafka.admin import Admin
from stockstream.kafka.in_process import InProcessBroker
from support.bridge import Bridge, check_no_hole, hear, say
from support.kafka import make_topic
from support.ticks import Ticker

TIMES = 3
SYMBOLS = ("AAPL", "TSLA")


def write(bootstrap: str, topic: str, generation: int, rounds: int) -> None:
    """Write so many ticks of each symbol, from sequence 1, with the generation as their price."""
    ticker = Ticker(bootstrap, topic)
    for _ in range(rounds):
        for symbol in SYMBOLS:
            ticker.tick(symbol, float(generation))
    ticker.flush()


def make_anew(bootstrap: str, topic: str) -> None:
    """Delete the topic, and create it as soon as that is possible."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    admin.delete_topics([topic])[topic].result(60)
    make_topic(bootstrap, topic)


def topic_id(bootstrap: str, topic: str) -> str | None:
    """Return the topic's id as Kafka tells it."""
    return Admin(config.load({"KAFKA_BOOTSTRAP_SERVERS": bootstrap})).describe(topic).id


def reach(client: ClientConnection, epoch: str, last: int) -> tuple[str, dict, list[dict]]:
    """Return the epoch, its snapshot and the ticks behind it once each symbol's `last` came."""
    snapshot: dict[str, Any] = {"ticks": []}
    ticks: list[dict] = []
    while True:
        known = {tick["symbol"]: tick for tick in (*snapshot["ticks"], *ticks)}
        if len(known) == 2 and all(tick["sequence"] >= last for tick in known.values()):
            return epoch, snapshot, ticks
        message = json.loads(client.recv(timeout=120))
        if message["event"] == "welcome":
            epoch, snapshot, ticks = message["data"]["epoch"], {"ticks": []}, []
        elif message["event"] == "snapshot":
            snapshot = message["data"]
        elif message["event"] == "stock-tick":
            ticks.append(message["data"])


def follow_generations(bridge: Bridge, kafka, topic: str) -> None:
    """Fail unless each tick comes once, behind a `welcome` with its own topic's epoch."""
    with bridge.connect() as client:
        epoch = hear(client, "welcome")["epoch"]
        say(client, "join", "stock-updates")
        for generation in range(1, TIMES + 1):
            # More each time: the new topic is soon longer than where the old one was read to.
            write(kafka.bootstrap, topic, generation, rounds=20 * generation)
            told, snapshot, ticks = reach(client, epoch, 20 * generation)
            assert {tick["price"] for tick in (*snapshot["ticks"], *ticks)} == {generation}
            assert told == topic_id(kafka.bootstrap, topic)
            check_no_hole(snapshot, ticks, set(SYMBOLS))
            epoch = told
            make_anew(kafka.bootstrap, topic)
    assert bridge.prometheus()["stockstream_duplicate_ticks_total"] == 0


def test_bridge_topic_made_anew_again_and_again_keeps_the_epochs_apart(
    bridge: Bridge, kafka, topic: str
) -> None:
    """No tick of a new topic is lost, taken for a repeat, or sent under the old epoch."""
    follow_generations(bridge, kafka, topic)


def test_bridge_that_trusts_the_topics_name_is_noticed(bridge_factory, kafka, topic: str) -> None:
    """The control: librdkafka itself goes on in the new topic as if nothing had happened."""
    with pytest.raises(AssertionError):
        follow_generations(bridge_factory(broken="trusts_the_name"), kafka, topic)


def test_bridge_on_the_in_process_broker_is_not_misled_by_its_ids(bridge_factory) -> None:
    """Its metadata have an id that the admin client does not tell: nothing is compared there."""
    broker = InProcessBroker("memory")
    ticker = Ticker(broker.bootstrap, "memory", partitions=4)
    bridge = bridge_factory(KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap, KAFKA_TOPIC="memory")
    with bridge.connect() as client:
        say(client, "join", "stock-updates")
        hear(client, "snapshot")
        for sequence in (1, 2):
            ticker.round(["AAPL"])
            assert hear(client, "stock-tick")["sequence"] == sequence


pytestmark = pytest.mark.timeout(400)
