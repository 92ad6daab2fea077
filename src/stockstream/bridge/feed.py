"""From the topic to the hub: every partition, read by this process alone."""

import logging
import time
import uuid

import gevent
from gevent.event import Event

from stockstream.bridge.hub import Hub
from stockstream.bridge.leaders import Leaders
from stockstream.bridge.native import NativeThread
from stockstream.bridge.roster import Roster
from stockstream.bridge.stats import Stats
from stockstream.config import Settings
from stockstream.errors import KafkaError, TopicMissing
from stockstream.kafka.admin import Admin, TopicInfo
from stockstream.kafka.reader import Record
from stockstream.kafka.topic_reader import TopicReader
from stockstream.records import Records
from stockstream.tails import read_tails
from stockstream.tick import Stored
from stockstream.waiting import Reminder

#: CONSUMER_GROUP's default here. The group is only written to: it has no members.
GROUP = "websocket-consumers"

POLL_S = 0.5
#: A batch is decoded and framed without a pause, which must not be felt by the clients: 5 ms.
BATCH_LIMIT = 2_000
#: The least that is rested after a batch: to wake for one costs as much as 30 writes.
LEAST_REST_S = 0.002
TOPIC_CHECK_S = 5.0
LOG_S = 10.0
#: How far back the first snapshots are looked for: a symbol that is rarer has none at first.
TAIL_LIMIT = 100_000

log = logging.getLogger(__name__)


class Feed:
    """Follows the topic for as long as the bridge lives, through every absence of Kafka."""

    def __init__(self, settings: Settings, hub: Hub, stats: Stats) -> None:
        self._settings = settings
        self._topic = settings.kafka_topic
        self._hub = hub
        self._stats = stats
        self._thread = NativeThread()
        self._admin_thread = NativeThread()
        self._admin: Admin | None = None
        self._reader: TopicReader | None = None
        self._info: TopicInfo | None = None  # the topic as it was seen last
        self._look = Event()  # set: the topic is looked at now
        self._leaders = Leaders()
        self._problem: str | None = "Kafka has not answered yet"
        self._stopping = False
        self._failure: BaseException | None = None
        self._logged_s = -LOG_S
        self.records = Records(settings.max_clock_ahead)
        self._new_run = Reminder()
        hub.on_new_run = self._tell_new_run
        hub.on_fault = self.records.fail

    def run(self) -> None:
        """Follow the topic until `stop`; a re-created topic is followed anew."""
        checker = gevent.spawn(self._check_topic)
        checker.link_exception(self._fail)
        while not self._stopping:
            try:
                self._wait_for_topic()
                self._follow()
            except KafkaError as error:
                self._report(str(error))
                gevent.sleep(1)
        checker.kill()
        if self._failure is not None:
            raise self._failure

    def _fail(self, checker: gevent.Greenlet) -> None:
        """End `run` too: a feed whose topic is looked at no more would not notice a new one."""
        self._failure = checker.exception
        self._stopping = True

    def stop(self) -> None:
        """End `run` within a poll's time."""
        self._stopping = True

    def problem(self) -> str | None:
        """Return why no ticks can come, or None; that none come is no problem."""
        return self._problem or self._leaders.problem()

    def tick_age_ms(self) -> int | None:
        """Return the age of the newest tick, or None where there is none yet.

        A tick that claims to be from the future is no younger than its record.
        """
        times = [stored.time_ms for stored in self._hub.newest.values()]
        return max(0, time.time_ns() // 1_000_000 - max(times)) if times else None

    def lag(self) -> dict[int, int]:
        """Return how many records of each partition have not been read, as of the last second."""
        positions = self._hub.positions
        return {p: max(0, end - positions.get(p, end)) for p, end in self._leaders.ends.items()}

    def _wait_for_topic(self) -> None:
        while self._info is None and not self._stopping:
            gevent.sleep(0.1)

    def _check_topic(self) -> None:
        """Ask for the topic again and again: it may be missing, grow, or be made anew."""
        while True:
            try:
                self._info = self._admin_thread.call(self._describe)
                if self._reader and self._admin:
                    self._problem = None
                    if self._hub.positions:  # a topic without partitions has nothing to commit
                        self._commit(self._admin, dict(self._hub.positions))
            except TopicMissing:
                self._report(f"topic {self._topic} does not exist: create it")
            except KafkaError as error:
                # While the topic is being read, its leaders tell whether Kafka is there.
                if self._reader is None:
                    self._report(f"Kafka has not answered: {error}")
            self._look.wait(TOPIC_CHECK_S if self._info else 1)
            self._look.clear()

    def _commit(self, admin: Admin, positions: dict[int, int]) -> None:
        """Write the positions to the group; nothing depends on it but the lag that tools show."""
        group = self._settings.consumer_group or GROUP
        try:
            self._admin_thread.call(admin.commit, group, self._topic, positions)
        except KafkaError as error:
            self._stats.failed_commits += 1
            log.debug("the positions were not committed: %s", error)

    def _describe(self) -> TopicInfo:
        if self._admin is None:
            self._admin = Admin(self._settings)
        return self._admin.describe(self._topic)

    def _follow(self) -> None:
        """Read the topic until it is deleted and created again."""
        info = self._info
        if info is None:
            return
        reader = self._thread.call(TopicReader, self._settings, self._topic, statistics_s=1)
        try:
            if self._open(reader, info):
                self._reader = reader
                self._pump(reader, info)
        finally:
            self._reader = None
            self._thread.call(reader.close)

    def _open(self, reader: TopicReader, info: TopicInfo) -> bool:
        """Fill the hub with the newest ticks; return False if they are of another topic."""
        configured = self._settings.stock_symbols
        self.records.admits = Roster(configured, self._settings.max_symbols).admits
        tails = self._thread.call(
            read_tails, reader, self.records, range(info.partitions), configured, TAIL_LIMIT
        )
        if not self._is_same(reader, info):
            return False
        self._thread.call(reader.assign, tails.ends)
        self._leaders = Leaders()
        self._leaders.expect(info.partitions)
        self._problem = None
        # A broker without topic ids keeps nothing: its topic is a new one for each reader.
        self._hub.open(info.id or str(uuid.uuid4()), tails.newest, tails.ends)
        log.info("following %s from %s", self._topic, tails.ends)
        return True

    def _is_same(self, reader: TopicReader, info: TopicInfo) -> bool:
        """Return whether what was read is of the topic `info`; else look for the new one.

        Published, a re-created topic's ticks would have the old epoch, and pass for repeats.
        """
        if reader.moved:
            reader.moved = False
            self._confirm()
        # librdkafka's own broker has an id that only its metadata tell, and no other topic.
        same = info.id is None or reader.topic_id in (None, info.id)
        if same and self._info is not None and self._info.id == info.id:
            return True
        log.warning("%s was made anew", self._topic)
        self._info = None
        self._look.set()
        return False

    def _confirm(self) -> None:
        """Ask for the topic until Kafka answers; a topic that is missing is another one."""
        self._info = None
        while self._info is None and not self._stopping:
            try:
                self._info = self._admin_thread.call(self._describe)
            except TopicMissing:
                return
            except KafkaError as error:
                self._report(f"Kafka has not answered: {error}")
                gevent.sleep(1)

    def _pump(self, reader: TopicReader, info: TopicInfo) -> None:
        statistics_s = time.monotonic()
        rested_s = 0.0
        while not self._stopping:
            records = self._thread.call(reader.read, POLL_S, BATCH_LIMIT, rested_s)
            if not self._is_same(reader, info):
                return
            if records:
                rested_s = self._publish_timed(records)
            if reader.statistics_at > statistics_s:
                statistics_s = reader.statistics_at
                self._leaders.update(reader.statistics, statistics_s)
            self._adopt_new_partitions(reader)

    def _adopt_new_partitions(self, reader: TopicReader) -> None:
        """Read partitions that the topic did not have before, from their beginning."""
        known = len(self._hub.positions)
        if self._info is None or self._info.partitions <= known:
            return
        added = dict.fromkeys(range(known, self._info.partitions), 0)
        self._thread.call(reader.add, added)
        self._hub.positions.update(added)
        self._leaders.expect(self._info.partitions)
        log.info("%s has %d partitions now", self._topic, self._info.partitions)

    def _publish_timed(self, records: list[Record]) -> float:
        """Publish; return when the next batch may begin: as long after this as this one took.

        At low rates the time is over before there is a next batch; under load a write carries more
        ticks, and half of the core stays free for everything else.
        """
        started_s = time.monotonic()
        self._publish(records)
        ended_s = time.monotonic()
        return ended_s + max(LEAST_REST_S, ended_s - started_s)

    def _publish(self, records: list[Record]) -> None:
        ticks: list[Stored] = []
        positions = dict(self._hub.positions)
        for partition, offset, stored in self.records.read(records):
            # Offsets have no holes here; a jump is what retention took before it was read.
            self._stats.missed += max(0, offset - positions.get(partition, offset))
            positions[partition] = offset + 1
            if stored is not None:
                ticks.append(stored)
        self._hub.publish(ticks, positions)

    def _tell_new_run(self, stored: Stored, last: Stored) -> None:
        if self._new_run.due():
            log.warning(
                "%s counts anew: sequence %d after %d, at partition %d, offset %d (%d new runs)",
                stored.tick.symbol, stored.tick.sequence, last.tick.sequence,
                stored.partition, stored.offset, self._stats.new_runs,
            )  # fmt: skip

    def _report(self, problem: str) -> None:
        self._problem = problem
        if time.monotonic() - self._logged_s >= LOG_S:
            self._logged_s = time.monotonic()
            log.warning("waiting: %s", problem)
