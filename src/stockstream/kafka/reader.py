"""Reads given partitions from given offsets."""

import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import confluent_kafka as ck
from confluent_kafka import TopicPartition

from stockstream.config import Settings
from stockstream.errors import KafkaUnavailable
from stockstream.kafka.client import client_options, translate
from stockstream.kafka.report import Report, decode_report

#: One record as librdkafka hands it over: value(), key(), partition(), offset(), error().
Record = ck.Message

#: The kind of a record's timestamp() where the broker has set it.
LOG_APPEND_TIME = ck.TIMESTAMP_LOG_APPEND_TIME

#: In the place of an offset: a partition is read from what comes after now.
END = ck.OFFSET_END

#: A reader that has heard of no broker for so long goes on with a new client, whatever the old one
#: is stuck in; where Kafka is merely away, the new one waits as well.
SILENT_S = 60.0

log = logging.getLogger(__name__)

_E = ck.KafkaError
_LEADERLESS = {_E.LEADER_NOT_AVAILABLE, _E.NOT_LEADER_FOR_PARTITION}


class Reader:
    """Reads given partitions from given offsets; no group membership, so it sees all of them.

    `read` is meant to be called by one thread; `error` and `statistics` are what librdkafka
    reported last, during a read. `ends` has the end of each partition that was read to it.
    With `statistics_s` a read also notices a client that is cut off (see `Report.cut_off`) or has
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

    def close(self) -> None:
        """Leave at once; nothing is committed."""
        self._drop_client()

    def _renew(self) -> None:
        """Go on with a new client, each partition from behind the last record that was read."""
        log.warning("Kafka has been silent: %s is read with a new client", self._topic)
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
        coordinator is not known any more is tried again for ever. To let go of such a client takes
        45 s, with a thread of it at full speed; so what only reads does not commit.
        """
        del self._consumer

    def _at(self, partition: int, offset: int = ck.OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self._topic, partition, offset)

    def _on_error(self, error: ck.KafkaError) -> None:
        self.error = error.str()

    def _on_statistics(self, text: str) -> None:
        self.statistics = text.encode()
        self.statistics_at = time.monotonic()
        report = decode_report(text)
        self._hear(report)
        self._cut_off = report.cut_off or time.monotonic() - self._heard_s > SILENT_S

    def _hear(self, report: Report) -> None:
        """Take note of when a broker was heard of last."""
        self._heard_s = max(self._heard_s, time.monotonic() - report.heard_s_ago)
