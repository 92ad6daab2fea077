"""Reads given partitions, and knows which topic of the name its records are of."""

import logging
import re

from stockstream.config import Settings
from stockstream.kafka.client import client_options
from stockstream.kafka.reader import Reader

#: librdkafka's own lines, which go where ours go, by KAFKA_LOG_LEVEL and not by LOG_LEVEL.
_log = logging.getLogger("librdkafka")

# librdkafka 2.16 tells it nowhere else: rdkafka_topic.c, debug context `metadata`.
_CHANGED = re.compile(r"Topic (\S+) changed id from \S+ to (\S+)")
_NO_ID = "A" * 22


class TopicReader(Reader):
    """A reader that notices when its topic was deleted and another one has the name.

    A topic that is deleted and made anew keeps its name, and librdkafka goes on in it where it was
    in the old one: without an error, and where the new one has got further by then without a jump
    of the offsets. Records carry no topic id. But librdkafka logs when it takes over another id,
    and hands over that line in its place between the records; so after each `read`

    - `topic_id` is the id of the topic that the last records are of, None where it is not known;
    - `moved` tells that librdkafka had to set back an offset: retention was faster, or the log was
      cut, or it is another topic. The caller sets it to False again.
    """

    def __init__(self, settings: Settings, topic: str, statistics_s: float = 0) -> None:
        self.topic_id: str | None = None
        self.moved = False
        asked_for = client_options(settings).get("debug")
        _log.setLevel(settings.kafka_log_level.upper())
        options = {
            "log_level": 7,
            "debug": f"{asked_for},metadata" if asked_for else "metadata",
            "logger": self,
        }
        super().__init__(settings, topic, statistics_s=statistics_s, options=options)

    def log(self, level: int, template: str, facility: str, name: str, text: str) -> None:
        """Take a line of librdkafka's log, during a read; the level is one of logging's."""
        if facility == "METADATA" and (found := _CHANGED.search(text)):
            if found[1] == self._topic and found[2] != _NO_ID:
                self.topic_id = found[2]
        elif facility == "OFFSET" and level >= logging.WARNING:
            self.moved = True
        _log.log(level, template, facility, name, text)
