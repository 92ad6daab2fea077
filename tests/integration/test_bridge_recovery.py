"""A bridge that outlives its Kafka by more than a reader's patience."""

import time

from support.bridge import hear, say
from support.kafka import create_topic
from support.ticks import Ticker
from support.waiting import wait_for

#: How far behind the first acknowledged tick the bridge may be. A client with a commit under way
#: takes 45 s to let go of, of which Kafka's start and the writer's take at most half.
BEHIND_S = 15.0


def behind_s(bridge_factory, broker_factory, broken: str) -> float:
    """Return how long after Kafka took the first tick a client got it, after a long absence."""
    broker = broker_factory()
    topic = create_topic(broker.bootstrap)
    bridge = bridge_factory(
        broken=broken, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap, KAFKA_TOPIC=topic
    )
    ticker = Ticker(broker.bootstrap, topic)
    with bridge.connect() as client:
        say(client, "join", "stock-updates")
        hear(client, "snapshot")
        ticker.round(["AAPL"])
        assert hear(client, "stock-tick")["sequence"] == 1
        broker.kill()
        wait_for(lambda: "is read with a new client" in bridge.part.log.read_text())
        broker.start()
        ticker.round(["AAPL"])
        taken_s = time.monotonic()
        assert hear(client, "stock-tick")["sequence"] == 2
        return time.monotonic() - taken_s


def test_bridge_goes_on_with_the_producers_after_a_long_absence(
    bridge_factory, broker_factory
) -> None:
    """Replacing the client that reads holds up nothing."""
    assert behind_s(bridge_factory, broker_factory, "renews_soon") < BEHIND_S


def test_bridge_that_commits_with_the_client_that_reads_is_noticed(
    bridge_factory, broker_factory
) -> None:
    """The control: its commits hold it up."""
    assert behind_s(bridge_factory, broker_factory, "commits_while_it_reads") > BEHIND_S
