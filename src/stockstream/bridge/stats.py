"""What a bridge counts, as JSON for people and as Prometheus text for machines."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


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
        self.poison = 0
        self.missed = 0  # records that retention took before they were read
        self.failed_commits = 0
        self.closed: Counter[str] = Counter()

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


class StatsCollector(Collector):
    """Reads `Stats` when Prometheus asks; `tick_age_ms` gives None before the first tick."""

    def __init__(self, stats: Stats, tick_age_ms: Callable[[], int | None]) -> None:
        self._stats = stats
        self._tick_age_ms = tick_age_ms

    def collect(self) -> Iterable[Metric]:
        """Yield every metric of docs/configuration.md's table."""
        stats = self._stats
        counters = {
            "ticks_received": ("Valid live ticks taken from Kafka.", stats.ticks_in),
            "ticks_sent": ("Ticks handed to clients, once for each client.", stats.ticks_out),
            "sent_bytes": ("Bytes of ticks handed to clients.", stats.bytes_out),
            "skipped_ticks": ("Ticks left out, once for each client.", stats.skipped),
            "duplicate_ticks": ("Ticks dropped: sequence not above the last.", stats.duplicates),
            "poison_records": ("Records on the topic that are not ticks.", stats.poison),
            "missed_records": ("Records that expired before they were read.", stats.missed),
            "failed_commits": ("Commits of the positions that failed.", stats.failed_commits),
        }
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(f"stockstream_{name}", text, value=value)
        closed = CounterMetricFamily(
            "stockstream_closed_clients", "Connections ended, by reason.", labels=["reason"]
        )
        for reason, count in stats.closed.items():
            closed.add_metric([reason], count)
        yield closed
        gauges: dict[str, tuple[str, float]] = {
            "clients": ("WebSocket clients connected now.", stats.clients),
            "start_time_seconds": ("Start of the process, since the epoch.", stats.start_time_s),
        }
        if (age_ms := self._tick_age_ms()) is not None:
            gauges["tick_age_seconds"] = ("Age of the newest tick.", age_ms / 1000)
        for name, (text, number) in gauges.items():
            yield GaugeMetricFamily(f"stockstream_{name}", text, value=number)
