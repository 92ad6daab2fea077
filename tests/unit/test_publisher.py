"""The publisher: what its queue has no room for is named, and what it gives up is let go of."""

import gc
import weakref

import pytest

from stockstream import config
from stockstream.errors import KafkaError
from stockstream.kafka.publisher import Publisher
from support.waiting import wait_for


def test_publisher_queue_that_is_full_names_what_was_not_queued(free_port: int) -> None:
    """Without a broker a queue of ten has room for 6 more behind 4; the last 2 of 8 are refused."""
    settings = config.load({"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"})
    publisher = Publisher(settings, "ticks", queue_limit=10)
    publisher.send(0, b"AAPL", [b"tick"] * 4)
    with pytest.raises(KafkaError, match="2 records were not queued"):
        publisher.send(0, b"AAPL", [b"tick"] * 8)
    # An error that librdkafka is about to report counts too, until it is served.
    wait_for(lambda: (publisher.outstanding, publisher.undelivered), lambda seen: seen == (10, 10))
    publisher.drop_all()


def test_publisher_that_gives_up_lets_its_client_go(free_port: int) -> None:
    """Else a producer that starts over would have one more client, with threads and connections."""
    settings = config.load({"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"})
    publisher = Publisher(settings, "ticks")
    publisher.send(0, b"AAPL", [b"tick"] * 4)
    publisher.drop_all()
    client = weakref.ref(publisher)
    del publisher
    gc.collect()
    assert client() is None


def test_publisher_whose_reports_nobody_takes_is_noticed(free_port: int) -> None:
    """What waits to be sent, given up without its reports, holds the client."""
    settings = config.load({"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"})
    publisher = Publisher(settings, "ticks")
    publisher.send(0, b"AAPL", [b"tick"] * 4)
    publisher.drop_queue()
    client = weakref.ref(publisher)
    del publisher
    gc.collect()
    held = client()
    assert held is not None
    held.drop_all()
