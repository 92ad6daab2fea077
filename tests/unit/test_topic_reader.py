"""What a reader learns of its topic from librdkafka's log."""

import logging

import pytest

from stockstream import config
from stockstream.kafka.topic_reader import TopicReader

OLD, NEW = "Fv8OhlNeSmm4zVZGcZwdlg", "btBW2ceZQtOi5sv4Hwkrfw"


@pytest.fixture
def reader(free_port: int) -> TopicReader:
    """Return a reader whose Kafka is away, so that only the test tells it anything."""
    return TopicReader(config.load({"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"}), "ticks")


def tell(reader: TopicReader, facility: str, text: str, level: int = logging.DEBUG) -> None:
    reader.log(level, "%s [%s] %s", facility, "stockstream#consumer-1", f"[thrd:main]: {text}")


def test_topic_reader_takes_the_id_of_its_own_topic(reader: TopicReader) -> None:
    """The last word counts; another topic's, and that a topic has no id, do not."""
    assert reader.topic_id is None
    for topic, topic_id in (("ticks", OLD), ("ticks", NEW), ("other", OLD), ("ticks", "A" * 22)):
        tell(reader, "METADATA", f"Topic {topic} changed id from {'A' * 22} to {topic_id}")
    assert reader.topic_id == NEW


def test_topic_reader_notices_an_offset_that_was_set_back(reader: TopicReader) -> None:
    """It is a warning there; where an offset is looked up for other reasons, it is not."""
    tell(reader, "OFFSET", "ticks [0]: offset reset (at offset INVALID) to BEGINNING")
    assert not reader.moved
    tell(reader, "OFFSET", "ticks [0]: offset reset (at offset 20) to cached", logging.WARNING)
    assert reader.moved


def test_topic_reader_shows_what_the_user_wants_to_see(
    free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The lines that only the reader asked for stay out of the log."""
    address = f"127.0.0.1:{free_port}"
    reader = TopicReader(config.load({"KAFKA_BOOTSTRAP_SERVERS": address}), "ticks")
    tell(reader, "METADATA", "Requesting metadata")
    assert not caplog.messages
    tell(reader, "FAIL", "Connection refused", logging.ERROR)
    assert len(caplog.messages) == 1
    loud = {"KAFKA_BOOTSTRAP_SERVERS": address, "KAFKA_LOG_LEVEL": "debug"}
    reader = TopicReader(config.load(loud), "ticks")
    tell(reader, "METADATA", "Requesting metadata")
    assert len(caplog.messages) == 2
