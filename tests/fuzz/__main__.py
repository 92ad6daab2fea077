"""One fuzz against a bridge of its own: `python tests/fuzz KIND --cases 100000 --seed N`."""

import argparse
import random
import sys
from importlib import import_module
from pathlib import Path

#: Each is a module here with `run(cases, seed)`.
KINDS = ("handshake", "frames", "messages", "records")
#: The longest that the event loop may stand still.
LONGEST_STALL_S = 0.1


def main() -> None:
    """Run the fuzz that is named; it prints its seed, with which it can be run again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = parser.parse_args()
    stall_s = import_module(f"fuzz.{given.kind}").run(given.cases, given.seed)
    if stall_s is not None and stall_s > LONGEST_STALL_S:
        sys.exit(f"{given.kind}: the event loop stood still for {stall_s:.3f} s")


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # it was this directory
    main()
