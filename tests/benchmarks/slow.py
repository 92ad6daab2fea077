"""Stuck clients beside healthy ones: the healthy ones without them, and then with them."""

import argparse
from contextlib import ExitStack

from benchmarks.report import Report, Row, options, percent
from benchmarks.rig import Rig
from benchmarks.words import JOIN
from support.raw import open_raw, say_raw
from support.waiting import wait_for

#: A stuck client's buffer: small, so that it is soon full.
STUCK_RCVBUF_BYTES = 4096
#: The stuck ones are not closed before the end.
STAY_S = "3600"


def main() -> None:
    """Measure the healthy clients without the stuck ones, and beside them."""
    parser = options(__doc__, seconds=10)
    parser.add_argument("--stuck", type=int, default=200)
    parser.add_argument("--healthy", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1000, help="ticks a second")
    parser.add_argument("--warmup", type=float, default=3, help="seconds before each row")
    given = parser.parse_args()
    report = Report(given.json)
    with Rig(given.kafka) as rig:
        for stuck in (0, given.stuck):
            report.show(_measure(rig, stuck, given))


def _measure(rig: Rig, stuck: int, given: argparse.Namespace) -> Row:
    topic = rig.topic()
    with ExitStack() as stack:
        bridge = stack.enter_context(rig.bridge(topic, WRITE_STALL=STAY_S))
        for _ in range(stuck):
            sock = stack.enter_context(open_raw(bridge, STUCK_RCVBUF_BYTES))
            say_raw(sock, "join", "stock-updates")
        stack.enter_context(rig.feed(topic, given.rate))
        wait_for(bridge.prometheus, lambda seen: seen["stockstream_conflated_clients"] == stuck)
        figures = rig.measure(bridge, given.healthy, given.seconds, JOIN, given.warmup)
        conflated = bridge.prometheus()["stockstream_conflated_clients"]
    return {
        "stuck": stuck,
        "healthy": given.healthy,
        "ticks/s each": round(figures.ticks / figures.seconds / given.healthy),
        "skipped/s": round(figures.skipped / figures.seconds),
        "conflated": round(conflated),
        "p50 ms": figures.p50_ms,
        "p99 ms": figures.p99_ms,
        "max ms": figures.max_ms,
        "server CPU %": percent(figures.server_cpu_s / figures.seconds),
        "memory MB": round(figures.memory_bytes / 1e6, 1),
        "its core %": percent(figures.others_core),
        "limit": figures.limit,
    }
