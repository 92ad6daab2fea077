"""What the bridge's memory goes into: clients of each kind, symbols, sets and rates of their own.

Each row is measured on a bridge of its own, from the moment when its feed's symbols are live.
"""

import re
import shutil
import subprocess
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks import words
from benchmarks.report import Report, Row, options
from benchmarks.rig import Rig, memory_bytes
from benchmarks.slow import STAY_S, STUCK_RCVBUF_BYTES
from support.bridge import Bridge
from support.raw import open_raw, say_raw
from support.waiting import wait_for

RECEIVED = "stockstream_ticks_received_total"
CONFLATED = "stockstream_conflated_clients"
#: What a socket has received, written and reserved, as `ss -m` tells it.
_HELD = re.compile(r"skmem:\(r(\d+),.*?,f(\d+),w(\d+),")
#: Symbols of the tests' feed where a case does not need more.
FEW = 5
#: Clients that read are measured after this time.
SECONDS = 1.0


class Used(NamedTuple):
    """Memory beyond what there was before: the bridge's own, and its sockets' in the kernel."""

    own_bytes: int
    kernel_bytes: int = 0


class Case(NamedTuple):
    """What is counted: so many of it, on a feed of so many symbols (0: the tests' five)."""

    share: float  # of --clients
    symbols: int = 0
    way: str = ""  # of words.message, for clients that read
    stuck: bool = False


#: By name; docs/performance.md tells what each of them is.
CASES = {
    "idle": Case(1.0, way="silent"),
    "joined": Case(1.0, way="join"),
    "stuck": Case(0.2, stuck=True),
    "stuck-1000": Case(0.2, symbols=1000, stuck=True),
    "named": Case(0.3, symbols=1000, way="named"),
    "own-live": Case(0.3, symbols=1000, way="own-live"),
    "unknown": Case(0.3, way="unknown"),
    "rates": Case(0.3, symbols=1000, way="rates"),
    "symbol": Case(10.0),
}


def main() -> None:
    """Measure each row, and show it."""
    parser = options(__doc__)
    parser.add_argument("--clients", type=int, default=1000, help="of the first row")
    parser.add_argument("--only", default=",".join(CASES), help="these, with commas between")
    parser.add_argument("--rate", type=float, default=1000, help="ticks a second")
    given = parser.parse_args()
    report = Report(given.json)
    with Rig(given.kafka) as rig:
        for name, case in CASES.items():
            if name in given.only.split(","):
                count = max(2, round(case.share * given.clients))
                measure = _stuck if case.stuck else _clients if case.way else _symbols
                report.show(_row(name, count, *measure(rig, case, count, given.rate)))


def _symbols(rig: Rig, case: Case, count: int, rate: float) -> Used:
    topic = rig.topic()
    with rig.bridge(topic) as bridge:
        before_bytes = memory_bytes(bridge.part)
        with rig.feed(topic, rate, symbols=count):
            _wait_for_ticks(bridge, count)
        return Used(memory_bytes(bridge.part) - before_bytes)


def _clients(rig: Rig, case: Case, count: int, rate: float) -> Used:
    topic = rig.topic()
    with rig.bridge(topic) as bridge, rig.feed(topic, rate, symbols=case.symbols):
        _wait_for_ticks(bridge, max(FEW, case.symbols))
        before_bytes = memory_bytes(bridge.part)
        message = words.message(rig.home, case.way, count, case.symbols)
        figures = rig.measure(bridge, count, SECONDS, message, SECONDS)
        return Used(figures.memory_bytes - before_bytes)


def _stuck(rig: Rig, case: Case, count: int, rate: float) -> Used:
    """Measure clients that join and never read, once a tick of each symbol waits for each."""
    topic = rig.topic()
    with ExitStack() as stack:
        bridge = stack.enter_context(rig.bridge(topic, WRITE_STALL=STAY_S))
        stack.enter_context(rig.feed(topic, rate, symbols=case.symbols))
        _wait_for_ticks(bridge, max(FEW, case.symbols))
        before_bytes = memory_bytes(bridge.part)
        for _ in range(count):
            sock = stack.enter_context(open_raw(bridge, STUCK_RCVBUF_BYTES))
            say_raw(sock, "join", "stock-updates")
        wait_for(bridge.prometheus, lambda seen: seen[CONFLATED] == count)
        _wait_for_ticks(bridge, 2 * max(FEW, case.symbols))
        used_bytes = memory_bytes(bridge.part) - before_bytes
        return Used(used_bytes, _kernel_bytes(bridge))


def _wait_for_ticks(bridge: Bridge, count: int) -> None:
    """Wait until so many ticks more have come."""
    wanted = bridge.prometheus()[RECEIVED] + count
    wait_for(bridge.prometheus, lambda seen: seen[RECEIVED] >= wanted)


def _kernel_bytes(bridge: Bridge) -> int:
    """Return what the kernel holds for the bridge's connections; 0 without iproute2's `ss`."""
    if (ss := shutil.which("ss")) is None:
        return 0
    command = [ss, "-tmnH", "sport", "=", f":{bridge.port}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sum(sum(map(int, numbers)) for numbers in _HELD.findall(found))


def _row(what: str, count: int, used_bytes: int, kernel_bytes: int) -> Row:
    return {
        "what": what,
        "count": count,
        "MB": round(used_bytes / 1e6, 1),
        "KB each": round(used_bytes / count / 1000, 2),
        "kernel KB each": round(kernel_bytes / count / 1000, 1) if kernel_bytes else "",
    }
