"""The publisher's queue: what does not fit is refused, by number, and nothing else is."""

import pytest

from stockstream import config
from stockstream.errors import KafkaError
from stockstream.kafka import Publisher
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
