"""The reader's questions: an answer that is only late is waited for, any other error is told."""

import confluent_kafka as ck
import pytest

from stockstream import config
from stockstream.errors import KafkaUnavailable, TopicMissing
from stockstream.kafka.reader import Reader

E = ck.KafkaError


class Answers:
    """A consumer that answers each question with the next of these, and the last for ever."""

    def __init__(self, *answers: int | tuple[int, int]) -> None:
        self._answers = list(answers)

    def get_watermark_offsets(self, *_: object, **__: object) -> tuple[int, int]:
        """Return the next answer, or raise it."""
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, int):
            raise ck.KafkaException(ck.KafkaError(answer))
        return answer


def ask(free_port: int, *answers: int | tuple[int, int]) -> tuple[int, int]:
    """Return what the reader makes of these answers; no broker can be made to give them."""
    settings = config.load({"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"})
    reader = Reader(settings, "ticks")
    reader._consumer = Answers(*answers)
    return reader.watermarks(0, timeout_s=0.5)


def test_watermarks_of_a_leader_that_is_changing_are_asked_again(free_port: int) -> None:
    """A new topic's broker knows of its leadership a moment later than of the topic."""
    changing = (E.NOT_LEADER_FOR_PARTITION, E.LEADER_NOT_AVAILABLE)
    assert ask(free_port, *changing, (3, 9)) == (3, 9)


def test_watermarks_of_a_leader_that_stays_away_end_in_time(free_port: int) -> None:
    """The wait is bounded."""
    with pytest.raises(KafkaUnavailable, match="Not leader for partition"):
        ask(free_port, E.NOT_LEADER_FOR_PARTITION)


def test_watermarks_of_a_missing_topic_are_not_waited_for(free_port: int) -> None:
    """What asking again does not change is told at once."""
    with pytest.raises(TopicMissing):
        ask(free_port, E.UNKNOWN_TOPIC_OR_PART, (3, 9))
