"""Ticks to many clients: the C loop, the bridge and flask-sock, one after the other, on one feed.

`--clients` and `--rate` measure one row for each of `--servers`, else those of docs/performance.md
are measured. `own` is the bridge with a set of symbols of its own for each client.
"""

import argparse
from collections.abc import Iterator
from contextlib import AbstractContextManager

from benchmarks.report import Report, Row, options, percent
from benchmarks.rig import JOIN, OWN, Figures, Rig, Server

#: Clients, ticks a second, servers; 40,000 deliveries/s are the most that flask-sock can do.
ROWS = (
    (1000, 2000, "loop,bridge"),
    (1000, 1000, "loop,bridge"),
    (1000, 200, "loop,bridge,own"),
    (200, 1000, "loop,bridge"),
    (1000, 10, "loop,bridge"),
    (100, 200, "loop,bridge"),
    (100, 400, "loop,bridge,flask-sock"),
)


def main() -> None:
    """Measure what was asked for, and show it."""
    given = _options()
    report = Report(given.json)
    with Rig(given.kafka) as rig:
        for clients, ticks_per_s, servers in rows_of(given):
            loop_us = 0.0
            for name in servers.split(","):
                times = given.seconds, given.warmup
                figures = _measure(rig, name, clients, ticks_per_s, *times)
                loop_us = figures.us_a_tick if name == "loop" else loop_us
                report.show(_row(name, clients, ticks_per_s, figures, loop_us))


def _options() -> argparse.Namespace:
    parser = options(__doc__, seconds=10)
    parser.add_argument("--clients", help="how many; several with commas between")
    parser.add_argument("--rate", type=float, default=200, help="ticks a second")
    parser.add_argument("--deliveries", type=float, help="a second, in the place of --rate")
    parser.add_argument("--warmup", type=float, default=3, help="seconds before each row")
    parser.add_argument("--servers", default="loop,bridge", help="of loop,bridge,own,flask-sock")
    return parser.parse_args()


def rows_of(given: argparse.Namespace) -> Iterator[tuple[int, float, str]]:
    """Yield clients, ticks a second and servers of what was asked for."""
    if not given.clients:
        yield from ROWS
        return
    for clients in map(int, given.clients.split(",")):
        rate = given.deliveries / clients if given.deliveries else given.rate
        yield clients, rate, given.servers


def _measure(
    rig: Rig, name: str, clients: int, ticks_per_s: float, seconds: float, warmup_s: float
) -> Figures:
    topic = rig.topic()
    with _server(rig, name, topic, clients) as server, rig.feed(topic, ticks_per_s):
        message = OWN if name == "own" else JOIN
        return rig.measure(server, clients, seconds, message, warmup_s)


def _server(rig: Rig, name: str, topic: str, clients: int) -> AbstractContextManager[Server]:
    match name:
        case "loop":
            return rig.bare_loop(topic, clients)
        case "flask-sock":
            return rig.flask_sock(topic)
        case "bridge" | "own":
            return rig.bridge(topic)
    raise SystemExit(f"--servers {name}: expected loop, bridge, own or flask-sock")


def _row(name: str, clients: int, ticks_per_s: float, figures: Figures, loop_us: float) -> Row:
    return {
        "server": name,
        "clients": clients,
        "offered/s": round(clients * ticks_per_s),
        "delivered/s": round(figures.ticks / figures.seconds),
        "skipped/s": round(figures.skipped / figures.seconds),
        "p50 ms": figures.p50_ms,
        "p99 ms": figures.p99_ms,
        "max ms": figures.max_ms,
        "last p50 ms": figures.last_p50_ms,
        "ticks/read": round(figures.ticks / max(1, figures.reads), 1),
        "server CPU %": percent(figures.server_cpu_s / figures.seconds),
        "us/tick": round(figures.us_a_tick, 3),
        "x loop": round(figures.us_a_tick / loop_us, 2) if loop_us else "",
        "client CPU %": percent(figures.cpu_s / figures.seconds),
        "its core %": percent(figures.others_core),
        "limit": figures.limit,
    }
