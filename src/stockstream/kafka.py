"""The only module that knows confluent_kafka: clients, facts of the topic, errors in our words."""

import contextlib
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import confluent_kafka as ck
import msgspec
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stockstream.config import Settings
from stockstream.errors import KafkaError, KafkaUnavailable, TopicMissing

#: One record as librdkafka hands it over: value(), key(), partition(), offset(), error().
Record = ck.Message

# librdkafka takes syslog's numbers.
_SYSLOG = {"error": 3, "warning": 4, "info": 6, "debug": 7}

_E = ck.KafkaError
_UNAVAILABLE = {
    _E._TRANSPORT, _E._TIMED_OUT, _E._ALL_BROKERS_DOWN, _E._RESOLVE, _E._WAIT_COORD,
    _E.LEADER_NOT_AVAILABLE, _E.NOT_LEADER_FOR_PARTITION, _E.BROKER_NOT_AVAILABLE,
    _E.REQUEST_TIMED_OUT, _E.COORDINATOR_NOT_AVAILABLE, _E.COORDINATOR_LOAD_IN_PROGRESS,
    _E.NOT_COORDINATOR,
}  # fmt: skip
_LEADERLESS = {_E.LEADER_NOT_AVAILABLE, _E.NOT_LEADER_FOR_PARTITION}
# How the cluster id of librdkafka's in-process broker begins.
_IN_PROCESS = "mockCluster"
_MISSING = {_E.UNKNOWN_TOPIC_OR_PART, _E._UNKNOWN_TOPIC, _E._UNKNOWN_PARTITION}


#: An admin client that gets no answer is replaced at most so often.
RENEW_S = 10.0

#: A reader that has heard of no broker for so long goes on with a new client, whatever the old one
#: is stuck in; where Kafka is merely away, the new one waits as well.
SILENT_S = 60.0

#: How long a publisher waits until librdkafka, which is asked for nothing else, reports what it
#: gave up.
REPORTED_S = 1.0

#: How long a group's member waits for its coordinator where librdkafka itself sets no limit.
COORDINATOR_S = 5.0


class TopicInfo(msgspec.Struct, frozen=True):
    """What the cluster says of a topic; `id` is None where the broker has no topic ids."""

    name: str
    id: str | None
    partitions: int


def translate(error: Any) -> KafkaError:
    """Return our error for librdkafka's KafkaError or KafkaException."""
    cause = error.args[0] if isinstance(error, ck.KafkaException) else error
    if not isinstance(cause, ck.KafkaError):
        return KafkaError(str(cause))
    if cause.code() in _UNAVAILABLE:
        return KafkaUnavailable(cause.str())
    if cause.code() in _MISSING:
        return TopicMissing(cause.str())
    return KafkaError(cause.str())


def client_options(settings: Settings) -> dict[str, Any]:
    """Return what every client of ours is created with."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "client.id": "stockstream",
        "log_level": _SYSLOG[settings.kafka_log_level],
        "log.connection.close": False,
        # Back within a second of the broker's return; the default's 10 s is a long gap.
        "reconnect.backoff.max.ms": 1000,
        # With its default, all brokers down means a new set of brokers and no back-off: 20 tries
        # and log lines a second. Our brokers keep their names.
        "metadata.recovery.strategy": "none",
        "allow.auto.create.topics": False,
        "socket.keepalive.enable": True,
        # A machine that is gone refuses nothing and answers nothing: with the default of 60 s for
        # an answer, and 30 s to connect, a lost node stopped a producer for 62 s. Not below the
        # 9 s and a tick of 2 s after which ZooKeeper gives a broker up: until then a leader that
        # is well waits for a follower that is not.
        "socket.timeout.ms": 12_000,
        "socket.connection.setup.timeout.ms": 5_000,
    }
    if settings.kafka_log_level == "debug":
        options["debug"] = "broker,topic,cgrp,fetch,msg"
    return options


class Admin:
    """Asks the cluster about its topics; no call waits longer than `timeout_s`."""

    def __init__(self, settings: Settings, timeout_s: float = 5.0) -> None:
        self._options = client_options(settings)
        self._bootstrap = settings.bootstrap
        self._timeout_s = timeout_s
        self._connect()

    def _connect(self) -> None:
        self._client = AdminClient(self._options)
        self._connected_s = time.monotonic()

    def describe(self, topic: str) -> TopicInfo:
        """Return the topic's id and number of partitions.

        Raises:
            KafkaUnavailable: no broker answered in time.
            TopicMissing: there is no such topic.
        """
        try:
            cluster = self._client.list_topics(topic, timeout=self._timeout_s)
            found = cluster.topics[topic]
            if found.error is not None:
                raise self._translate(found.error, topic)
            # Asking the in-process broker for the id would only time out.
            in_process = (cluster.cluster_id or "").startswith(_IN_PROCESS)
            topic_id = None if in_process else self._topic_id(topic)
            return TopicInfo(topic, topic_id, len(found.partitions))
        except ck.KafkaException as error:
            raise self._translate(error, topic) from error

    def broker_count(self) -> int:
        """Return how many brokers answer for the cluster.

        Raises:
            KafkaUnavailable: none does.
        """
        try:
            return len(self._client.list_topics(timeout=self._timeout_s).brokers)
        except ck.KafkaException as error:
            raise self._translate(error) from error

    def create(
        self,
        topic: str,
        partitions: int,
        replication_factor: int,
        configs: Mapping[str, str],
        dry_run: bool = False,
    ) -> bool:
        """Create the topic; return False where it is already there, whatever it looks like.

        A dry run only asks whether it would be created.

        Raises:
            KafkaError: Kafka refused it.
        """
        wanted = NewTopic(topic, partitions, replication_factor, config=dict(configs))
        future = self._client.create_topics(
            [wanted], request_timeout=self._timeout_s, validate_only=dry_run
        )[topic]
        try:
            self._result(future)
        except ck.KafkaException as error:
            if error.args[0].code() == _E.TOPIC_ALREADY_EXISTS:
                return False
            raise self._translate(error) from error
        return True

    def _result(self, future: Future[Any]) -> Any:
        """Return what the request brought; librdkafka itself ends it after `timeout_s`."""
        try:
            return future.result(self._timeout_s + 1)
        except TimeoutError as error:
            raise KafkaUnavailable(f"no answer within {self._timeout_s + 1:g} s") from error

    def _translate(self, error: ck.KafkaException | ck.KafkaError, topic: str = "") -> KafkaError:
        found = translate(error)
        if isinstance(found, TopicMissing):
            return TopicMissing(
                f"topic {topic} does not exist; `stockstream topics apply` creates those of "
                "config/topics.yml"
            )
        if isinstance(found, KafkaUnavailable):
            # It may be cut off (see `_is_cut_off`), which an admin client cannot tell.
            if time.monotonic() - self._connected_s > RENEW_S:
                self._connect()
            return KafkaUnavailable(f"no broker answers at {self._bootstrap}: {found}")
        return found

    def _topic_id(self, topic: str) -> str | None:
        """Return the topic's id; an old broker has none."""
        wanted = ck.TopicCollection([topic])
        future = self._client.describe_topics(wanted, request_timeout=self._timeout_s)[topic]
        try:
            return str(self._result(future).topic_id)
        except ck.KafkaException as error:
            if error.args[0].code() == _E._UNSUPPORTED_FEATURE:
                return None
            raise


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


class InProcessBroker:
    """librdkafka's own broker, inside this process: in memory, and gone with the process.

    It knows no topic configs and no topic ids; `topic` gets four partitions.
    """

    def __init__(self, topic: str) -> None:
        self._owner = ck.Producer({"test.mock.num.brokers": 1, "log_level": _SYSLOG["error"]})
        try:
            cluster = self._owner.list_topics(topic, timeout=10)  # asking for a topic makes it
        except ck.KafkaException as error:
            raise translate(error) from error
        self.bootstrap = ",".join(f"{b.host}:{b.port}" for b in cluster.brokers.values())


class _BrokerStatistics(msgspec.Struct):
    source: str = ""  # "learned", "configured", or "logical": a role that some broker has
    rxidle: int = -1  # microseconds since its last answer


class _Statistics(msgspec.Struct):
    ts: int  # microseconds
    brokers: dict[str, _BrokerStatistics]


_decode_statistics = msgspec.json.Decoder(_Statistics).decode


def _is_cut_off(statistics: _Statistics) -> bool:
    """Tell whether librdkafka has no broker left to connect to, and will never have one again.

    A broker of ZooKeeper's time answers for a moment after its start that the cluster has no
    brokers. librdkafka (2.13 to 2.16 at least, its issue 5301) believes it and drops those that it
    knows. While Kafka is merely away, it keeps them and tries to connect.
    """
    return not any(b.source in ("learned", "configured") for b in statistics.brokers.values())


def _heard_s_ago(statistics: _Statistics) -> float:
    """Return how long ago a broker was heard of last."""
    idle_us = [b.rxidle for b in statistics.brokers.values() if b.rxidle >= 0]
    return min(idle_us, default=math.inf) / 1e6


class Reader:
    """Reads given partitions from given offsets; no group membership, so it sees all of them.

    `read` is meant to be called by one thread; `error` and `statistics` are what librdkafka
    reported last, during a read. `ends` has the end of each partition that was read to it.
    With `statistics_s` a read also notices a client that is cut off (see `_is_cut_off`) or has
    heard nothing for SILENT_S, and goes on with a new one from the same places.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        group: str = "",
        statistics_s: float = 0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._topic = topic
        self.ends: dict[int, int] = {}
        self.error: str | None = None
        self.failed_commits = 0
        self.statistics: bytes = b""
        self.statistics_at = time.monotonic()
        self._cut_off = False
        self._heard_s = time.monotonic()
        self._starts: dict[int, int] = {}  # where each partition was assigned from
        self._options = {
            **client_options(settings),
            # librdkafka wants a name even where nothing joins; a random one cannot clash.
            "group.id": group or f"reader-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # An offset that retention took goes to the earliest; the caller sees the jump.
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
            "statistics.interval.ms": int(statistics_s * 1000),
            "error_cb": self._on_error,
            "stats_cb": self._on_statistics,
            "on_commit": self._on_commit,
            **(options or {}),
        }
        self._consumer = ck.Consumer(self._options)

    def assign(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions from now on, each from its offset."""
        self.ends.clear()
        self._starts = dict(offsets)
        self._consumer.assign([self._at(p, offset) for p, offset in offsets.items()])

    def add(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions too, each from its offset."""
        self._starts |= offsets
        self._consumer.incremental_assign([self._at(p, offset) for p, offset in offsets.items()])

    def read(
        self, timeout_s: float, limit: int = 10_000, not_before_s: float = 0.0
    ) -> list[Record]:
        """Wait for a first record, then take what else is already there, without waiting again.

        A record that comes before `not_before_s`, by time.monotonic(), waits until then for more.
        """
        first = self._consumer.poll(timeout_s)
        if self._cut_off:
            self._renew()
        if first is None:
            return []
        if (early_s := not_before_s - time.monotonic()) > 0:
            time.sleep(early_s)
        records = [first, *self._consumer.consume(limit, 0)]
        good = [record for record in records if record.error() is None]
        for record in records if len(good) < len(records) else ():
            self._take_note(record)
        return good

    def _take_note(self, record: Record) -> None:
        """Keep what librdkafka hands over in the place of a record."""
        error, partition, offset = record.error(), record.partition(), record.offset()
        if error is None:
            return
        if error.code() != _E._PARTITION_EOF:
            self._on_error(error)
        elif partition is not None and offset is not None:
            self.ends[partition] = offset

    def watermarks(self, partition: int, timeout_s: float = 5.0) -> tuple[int, int]:
        """Return the partition's first offset, and the one that its next record will get.

        A leader that is just changing, as that of a new topic, is asked again.

        Raises:
            KafkaUnavailable: there was no answer in that time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = max(0.1, deadline - time.monotonic())
            try:
                found = self._consumer.get_watermark_offsets(self._at(partition), timeout=left_s)
            except ck.KafkaException as error:
                if error.args[0].code() not in _LEADERLESS or time.monotonic() > deadline:
                    raise translate(error) from error
                time.sleep(0.1)
                continue
            if found is None:
                raise KafkaUnavailable(f"no answer on the offsets of partition {partition}")
            return found

    def offsets_at(self, timestamp_ms: int, partitions: Iterable[int]) -> dict[int, int]:
        """Return where each partition has its first record of that time or later.

        A partition that has none is left out.

        Raises:
            KafkaUnavailable: no broker answered within 5 s.
        """
        wanted = [self._at(partition, timestamp_ms) for partition in partitions]
        try:
            found = self._consumer.offsets_for_times(wanted, timeout=5)
        except ck.KafkaException as error:
            raise translate(error) from error
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def commit(self, positions: Mapping[int, int]) -> None:
        """Write the positions to the group, so that lag shows in the usual tools.

        A commit that fails is counted in `failed_commits`; nothing depends on it.
        """
        offsets = [self._at(p, offset) for p, offset in positions.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except ck.KafkaException:
            self.failed_commits += 1

    def close(self) -> None:
        """Leave at once; nothing is committed."""
        self._drop_client()

    def _renew(self) -> None:
        """Go on with a new client, each partition from behind the last record that was read."""
        read = {p.partition: p.offset for p in self._consumer.position(self._consumer.assignment())}
        places = {
            p: read[p] if read.get(p, -1) >= 0 else start for p, start in self._starts.items()
        }
        self._replace_client()
        self.assign(places)

    def _replace_client(self) -> None:
        self._drop_client()
        self._consumer = ck.Consumer(self._options)
        self._cut_off = False
        self._heard_s = time.monotonic()

    def _drop_client(self) -> None:
        """Let go of the client, which ends it.

        Not with its `close`: that waits for each commit that is under way, and one whose
        coordinator is not known any more is tried again for ever.
        """
        del self._consumer

    def _at(self, partition: int, offset: int = ck.OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self._topic, partition, offset)

    def _on_error(self, error: ck.KafkaError) -> None:
        self.error = error.str()

    def _on_statistics(self, text: str) -> None:
        self.statistics = text.encode()
        self.statistics_at = time.monotonic()
        found = _decode_statistics(text)
        self._hear(found)
        self._cut_off = _is_cut_off(found) or time.monotonic() - self._heard_s > SILENT_S

    def _hear(self, statistics: _Statistics) -> None:
        """Take note of when a broker was heard of last."""
        self._heard_s = max(self._heard_s, time.monotonic() - _heard_s_ago(statistics))

    def _on_commit(self, error: ck.KafkaError | None, places: list[TopicPartition]) -> None:
        self.failed_commits += error is not None


#: Where a partition may be read from, in the place of an offset.
BEGINNING, END = ck.OFFSET_BEGINNING, ck.OFFSET_END

#: A member that was not heard of for this long is taken for dead, and its partitions go on.
SESSION_TIMEOUT_S = 6.0


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
        super()._on_commit(error, places)
        self.commits_under_way -= 1
        errors = [error, *(place.error for place in places)]
        failure = next((translate(each) for each in errors if each is not None), None)
        self._hear_commit({place.partition: place.offset for place in places}, failure)

    def _hear(self, statistics: _Statistics) -> None:
        """Take note of when the coordinator was heard of last: brokers without it are no use."""
        # librdkafka's clock is its own; and what was reported before a process was frozen is old.
        self._clock_ahead_s = min(self._clock_ahead_s, time.monotonic() - statistics.ts / 1e6)
        coordinator = statistics.brokers.get("GroupCoordinator")
        if coordinator and coordinator.rxidle >= 0:
            self.answered_at = (statistics.ts - coordinator.rxidle) / 1e6 + self._clock_ahead_s
            self._heard_s = max(self._heard_s, self.answered_at)


class Publisher:
    """Writes to one topic: each key's values in order, once, and without a hole.

    What Kafka does not acknowledge is sent again for ever. What it refuses for good breaks the
    publisher, with all that came after it, and so does the loss of all brokers (see
    `_is_cut_off`); go on with a new one. `dropped` counts what was given up by `drop_all`, and by
    `drop_queue` once a `poll` has come after it.
    """

    def __init__(self, settings: Settings, topic: str, queue_limit: int = 100_000) -> None:
        self._topic = topic
        self._queue_limit = queue_limit
        self._sent = 0
        self._failed = 0
        self._cut_off = False
        self.dropped = 0
        options = client_options(settings)
        # At "warning" librdkafka calls the guarantee experimental at every start, and counts what
        # was purged on purpose.
        level = _SYSLOG["error"] if settings.kafka_log_level == "warning" else options["log_level"]
        self._producer = ck.Producer(
            {
                **options,
                "log_level": level,
                "acks": "all",
                "enable.idempotence": True,
                # A record that is refused for good is fatal: those behind it would be written.
                "enable.gapless.guarantee": True,
                "message.timeout.ms": 0,
                "linger.ms": 1,
                "queue.buffering.max.messages": queue_limit,
                # 1.5 microseconds a record; what is neither outstanding nor failed was delivered.
                "delivery.report.only.error": True,
                "statistics.interval.ms": 1000,
                "stats_cb": self._on_statistics,
            }
        )

    @property
    def room(self) -> int:
        """How many records the queue has room for."""
        return self._queue_limit - len(self._producer)

    @property
    def outstanding(self) -> int:
        """How many records were sent and are neither acknowledged nor given up."""
        # What librdkafka has to report counts too until it is served: statistics, errors.
        with contextlib.suppress(ck.KafkaException, SystemError):  # `poll` raises it again
            self._producer.poll(0)
        return len(self._producer)

    @property
    def acknowledged(self) -> int:
        """How many records Kafka has acknowledged."""
        outstanding = self.outstanding  # first: what it serves may change the others
        return self._sent - self._failed - self.dropped - outstanding

    @property
    def undelivered(self) -> int:
        """How many records were sent and not acknowledged, whatever became of them."""
        return self._sent - self.acknowledged

    def send(self, partition: int, key: bytes, values: Sequence[bytes]) -> None:
        """Queue the values, at most `room` of them.

        Raises:
            KafkaError: the publisher is broken, or there was no room for the last of them.
        """
        # One by one: produce_batch wants a dictionary a record, and takes a quarter longer.
        produce, on_failure, queued = self._producer.produce, self._on_failure, 0
        try:
            for value in values:
                produce(self._topic, value, key, partition, on_failure)
                queued += 1
        except ck.KafkaException as error:
            raise translate(error) from error
        except BufferError as error:
            raise KafkaError(f"{len(values) - queued} records were not queued: {error}") from error
        finally:
            self._sent += queued

    def poll(self, timeout_s: float = 0) -> None:
        """Take note of what became of the records.

        Raises:
            KafkaError: the publisher is broken.
        """
        try:
            self._producer.poll(timeout_s)
        except ck.KafkaException as error:
            raise translate(error) from error
        except SystemError as error:
            # confluent-kafka 2.16 runs a report's callback with the fatal error already raised.
            raise translate(error.__cause__ or error) from error
        if self._failed:
            raise KafkaError(f"{self._failed} records were not delivered")
        if self._cut_off:
            raise KafkaError("the client has lost all of its brokers")

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is acknowledged; return False where that takes longer.

        Raises:
            KafkaError: the publisher is broken.
        """
        deadline = time.monotonic() + timeout_s
        while self.outstanding and time.monotonic() < deadline:
            self.poll(min(0.1, timeout_s))
        return not self.outstanding

    def drop_queue(self) -> None:
        """Give up what waits to be sent, but not what is under way; send nothing more."""
        self._producer.purge(in_flight=False)

    def drop_all(self) -> None:
        """Give up everything; send nothing more. Kafka may still write what is under way.

        It waits until that is reported: a report that nobody takes holds the client, which would
        look for its brokers for as long as the process lives.
        """
        self._producer.purge()
        deadline = time.monotonic() + REPORTED_S
        while self.outstanding and time.monotonic() < deadline:
            time.sleep(0.01)

    def _on_statistics(self, text: str) -> None:
        self._cut_off = _is_cut_off(_decode_statistics(text))

    def _on_failure(self, error: ck.KafkaError | None, _: Record) -> None:
        if error is not None and error.code() in (_E._PURGE_QUEUE, _E._PURGE_INFLIGHT):
            self.dropped += 1
        else:
            self._failed += 1
