"""Hostile clients beside healthy ones of the bridge, 20 of each kind at full speed.

In each kind's first row the hostile clients send to a sink on the bridge's core, in its second row
the same bytes to the bridge.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.harm import Watch
from benchmarks.healthy import Healthy
from benchmarks.hostile_kinds import ALLOWED_PER_S, KINDS, Kind
from benchmarks.published import published
from benchmarks.report import Report, Row, options, percent
from benchmarks.rig import Figures, Rig
from stockstream.local.part import Part
from stockstream.local.ports import free_port
from support.waiting import wait_for

#: Symbols of the tests' feed where a kind does not need more.
FEW = 5


class Harm(msgspec.Struct):
    """What hostile.c printed."""

    seconds: float
    sent: int
    received: int
    connections: int
    refused: int  # connections that were not taken, or whose handshake was not answered with 101
    errors: int  # events
    closed: dict[str, int]  # by the Close's code; 0: without one
    answers: dict[str, int]  # by HTTP status


class Side(NamedTuple):
    """The healthy clients, the harm and what it did to the bridge."""

    healthy: Figures
    missing: float  # the share of the ticks that were neither delivered nor told as skipped
    late_ms: float  # what is missing would have come later than this
    harm: Harm
    watch: Watch

    @property
    def p99_ms(self) -> float:
        """The delay's 99th percentile, which is among what is missing if that is above 1 %."""
        return self.late_ms if self.missing > 0.01 else self.healthy.p99_ms


def main() -> None:
    """Measure each kind on both sides, and show it."""
    given = _options()
    kinds = given.kinds.split(",")
    if unknown := set(kinds) - KINDS.keys():
        raise SystemExit(f"--kinds {','.join(unknown)}: expected some of {','.join(KINDS)}")
    report = Report(given.json)
    with Rig(given.kafka) as rig:
        for name in kinds:
            beside = _measure(rig, KINDS[name], given, to_bridge=False)
            report.show(_row(name, "sink", beside, beside))
            report.show(_row(name, "bridge", _measure(rig, KINDS[name], given, True), beside))


def _options() -> argparse.Namespace:
    parser = options(__doc__, seconds=10)
    parser.add_argument("--kinds", default=",".join(KINDS), help="with commas between")
    parser.add_argument("--hostile", type=int, default=20, help="hostile clients")
    parser.add_argument("--healthy", type=int, default=200, help="clients that join all symbols")
    parser.add_argument("--rate", type=float, default=1000, help="ticks a second")
    parser.add_argument("--warmup", type=float, default=2, help="seconds of harm before each row")
    parser.add_argument("--drain", type=float, default=60, help="seconds to wait for late ticks")
    calm = "seconds to wait for a moment without a stall, which is shown for 30 s"
    parser.add_argument("--calm", type=float, default=35, help=calm)
    return parser.parse_args()


def _measure(rig: Rig, kind: Kind, given: argparse.Namespace, to_bridge: bool) -> Side:
    topic = rig.topic()
    with ExitStack() as stack:
        bridge = stack.enter_context(rig.bridge(topic))
        port = bridge.port if to_bridge else stack.enter_context(_sink(rig))
        times = given.seconds, given.warmup, given.drain
        # They join before there are ticks: their snapshots would be the longest stall.
        healthy = stack.enter_context(Healthy(rig, bridge, given.healthy, *times))
        wait_for(bridge.metrics, lambda seen: seen["connectedClients"] == given.healthy)
        stack.enter_context(rig.feed(topic, given.rate, symbols=kind.symbols))
        live = kind.symbols or FEW
        wait_for(bridge.prometheus, lambda seen: seen["stockstream_ticks_received_total"] >= live)
        healthy.wait_until_joined()
        watch = stack.enter_context(Watch(bridge, given.calm))
        with _hostile(rig, kind, given.hostile, port) as hostile:
            healthy.go()
            healthy.wait_for_end()
            harm = _end(hostile)
        figures = healthy.figures()
        watch.finish()
    made = published(rig.bootstrap, topic, figures.first_ms, figures.end_ms)
    offered = made * given.healthy
    missing = 1 - (figures.ticks + figures.skipped) / max(1, offered)
    return Side(figures, max(0.0, missing), 1000 * given.drain, harm, watch)


@contextmanager
def _sink(rig: Rig) -> Iterator[int]:
    """Run the sink on the bridge's core; yields its port."""
    port = free_port()
    command = [str(rig.compile("sink")), str(port)]
    with rig.part("sink", command, rig.server_core) as part:
        wait_for(lambda: part.check() is None and "listening" in part.log.read_text())
        yield port


@contextmanager
def _hostile(rig: Rig, kind: Kind, clients: int, port: int) -> Iterator[Part]:
    with tempfile.TemporaryDirectory(dir=rig.home) as directory:
        for number in range(clients):
            kind.sent(number).write(Path(directory), number)
        words = map(str, (port, clients, kind.mode, ALLOWED_PER_S, directory))
        command = [str(rig.compile("hostile")), *words]
        with rig.part("hostile", command, rig.others_core) as part:
            yield part


def _end(hostile: Part) -> Harm:
    if hostile.stop():
        raise SystemExit(f"the hostile clients did not stay; {hostile.last_words()}")
    return msgspec.json.decode(hostile.log.read_bytes(), type=Harm)


def _row(name: str, where: str, side: Side, beside: Side) -> Row:
    healthy, harm, watch = side.healthy, side.harm, side.watch
    closed = (f"{count:,} with {code}" for code, count in harm.closed.items())
    ended = (f"{count:,} {reason}" for reason, count in watch.ended.items() if reason != "client")
    answered = (f"{n / harm.seconds:,.1f}/s {status}" for status, n in harm.answers.items())
    return {
        "hostile": name,
        "to": where,
        "p50 ms": healthy.p50_ms,
        "p99 ms": side.p99_ms,
        "max ms": healthy.max_ms,
        "p99 x sink": round(side.p99_ms / max(0.1, beside.p99_ms), 2),
        "missing %": percent(side.missing),
        "stall ms": round(1000 * watch.stall_s),
        "memory MB": round(watch.growth_bytes / 1e6, 1),
        "sent KB/s": round(harm.sent / harm.seconds / 1000),
        "connections/s": round(harm.connections / harm.seconds, 1),
        "refused/s": round(harm.refused / harm.seconds, 1),
        "errors/s": round(harm.errors / harm.seconds, 1),
        "answered": ", ".join(answered),
        "closed": ", ".join(closed),
        "ended": ", ".join(ended),
        "healthy closed": healthy.closed,
        "restarted": "yes" if watch.restarted else "",
        "server CPU %": percent(healthy.server_cpu_s / healthy.seconds),
        "us/tick": round(healthy.us_a_tick, 3),
        "its core %": percent(healthy.others_core),
        "limit": healthy.limit,
    }
