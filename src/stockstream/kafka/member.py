"""Reads its share of the partitions, as a member of a consumer group."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

import confluent_kafka as ck
from confluent_kafka import TopicPartition

from stockstream.config import Settings
from stockstream.errors import KafkaError, KafkaUnavailable
from stockstream.kafka.client import translate
from stockstream.kafka.reader import Reader
from stockstream.kafka.report import Report

#: A member that was not heard of for this long is taken for dead, and its partitions go on.
SESSION_TIMEOUT_S = 6.0

#: How long a member waits for its group's coordinator where librdkafka itself sets no limit.
COORDINATOR_S = 5.0


class Rebalance(Protocol):
    """What a group's member does when its share of the partitions changes, during a `read`."""

    def assigned(self, partitions: set[int]) -> Mapping[int, int]:
        """Take these partitions too, also none of them; return where to read each from."""

    def revoked(self, partitions: set[int]) -> None:
        """Finish with these partitions: another member gets them after the return."""

    def lost(self, partitions: set[int]) -> None:
        """Stop with these partitions: another member may have them already."""


class Member(Reader):
    """Reads its share of the partitions, as a member of a consumer group.

    `answered_at` is when the group's coordinator was heard of last, by time.monotonic();
    `commits_under_way` counts those that it has not answered. How a commit has ended `on_commit`
    hears during a read: its positions, and the error if there was one.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        group: str,
        rebalance: Rebalance,
        paused: bool = False,
        on_commit: Callable[[Mapping[int, int], KafkaError | None], None] = lambda *_: None,
    ) -> None:
        self.answered_at = -math.inf
        self.commits_under_way = 0
        self._hear_commit = on_commit
        self._rebalance = rebalance
        self._paused = paused
        self._clock_ahead_s = math.inf
        timeouts = {
            "session.timeout.ms": int(SESSION_TIMEOUT_S * 1000),
            "heartbeat.interval.ms": 1000,
            # A member that hangs holds up the others' share for no longer than this.
            "max.poll.interval.ms": 30_000,
            # New partitions are shared out within this time; the default is five minutes.
            "topic.metadata.refresh.interval.ms": 10_000,
            "partition.assignment.strategy": "cooperative-sticky",
            "on_commit": self._on_commit,
        }
        super().__init__(settings, topic, group, statistics_s=0.5, options=timeouts)
        self._join()

    def committed(self, partitions: Iterable[int], timeout_s: float = 5.0) -> dict[int, int]:
        """Return the group's position in each partition; one without is left out.

        Raises:
            KafkaUnavailable: the coordinator did not answer in time.
        """
        try:
            found = self._consumer.committed([self._at(p) for p in partitions], timeout_s)
        except ck.KafkaException as error:
            raise translate(error) from error
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def commit(self, positions: Mapping[int, int]) -> None:
        """Write the positions to the group, without waiting for the coordinator.

        It may be silent for ever, and a wait in another thread would hold up this one too:
        confluent-kafka lets a second one in only once the first has left the client.
        """
        offsets = [self._at(p, offset) for p, offset in positions.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except ck.KafkaException as error:
            self._hear_commit(positions, translate(error))
        else:
            self.commits_under_way += 1

    def close(self) -> None:
        """Leave the group, whose others get the share at once where the coordinator answers."""
        with contextlib.suppress(KafkaUnavailable):
            _within(COORDINATOR_S, self._consumer.close)

    def _join(self) -> None:
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def _renew(self) -> None:
        """Join the group anew: by now it may have given the share to others."""
        self._rebalance.lost({place.partition for place in self._consumer.assignment()})
        self._replace_client()
        self.commits_under_way = 0
        self._join()

    def _drop_client(self) -> None:
        """Let go of the client in a thread of its own: with a commit under way it takes 45 s."""
        held = [self._consumer]
        del self._consumer
        threading.Thread(target=held.clear, daemon=True).start()

    def _on_assign(self, _: ck.Consumer, places: list[TopicPartition]) -> None:
        offsets = self._rebalance.assigned({place.partition for place in places})
        self.add(offsets)
        if self._paused:
            self._consumer.pause(places)

    def _on_revoke(self, consumer: ck.Consumer, places: list[TopicPartition]) -> None:
        if consumer is self._consumer:  # else one that was replaced is closed
            self._rebalance.revoked({place.partition for place in places})

    def _on_lost(self, consumer: ck.Consumer, places: list[TopicPartition]) -> None:
        if consumer is self._consumer:
            self._rebalance.lost({place.partition for place in places})

    def _on_commit(self, error: ck.KafkaError | None, places: list[TopicPartition]) -> None:
        self.commits_under_way -= 1
        errors = [error, *(place.error for place in places)]
        failure = next((translate(each) for each in errors if each is not None), None)
        self._hear_commit({place.partition: place.offset for place in places}, failure)

    def _hear(self, report: Report) -> None:
        """Take note of when the coordinator was heard of last: brokers without it are no use."""
        # librdkafka's clock is its own; and what was reported before a process was frozen is old.
        self._clock_ahead_s = min(self._clock_ahead_s, time.monotonic() - report.ts / 1e6)
        coordinator = report.brokers.get("GroupCoordinator")
        if coordinator and coordinator.rxidle >= 0:
            self.answered_at = (report.ts - coordinator.rxidle) / 1e6 + self._clock_ahead_s
            self._heard_s = max(self._heard_s, self.answered_at)


def _within(timeout_s: float, call: Callable[[], Any]) -> Any:
    """Return what the call returns, if it does so in time; else it goes on in a thread of its own.

    Raises:
        KafkaUnavailable: it takes longer.
    """
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return future.result(timeout_s)
    except TimeoutError as error:
        raise KafkaUnavailable(f"no answer within {timeout_s:g} s") from error
