"""One benchmark of NAMES: `python tests/benchmarks fanout [OPTIONS]`, and so on."""

import sys
from importlib import import_module
from pathlib import Path

NAMES = ("fanout", "slow", "idle", "memory", "hostile", "producer", "consumer", "recovery")


def main() -> None:
    """Run the benchmark that is named; its own options follow, `--help` shows them."""
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.exit(f"{__doc__}\nNAMES: {', '.join(NAMES)}")
    name = sys.argv.pop(1)
    sys.argv[0] = f"{Path(__file__).parent.name} {name}"
    import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # it was this directory
    main()
