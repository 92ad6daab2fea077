"""Writes ticks to a topic at a steady rate until it is ended: `--help` shows its options."""

import argparse
import time

from support.ticks import SYMBOLS, Ticker

#: Not more often: the feed shares its core with the broker and the clients.
ROUND_S = 0.002


def main() -> None:
    """Write each tick when it is due, however late the ones before were."""
    given = _options()
    symbols = symbols_of(given.symbols)
    ticker = Ticker(given.bootstrap, given.topic, given.partitions)
    if given.symbols:
        ticker.round(symbols)
    start, written = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - start) * given.rate)
        while written < due:
            ticker.tick(symbols[written % len(symbols)])
            written += 1
        ticker.poll()
        next_s = start + (written + 1) / given.rate
        if given.burst:
            next_s = start + (int((time.monotonic() - start) / given.burst) + 1) * given.burst
        time.sleep(max(ROUND_S, next_s - time.monotonic()))


def symbols_of(count: int) -> tuple[str, ...]:
    """Return so many symbols; 0: the five that every test has."""
    return tuple(f"S{number:03d}" for number in range(count)) or SYMBOLS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("rate", type=float, help="ticks a second")
    parser.add_argument("--symbols", type=int, default=0, help="so many, each with a tick at once")
    parser.add_argument("--burst", type=float, default=0.0, help="seconds between two writes")
    parser.add_argument("--partitions", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
