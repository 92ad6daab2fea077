"""The console consumer: an ordinary member of a group that prints its share of the ticks."""

import logging
import os
import sys
import time
from collections.abc import Collection, Mapping

from stockstream.config import Settings
from stockstream.console.display import Display
from stockstream.errors import KafkaError
from stockstream.kafka.admin import Admin
from stockstream.kafka.member import Member
from stockstream.kafka.reader import Record
from stockstream.records import Records
from stockstream.stopping import Stop
from stockstream.tick import Stored
from stockstream.waiting import Reminder, wait_for_topic

#: CONSUMER_GROUP's default here.
GROUP = "console-consumers"

#: What a killed consumer prints again at the most, in time; each commit is a round trip.
COMMIT_S = 1.0
#: Where a new share begins is committed before it is printed, unless that takes longer.
START_S = 5.0
_POLL_S = 0.5

log = logging.getLogger(__name__)


class ConsoleConsumer:
    """Prints first and commits after: a line may come twice after a crash, but none is missed.

    It is the Rebalance of its own membership: the group's words come during a read.
    """

    def __init__(
        self,
        settings: Settings,
        stop: Stop,
        display: Display,
        symbols: Collection[str] = (),
        from_beginning: bool = False,
    ) -> None:
        self._settings = settings
        self._display = display
        self._symbols = symbols
        self._from_beginning = from_beginning
        self._known: set[int] = set()  # partitions of which the group has a position of ours
        self._reached: dict[int, int] = {}  # next offsets, whether the group has them or not
        self._share: set[int] = set()
        self._printed: dict[int, int] = {}  # next offsets that are not committed yet
        self._read: list[Record] = []  # what is not printed yet
        self._beginning: set[int] = set()  # partitions whose start is not committed yet
        self._begun_s = self._committed_s = time.monotonic()
        self._records = Records(settings.max_clock_ahead)
        self._reminder = Reminder()
        self._stop = stop
        self._member: Member | None = None

    def run(self) -> None:
        """Print until a stop is requested, or until nobody reads what is printed."""
        topic = self._settings.kafka_topic
        if wait_for_topic(Admin(self._settings, timeout_s=2), topic, self._stop) is None:
            return
        group = self._settings.consumer_group or GROUP
        self._member = member = Member(
            self._settings, topic, group, self, on_commit=self._hear_commit
        )
        try:
            with self._display:
                while not self._stop.requested:
                    self._turn(member)
        except BrokenPipeError:
            # The reader (head, less) has what it wanted. Python would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        finally:
            member.close()  # which revokes the share

    def _turn(self, member: Member) -> None:
        """Read; commit what was printed before; print, once the share's start is committed."""
        records = member.read(_POLL_S)  # during which the share may change
        self._read += records
        now_s = time.monotonic()
        if now_s - self._committed_s > COMMIT_S and not member.commits_under_way:
            self._commit()
        if not self._beginning or now_s - self._begun_s > START_S:
            due, self._read = self._read, []
            self._print(due)
        self._report_silence(member)

    # What the group says.

    def assigned(self, partitions: set[int]) -> Mapping[int, int]:
        """Go on from the group's position; where there is none, from now on.

        Where it begins is committed before anything is printed: killed before its first commit,
        it would otherwise leave no position, and the next one would begin further on. A share
        that is lost before that commit has arrived, and comes back, begins where it did.
        """
        fresh = partitions - self._known if self._from_beginning else set()
        starts = self._starts(partitions, fresh)
        self._reached |= starts
        self._share |= partitions
        self._printed |= starts
        self._beginning |= starts.keys()
        self._begun_s = time.monotonic()
        self._commit()
        return starts

    def revoked(self, partitions: set[int]) -> None:
        """Commit what was printed: another member goes on from there.

        librdkafka gives the partitions up once the commit has ended.
        """
        self._commit()
        self.lost(partitions)

    def lost(self, partitions: set[int]) -> None:
        """Forget the positions, and what is not printed: it is another member's now."""
        self._share -= partitions
        self._beginning -= partitions
        self._read = [record for record in self._read if record.partition() in self._share]
        for partition in partitions:
            self._printed.pop(partition, None)

    def _starts(self, partitions: set[int], fresh: set[int]) -> dict[int, int]:
        """Return where to read each partition from, however long it takes to find out.

        It cannot be guessed: from the end on, ticks would be missed.
        """
        member = self._member
        while member and partitions and not self._stop.requested:
            try:
                known = partitions - fresh
                found = member.committed(known) if known else {}
                for partition in partitions - found.keys():
                    first, end = member.watermarks(partition)
                    start = first if partition in fresh else end
                    found[partition] = self._reached.get(partition, start)
                return found
            except KafkaError as error:
                if self._reminder.due():
                    log.warning("waiting for the group's positions: %s", error)
        return {}

    # What is done in a turn of the loop.

    def _print(self, records: list[Record]) -> None:
        ticks: list[Stored] = []
        positions: dict[int, int] = {}
        # A partition may have been given up during the read that its records came with.
        kept = (record for record in records if record.partition() in self._share)
        for partition, offset, found in self._records.read(kept):
            positions[partition] = offset + 1
            if found and (not self._symbols or found.tick.symbol in self._symbols):
                ticks.append(found)
        if ticks:
            self._display.show(ticks)
        self._printed |= positions
        self._reached |= positions

    def _report_silence(self, member: Member) -> None:
        if member.error is not None and self._reminder.due():
            log.warning("Kafka: %s", member.error)
            member.error = None

    def _commit(self) -> None:
        """Commit what has been printed; what fails is with the next one."""
        self._committed_s = time.monotonic()
        if self._member is not None and self._printed:
            self._member.commit(self._printed)

    def _hear_commit(self, positions: Mapping[int, int], error: KafkaError | None) -> None:
        """Take note of a commit that has ended."""
        self._beginning -= positions.keys()
        if error is None:
            self._known |= positions.keys()
            self._printed = dict(self._printed.items() - positions.items())
        elif self._reminder.due():
            log.warning("the positions were not committed: %s", error)
