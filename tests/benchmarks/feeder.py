"""Writes ticks to a topic at a steady rate until it is ended: BROKERS TOPIC TICKS_PER_S."""

import sys
import time

from support.ticks import SYMBOLS, Ticker

#: Not more often: the feed shares its core with the broker and the clients.
ROUND_S = 0.002


def main() -> None:
    """Write each tick when it is due, however late the ones before were."""
    bootstrap, topic, ticks_per_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
    ticker = Ticker(bootstrap, topic)
    start, written = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - start) * ticks_per_s)
        while written < due:
            ticker.tick(SYMBOLS[written % len(SYMBOLS)])
            written += 1
        ticker.poll()
        next_s = start + (written + 1) / ticks_per_s
        time.sleep(max(ROUND_S, next_s - time.monotonic()))


if __name__ == "__main__":
    main()
