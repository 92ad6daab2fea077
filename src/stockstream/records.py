"""From records to ticks: what every reader of the topic takes, and what it refuses."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from stockstream import tick
from stockstream.errors import RecordError
from stockstream.kafka.reader import LOG_APPEND_TIME, Record
from stockstream.tick import Stored
from stockstream.waiting import Reminder

#: Why a record is refused: the metric's label, and the words for a person.
REASONS = {
    "not_a_tick": "records that are no ticks",
    "ahead": "ticks whose timestamp is more than MAX_CLOCK_AHEAD ahead of their record's",
    "too_many_symbols": "ticks of symbols beyond MAX_SYMBOLS",
    "fault": "records that a fault of the reader kept it from reading (its log has more)",
}
#: How long a refusal is worth a warning.
WARN_S = 60.0

log = logging.getLogger(__name__)


class Records:
    """Reads records to ticks; what it refuses it counts, and tells in the log every 10 s.

    One record never ends a reader: whatever goes wrong with it, the next one is read.
    `admits` says whether a symbol is taken; `refused` counts records by `REASONS`.
    """

    def __init__(self, max_ahead_s: float) -> None:
        self.refused: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.admits: Callable[[str], bool] = lambda symbol: True
        self._max_ahead_ms = int(max_ahead_s * 1000)
        self._reminder = Reminder()
        self._untold: Counter[str] = Counter()
        # All of them from the start: /health reads it while another thread may refuse one.
        self._refused_s = dict.fromkeys(REASONS, -math.inf)
        self._told_of_create_time = False

    def read(self, records: Iterable[Record]) -> Iterator[tuple[int, int, Stored | None]]:
        """Yield each record's partition, offset and tick; None where the record is refused."""
        for record in records:
            partition, offset = record.partition(), record.offset()
            if partition is not None and offset is not None:  # else it was never on a topic
                yield partition, offset, self._take(record, partition, offset)

    def fail(self, stored: Stored, error: Exception) -> None:
        """Count a tick that was read, and that the reader then failed on."""
        self._refuse("fault", stored.partition, stored.offset, repr(error))

    def warnings(self) -> list[str]:
        """Return a line on each reason for which a record was refused in the last minute."""
        since_s = time.monotonic() - WARN_S
        return [
            f"{self.refused[reason]} {REASONS[reason]} were refused, the last within a minute"
            for reason, at_s in self._refused_s.items()
            if at_s > since_s
        ]

    def _take(self, record: Record, partition: int, offset: int) -> Stored | None:
        try:
            found = tick.decode(record.value())
            kind, arrived_ms = record.timestamp()
            if kind != LOG_APPEND_TIME:
                arrived_ms = self._stand_in_ms()
            elif (ahead_ms := found.timestamp - arrived_ms) > self._max_ahead_ms:
                self._refuse("ahead", partition, offset, f"{ahead_ms / 1000:g} s ahead")
                return None
            if self.admits(found.symbol):
                return Stored(found, partition, offset, arrived_ms)
            self._refuse("too_many_symbols", partition, offset, found.symbol)
        except RecordError as error:
            self._refuse("not_a_tick", partition, offset, str(error))
        except MemoryError:
            raise  # the process is at its end; the record is not the reason
        except Exception as error:
            # The last resort, for what nobody thought of: a reader that ended here would meet the
            # same record again after each restart, for as long as the topic keeps it.
            self._refuse("fault", partition, offset, repr(error))
        return None

    def _stand_in_ms(self) -> int:
        """Return the reader's own time in the place of the producers' word, which proves nothing.

        It refuses no tick, because two readers could judge differently.
        """
        if not self._told_of_create_time:
            self._told_of_create_time = True
            log.info(
                "records carry their producers' time (message.timestamp.type is CreateTime): no "
                "tick is refused for being ahead; `stockstream topics apply` changes the topic"
            )
        return time.time_ns() // 1_000_000

    def _refuse(self, reason: str, partition: int, offset: int, why: str) -> None:
        self.refused[reason] += 1
        self._untold[reason] += 1
        self._refused_s[reason] = time.monotonic()
        if self._reminder.due():
            log.warning(
                "skipped %s; last: partition %d, offset %d: %s",
                ", ".join(f"{count} {REASONS[each]}" for each, count in self._untold.items()),
                partition, offset, why,
            )  # fmt: skip
            self._untold.clear()
