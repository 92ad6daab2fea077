"""Ticks to many clients: the C loop, the bridge and flask-sock, one after the other, on one feed.

`--clients` and `--rate` measure one row for each of `--servers`, else those of docs/performance.md
are measured. The servers `own`, `own-live`, `rate` and `rates` are the bridge too, whose clients
have joined in another way: with a set of symbols of its own each (one that never comes, or all
live ones but one), with one maxRate for all, or with a maxRate of its own each.
"""

import argparse
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from benchmarks import words
from benchmarks.report import Report, Row, options, percent
from benchmarks.rig import Figures, Rig, Server
from support.bridge import Bridge
from support.waiting import wait_for


class Task(NamedTuple):
    """What a row of each server is measured with; `symbols` 0 are the five of the tests."""

    clients: int
    ticks_per_s: float
    servers: str
    symbols: int = 0
    burst_s: float = 0.0  # between two writes to the topic; 0: each tick when it is due


#: 40,000 deliveries/s are the most that flask-sock can do.
ROWS = (
    Task(1000, 2000, "loop,bridge"),
    Task(1000, 1000, "loop,bridge"),
    Task(1000, 200, "loop,bridge,own"),
    Task(1000, 200, "loop,bridge,own,own-live,rate,rates", symbols=999, burst_s=0.1),
    Task(200, 1000, "loop,bridge"),
    Task(1000, 10, "loop,bridge"),
    Task(100, 200, "loop,bridge"),
    Task(100, 400, "loop,bridge,flask-sock"),
)
#: What each way to join is compared with: the same, shared by all.
SHARED = {"own": "bridge", "own-live": "bridge", "rates": "rate", "rate": "bridge"}


def main() -> None:
    """Measure what was asked for, and show it."""
    given = _options()
    report = Report(given.json)
    with Rig(given.kafka) as rig:
        for task in rows_of(given):
            seen: dict[str, Figures] = {}
            for name in task.servers.split(","):
                seen[name] = _measure(rig, name, task, given.seconds, given.warmup)
                report.show(_row(name, task, seen))


def _options() -> argparse.Namespace:
    parser = options(__doc__, seconds=10)
    parser.add_argument("--clients", help="how many; several with commas between")
    parser.add_argument("--rate", type=float, default=200, help="ticks a second")
    parser.add_argument("--deliveries", type=float, help="a second, in the place of --rate")
    parser.add_argument("--warmup", type=float, default=3, help="seconds before each row")
    names = ",".join(("loop", "bridge", *SHARED, "flask-sock"))
    parser.add_argument("--servers", default="loop,bridge", help=f"of {names}")
    parser.add_argument("--symbols", type=int, default=0, help="live ones; 0: five")
    burst = "ms between two writes to the topic: batches of one size, whatever the server costs"
    parser.add_argument("--burst", type=float, default=0.0, help=burst)
    return parser.parse_args()


def rows_of(given: argparse.Namespace) -> Iterator[Task]:
    """Yield what was asked for."""
    if not given.clients:
        yield from ROWS
        return
    for clients in map(int, given.clients.split(",")):
        rate = given.deliveries / clients if given.deliveries else given.rate
        yield Task(clients, rate, given.servers, given.symbols, given.burst / 1000)


def _measure(rig: Rig, name: str, task: Task, seconds: float, warmup_s: float) -> Figures:
    # A burst that goes to one partition is one batch; from three it would come as up to three.
    # flask-sock reads three, and has no batches.
    partitions = 1 if task.burst_s and name != "flask-sock" else 3
    topic = rig.topic(partitions)
    with _server(rig, name, topic, task) as server:
        feed = {"symbols": task.symbols, "burst": task.burst_s, "partitions": partitions}
        with rig.feed(topic, task.ticks_per_s, **feed):
            if isinstance(server, Bridge):
                _wait_until_live(server, task.symbols)
            message = words.message(rig.home, name, task.clients, task.symbols)
            return rig.measure(server, task.clients, seconds, message, warmup_s)


def _server(rig: Rig, name: str, topic: str, task: Task) -> AbstractContextManager[Server | Bridge]:
    if name == "loop":
        return rig.bare_loop(topic, task.clients)
    if name == "flask-sock":
        return rig.flask_sock(topic)
    if name == "bridge" or name in SHARED:
        return rig.bridge(topic)
    raise SystemExit(f"--servers {name}: expected loop, bridge, {', '.join(SHARED)} or flask-sock")


def _wait_until_live(bridge: Bridge, symbols: int) -> None:
    """Wait until each symbol has had a tick, so that those who subscribe share what is live."""
    wait_for(bridge.prometheus, lambda seen: seen["stockstream_ticks_received_total"] >= symbols)


def _row(name: str, task: Task, seen: dict[str, Figures]) -> Row:
    figures, loop, shared = seen[name], seen.get("loop"), seen.get(SHARED.get(name, ""))
    return {
        "server": name,
        "clients": task.clients,
        "offered/s": round(task.clients * task.ticks_per_s),
        "delivered/s": round(figures.ticks / figures.seconds),
        "skipped/s": round(figures.skipped / figures.seconds),
        "p50 ms": figures.p50_ms,
        "p99 ms": figures.p99_ms,
        "max ms": figures.max_ms,
        "last p50 ms": figures.last_p50_ms,
        "ticks/read": round(figures.ticks / max(1, figures.reads), 1),
        "server CPU %": percent(figures.server_cpu_s / figures.seconds),
        "us/tick": round(figures.us_a_tick, 3),
        "x loop": round(figures.us_a_tick / loop.us_a_tick, 2) if loop else "",
        "x shared": round(figures.us_a_tick / shared.us_a_tick, 2) if shared else "",
        "p99 x shared": round(figures.p99_ms / max(0.1, shared.p99_ms), 2) if shared else "",
        "client CPU %": percent(figures.cpu_s / figures.seconds),
        "its core %": percent(figures.others_core),
        "limit": figures.limit,
    }
