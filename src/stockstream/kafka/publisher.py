"""Writes each key's values in order, once, and without a hole."""

import contextlib
import time
from collections.abc import Sequence

import confluent_kafka as ck

from stockstream.config import Settings
from stockstream.errors import KafkaError
from stockstream.kafka.client import LOG_LEVELS, client_options, translate
from stockstream.kafka.report import decode_report

#: How long a publisher waits until librdkafka, which is asked for nothing else, reports what it
#: gave up.
REPORTED_S = 1.0

_E = ck.KafkaError


class Publisher:
    """Writes to one topic: each key's values in order, once, and without a hole.

    What Kafka does not acknowledge is sent again for ever. What it refuses for good breaks the
    publisher, with all that came after it, and so does the loss of all brokers (`Report.cut_off`);
    go on with a new one. `dropped` counts what was given up by `drop_all`, and by `drop_queue`
    once a `poll` has come after it.
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
        quiet = settings.kafka_log_level == "warning"
        self._producer = ck.Producer(
            {
                **options,
                "log_level": LOG_LEVELS["error"] if quiet else options["log_level"],
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
        self._cut_off = decode_report(text).cut_off

    def _on_failure(self, error: ck.KafkaError | None, _: ck.Message) -> None:
        if error is not None and error.code() in (_E._PURGE_QUEUE, _E._PURGE_INFLIGHT):
            self.dropped += 1
        else:
            self._failed += 1
