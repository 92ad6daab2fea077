"""Clients that only stay: the bridge's memory for each, and its CPU."""

from benchmarks.report import Report, options, percent
from benchmarks.rig import Rig, memory_bytes
from benchmarks.words import SILENT


def main() -> None:
    """Measure the bridge without clients and with them."""
    parser = options(__doc__, seconds=10)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--warmup", type=float, default=3, help="seconds before it begins")
    given = parser.parse_args()
    with Rig(given.kafka) as rig, rig.bridge(rig.topic(), MAX_CLIENTS=str(given.clients)) as bridge:
        before_bytes = memory_bytes(bridge.part)
        figures = rig.measure(bridge, given.clients, given.seconds, SILENT, given.warmup)
    Report(given.json).show(
        {
            "clients": given.clients,
            "KB each": round((figures.memory_bytes - before_bytes) / given.clients / 1000, 1),
            "server CPU %": percent(figures.server_cpu_s / figures.seconds),
        }
    )
