"""The directory of a checkout that the local mode keeps its data and logs in."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stockstream.errors import NotReady

#: Less than this is refused at the start: a day of the default ticks is about 75 MB.
NEEDED_BYTES = 200 * 2**20

# With less than this left, whatever has just failed has failed for want of room.
_FULL_BYTES = 2**20


class Home:
    """`.local`: Kafka's data (kept between runs), the parts' logs, and a lock."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kafka = directory / "kafka"
        self.logs = directory / "logs"

    @contextmanager
    def held(self, address: str) -> Iterator[None]:
        """Hold the directory for one run, which serves `address`.

        Raises:
            NotReady: another run holds it; the text says where.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise NotReady(f"it already runs in this checkout: {lock.read()}") from None
            lock.truncate(0)
            lock.write(f"{address}, process {os.getpid()}")
            lock.flush()
            yield

    def drop_data(self) -> None:
        """Remove what earlier runs have kept."""
        if self.kafka.exists():
            shutil.rmtree(self.kafka)

    def check_room(self) -> None:
        """Raise NotReady where the disk has too little room to start."""
        if (free := self._free_bytes()) < NEEDED_BYTES:
            raise NotReady(
                f"the disk of {self.directory} has {free >> 20} MiB left: expected at least "
                f"{NEEDED_BYTES >> 20}; make room, or drop the old ticks with --fresh"
            )

    def is_full(self) -> bool:
        """Say whether the disk has no room left."""
        return self._free_bytes() < _FULL_BYTES

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self.directory).free
