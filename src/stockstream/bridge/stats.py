"""What a bridge counts."""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

#: Upper bounds of the histogram of delays, in s.
DELAY_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Stats:
    """Plain numbers, raised in place: a metric object's lock would cost more than the counting."""

    def __init__(self) -> None:
        self.start_time_s = time.time()
        self.started_s = time.monotonic()
        self.ticks_in = 0  # valid live ticks taken from Kafka
        self.ticks_out = 0  # ticks handed to clients, counted once for each client
        self.bytes_out = 0
        self.skipped = 0  # ticks left out for slow clients, counted once for each client
        self.clients = 0
        self.duplicates = 0
        self.new_runs = 0  # of a symbol whose sequence was not above the last, but much later
        self.missed = 0  # records that retention took before they were read
        self.failed_commits = 0
        self.closed: Counter[str] = Counter()
        self.delays = [0] * (len(DELAY_BOUNDS_S) + 1)  # ticks by delay; the last: above all bounds
        self.delays_sum_s = 0.0

    def note_delays(self, timestamps_ms: Iterable[int]) -> None:
        """Count ticks that have just been written by how long ago they were made."""
        now_ms = time.time_ns() / 1e6
        for timestamp_ms in timestamps_ms:
            delay_s = max(0.0, now_ms - timestamp_ms) / 1000
            self.delays[bisect_left(DELAY_BOUNDS_S, delay_s)] += 1
            self.delays_sum_s += delay_s

    def uptime_ms(self) -> int:
        """Return the time since the start, in ms."""
        return int((time.monotonic() - self.started_s) * 1000)

    def as_json(self) -> dict[str, int]:
        """Return the four numbers of `GET /metrics`; times in ms."""
        return {
            "messagesProcessed": self.ticks_in,
            "connectedClients": self.clients,
            "uptime": self.uptime_ms(),
            "startTime": int(self.start_time_s * 1000),
        }
