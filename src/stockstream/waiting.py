"""Waiting for Kafka for as long as it takes, with a log line on it every ten seconds."""

import logging
import time

from stockstream.errors import KafkaUnavailable, TopicMissing
from stockstream.kafka.admin import Admin, TopicInfo
from stockstream.stopping import Stop

RETRY_S = 1.0

log = logging.getLogger(__name__)


class Reminder:
    """Says when it is time to log again about what goes on: at once, then every `every_s`."""

    def __init__(self, every_s: float = 10.0) -> None:
        self._every_s = every_s
        self._next_s = 0.0

    def due(self) -> bool:
        """Return whether to log now; the caller then does."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._every_s
        return True


def wait_for_topic(admin: Admin, topic: str, stop: Stop) -> TopicInfo | None:
    """Return the topic once Kafka is there and has it, or None once a stop was requested."""
    reminder = Reminder()
    while not stop.requested:
        try:
            return admin.describe(topic)
        except (KafkaUnavailable, TopicMissing) as error:
            if reminder.due():
                log.warning("waiting: %s", error)
        stop.wait(RETRY_S)
    return None
