"""The producer: a member of a consumer group that makes the ticks of the partitions it holds."""

import logging
import math
import time
from collections.abc import Mapping

from stockstream.config import Settings
from stockstream.errors import KafkaError
from stockstream.kafka.admin import Admin
from stockstream.kafka.member import SESSION_TIMEOUT_S, Member
from stockstream.kafka.publisher import Publisher
from stockstream.kafka.reader import END
from stockstream.producer.pacing import Pacer
from stockstream.producer.share import Share
from stockstream.stopping import Stop
from stockstream.waiting import RETRY_S, Reminder, wait_for_topic

GROUP = "producers"

#: Without an answer from the group's coordinator for this long no tick is made: after the whole
#: session timeout another replica makes them.
SILENCE_S = SESSION_TIMEOUT_S / 2
#: After a silence the coordinator has to be heard of for this long: the word that the share was
#: lost comes right behind its first answer.
STEADY_S = 1.0
#: A partition is handed over once its ticks are acknowledged, or after this long without.
HAND_OVER_S = 20.0
#: How long the last ticks may take to be acknowledged when the service stops.
STOP_S = 8.0
TOTALS_S = 60.0

_POLL_S = 0.1
#: Ticks between two looks at the group: a few milliseconds' worth.
_BATCH = 1_000

log = logging.getLogger(__name__)


class Producer:
    """Makes the ticks of its share of the symbols until it is asked to stop.

    It is the Rebalance of its own membership: the group's words come during a read.
    """

    def __init__(self, settings: Settings, stop: Stop) -> None:
        self._settings = settings
        self._topic = settings.kafka_topic
        self._stop = stop
        self._admin = Admin(settings, timeout_s=2)
        self._publisher = Publisher(settings, self._topic)
        self._share = Share(settings)
        self._pacer = Pacer(settings.tick_interval)
        self._held: set[int] = set()
        self._rebalanced = False
        self._halted_s: float | None = None
        self._retry_s = 0.0
        self._reminder = Reminder()
        self._told = ""
        self._totals_s = time.monotonic()
        self._made = self._acknowledged = 0
        self._given_up = 0  # ticks that were dropped, and not made again yet

    def run(self) -> int:
        """Make ticks until a stop is requested; return how many were not delivered at the end."""
        if wait_for_topic(self._admin, self._topic, self._stop) is None:
            return 0
        log.info("started on topic %s, as a member of group %s", self._topic, GROUP)
        member = Member(self._settings, self._topic, GROUP, self, paused=True)
        while not self._stop.requested:
            member.read(0 if self._share.searching else self._pacer.wait_s(_POLL_S))
            try:
                self._turn(member.answered_at)
            except KafkaError as error:
                self._start_over(str(error))
        undelivered = self._finish()
        member.close()
        return undelivered

    # What the group says.

    def assigned(self, partitions: set[int]) -> Mapping[int, int]:
        """Hold these partitions too: their ticks are made once the newest ones were found."""
        self._held |= partitions
        self._rebalanced = True
        return dict.fromkeys(partitions, END)

    def revoked(self, partitions: set[int]) -> None:
        """Hand over: the next holder goes on from what was acknowledged."""
        self._release(partitions)
        try:
            if not self._deliver():
                self._start_over(f"ticks were not acknowledged within {HAND_OVER_S:g} s")
        except KafkaError as error:
            self._start_over(str(error))
        log.info("handed over partitions %s", sorted(partitions))

    def lost(self, partitions: set[int]) -> None:
        """Stop at once: another replica may make these ticks already."""
        self._release(partitions)
        self._start_over("the group went on without this replica")

    def _release(self, partitions: set[int]) -> None:
        self._held -= partitions
        self._rebalanced = True
        self._share.release(partitions)

    def _deliver(self) -> bool:
        """Wait until all is acknowledged, for HAND_OVER_S; return whether it is."""
        deadline = time.monotonic() + HAND_OVER_S
        while not self._publisher.flush(RETRY_S):
            if time.monotonic() > deadline:
                return False
            self._stop.beat()  # this is long, but it is no hanging
        return True

    # What is done in a turn of the loop.

    def _turn(self, answered_at_s: float) -> None:
        if not self._in_contact(answered_at_s):
            return
        if self._rebalanced:
            self._update_share()
        if not self._rebalanced:
            self._search_on()
            self._make()
        self._publisher.poll()
        if time.monotonic() - self._totals_s > TOTALS_S:
            self._log_totals()

    def _in_contact(self, answered_at_s: float) -> bool:
        """Return whether the share is surely this replica's own; halt where it may not be."""
        now_s = time.monotonic()
        if not self._held:
            self._halted_s = None
            return True
        if self._halted_s is None:
            if now_s - answered_at_s < SILENCE_S:
                return True
            if answered_at_s > -math.inf:  # else there was no report on it yet
                self._halt(now_s)
            return False
        # What was under way is not dropped but waited for: if it landed after the newest ticks
        # were read, those behind them would be made twice.
        if answered_at_s < self._halted_s + STEADY_S or not self._publisher.flush(RETRY_S):
            return False
        self._halted_s = None
        self._start_over("the group's coordinator answers again")
        return True

    def _halt(self, now_s: float) -> None:
        log.warning("paused: the group's coordinator has not answered for %g s", SILENCE_S)
        self._halted_s = now_s
        self._publisher.drop_queue()

    def _update_share(self) -> None:
        """Take on the symbols of the partitions held, once Kafka tells what the topic is like."""
        # One's own ticks have to be on the topic before the newest is looked for there.
        if time.monotonic() < self._retry_s or not self._publisher.flush(RETRY_S):
            return
        try:
            info = self._admin.describe(self._topic)
        except KafkaError as error:
            self._wait(error)
            return
        self._rebalanced = False
        self._given_up = 0
        self._share.update(info, self._held, SILENCE_S)
        self._pacer.share(len(self._share))
        if str(self._share) != self._told:  # most of a rebalance's steps change nothing here
            self._told = str(self._share)
            log.info("makes %s", self._told)

    def _search_on(self) -> None:
        if not self._share.searching:
            return
        try:
            self._share.search_on()
            self._pacer.share(len(self._share))
        except KafkaError as error:
            self._rebalanced = True
            self._wait(error)

    def _make(self) -> None:
        """Make the ticks that are due, or none while the queue is full: then the market pauses."""
        room = self._publisher.room
        if room == 0:
            self._publisher.poll(_POLL_S)
        due = self._pacer.take(min(room, _BATCH))
        if not due:
            return
        for run, records in self._share.make(due, time.time_ns() // 1_000_000):
            self._publisher.send(run.partition, run.key, records)
        self._made += due

    def _start_over(self, reason: str) -> None:
        """Give up what is not acknowledged, and go on from the newest ticks on the topic."""
        log.warning("starts over: %s", reason)
        self._acknowledged += self._publisher.acknowledged
        self._given_up += self._publisher.undelivered
        self._publisher.drop_all()
        self._publisher = Publisher(self._settings, self._topic)
        self._share.clear()
        self._rebalanced = True
        self._retry_s = time.monotonic() + RETRY_S

    def _wait(self, error: KafkaError) -> None:
        self._retry_s = time.monotonic() + RETRY_S
        if self._reminder.due():
            log.warning("waiting: %s", error)

    def _finish(self) -> int:
        """Get the last ticks acknowledged, within STOP_S; return how many were not."""
        self._share.clear()
        try:
            self._publisher.flush(STOP_S)
        except KafkaError as error:
            log.error("the last ticks: %s", error)
        undelivered = self._publisher.undelivered + self._given_up
        self._log_totals()
        self._publisher.drop_all()
        return undelivered

    def _log_totals(self) -> None:
        """Say what was made; ticks given up at a pause were made again with their sequence."""
        acknowledged = self._acknowledged + self._publisher.acknowledged
        log.info("%d ticks made, %d acknowledged; makes %s", self._made, acknowledged, self._share)
        self._totals_s = time.monotonic()
