"""What an operator sees: the bridge's numbers as Prometheus reads them."""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from stockstream.bridge.feed import Feed
from stockstream.bridge.hub import Hub
from stockstream.bridge.stalls import Stalls
from stockstream.bridge.stats import DELAY_BOUNDS_S, Stats


class BridgeCollector(Collector):
    """Reads the numbers when Prometheus asks; nothing is kept for it meanwhile."""

    def __init__(self, stats: Stats, hub: Hub, feed: Feed, stalls: Stalls) -> None:
        self._stats = stats
        self._hub = hub
        self._feed = feed
        self._stalls = stalls

    def collect(self) -> Iterable[Metric]:
        """Yield every metric of docs/websocket-api.md's table."""
        yield from self._counters()
        yield from self._gauges()
        yield self._delays()

    def _counters(self) -> Iterator[Metric]:
        stats, refused = self._stats, self._feed.records.refused
        counters = {
            "ticks_received": ("Valid live ticks taken from Kafka.", stats.ticks_in),
            "ticks_sent": ("Ticks handed to clients, once for each client.", stats.ticks_out),
            "sent_bytes": ("Bytes of ticks handed to clients.", stats.bytes_out),
            "skipped_ticks": ("Ticks left out, once for each client.", stats.skipped),
            "duplicate_ticks": ("Ticks dropped: sequence not above the last.", stats.duplicates),
            "new_runs": ("Symbols that began to count anew.", stats.new_runs),
            "poison_records": (
                "Records on the topic that are not ticks.",
                refused["not_a_tick"] + refused["fault"],
            ),
            "missed_records": ("Records that expired before they were read.", stats.missed),
            "failed_commits": ("Commits of the positions that failed.", stats.failed_commits),
        }
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(f"stockstream_{name}", text, value=value)
        by_reason = CounterMetricFamily(
            "stockstream_refused_records", "Records not taken, by reason.", labels=["reason"]
        )
        for reason, count in refused.items():
            by_reason.add_metric([reason], count)
        yield by_reason
        closed = CounterMetricFamily(
            "stockstream_closed_clients", "Connections ended, by reason.", labels=["reason"]
        )
        for reason, count in stats.closed.items():
            closed.add_metric([reason], count)
        yield closed

    def _gauges(self) -> Iterator[Metric]:
        behind = [client.outbox.backlog for client in self._hub.clients if not client.outbox.clear]
        gauges: dict[str, tuple[str, float]] = {
            "clients": ("WebSocket clients connected now.", self._stats.clients),
            "subscription_sets": (
                "Distinct sets of symbols that clients subscribe to, and distinct rates.",
                self._hub.subscriptions.count,
            ),
            "unknown_symbols": (
                "Symbols without a tick that clients subscribe to.", len(self._hub.symbols.unknown)
            ),
            "conflated_clients": ("Clients for whom ticks wait now.", len(behind)),
            "backlog_bytes": (
                "Bytes that wait for clients now.", sum(backlog.size_bytes for backlog in behind)
            ),
            "event_loop_stall_seconds": (
                "Longest stall of the event loop in the last 15 to 30 s.", self._stalls.longest_s
            ),
            "start_time_seconds": (
                "Start of the process, since the epoch.", self._stats.start_time_s
            ),
        }  # fmt: skip
        if (age_ms := self._feed.tick_age_ms()) is not None:
            gauges["tick_age_seconds"] = ("Age of the newest tick.", age_ms / 1000)
        for name, (text, number) in gauges.items():
            yield GaugeMetricFamily(f"stockstream_{name}", text, value=number)
        lag = GaugeMetricFamily(
            "stockstream_position_lag_records",
            "Records of the partition that the bridge has not read yet.",
            labels=["partition"],
        )
        for partition, records in self._feed.lag().items():
            lag.add_metric([str(partition)], records)
        yield lag

    def _delays(self) -> Metric:
        bounds = [*map(floatToGoString, DELAY_BOUNDS_S), "+Inf"]
        counts = accumulate(self._stats.delays)
        return HistogramMetricFamily(
            "stockstream_tick_delay_seconds",
            "Time from a tick's timestamp to its write to the clients.",
            buckets=list(zip(bounds, counts, strict=True)),
            sum_value=self._stats.delays_sum_s,
        )
