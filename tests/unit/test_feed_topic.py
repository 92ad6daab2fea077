"""Whether the bridge publishes what it has read: only where it is of the topic that it follows."""

from types import SimpleNamespace

import gevent
import pytest

from stockstream import config
from stockstream.bridge.feed import Feed
from stockstream.bridge.hub import Hub
from stockstream.bridge.stats import Stats
from stockstream.errors import KafkaUnavailable, TopicMissing
from stockstream.kafka.admin import TopicInfo

INFO = TopicInfo("ticks", "old", 3)
OTHER = TopicInfo("ticks", "new", 3)
Answer = TopicInfo | Exception


def is_same(topic_id: str | None, moved: bool, *answers: Answer) -> tuple[bool, int]:
    """Return what the feed makes of such a reader, and how often it asked Kafka for the topic."""
    stats = Stats()
    feed = Feed(config.load({}), Hub((), {}, stats), stats)
    feed._info = INFO
    left = list(answers)

    def describe() -> TopicInfo:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    feed._describe = describe  # type: ignore[method-assign]
    reader = SimpleNamespace(topic_id=topic_id, moved=moved)
    return feed._is_same(reader, INFO), len(answers) - len(left)  # type: ignore[arg-type]


def test_feed_known_id_is_not_asked_for() -> None:
    """Each batch comes by here."""
    assert is_same("old", False) == (True, 0)
    assert is_same(None, False) == (True, 0)
    assert is_same("new", False) == (False, 0)


@pytest.mark.parametrize(
    ("answers", "same"),
    [
        ([INFO], True),
        ([OTHER], False),
        ([KafkaUnavailable("nobody answers"), INFO], True),
        ([KafkaUnavailable("nobody answers"), OTHER], False),
        ([TopicMissing("it is gone")], False),
    ],
)
def test_feed_offset_that_was_set_back_is_confirmed_first(
    answers: list[Answer], same: bool
) -> None:
    """However long Kafka takes to answer, nothing is published before."""
    assert is_same("old", True, *answers) == (same, len(answers))


def test_feed_ends_by_what_its_look_at_the_topic_ended_by(monkeypatch) -> None:
    """A feed that looks at the topic no more would follow a deleted one for ever."""

    def fail(self: Feed) -> TopicInfo:
        raise ValueError("made to fail by the test")

    monkeypatch.setattr(Feed, "_describe", fail)
    running = gevent.spawn(Feed(config.load({}), Hub((), {}, Stats()), Stats()).run)
    with pytest.raises(ValueError, match="made to fail"):
        running.get(timeout=120)
