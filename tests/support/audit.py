"""`python -m support.audit BOOTSTRAP TOPIC`: what the topic holds against what was acknowledged.

Standard input is {symbol: its highest acknowledged sequence}. Standard output is how many "ticks"
of these symbols the topic holds, what is "lost" of them, and what is "missing" (a hole), "doubled"
or "disordered" of any symbol: each {symbol: sequences}.
"""

import json
import sys
from collections import defaultdict

from support.ledger import disordered, doubled, missing, read_ledger


def main() -> None:
    """Compare, and print."""
    acked: dict[str, int] = json.load(sys.stdin)
    entries = read_ledger(*sys.argv[1:])
    there: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        there[entry.tick.symbol].add(entry.tick.sequence)
    lost = {s: sorted(set(range(1, last + 1)) - there[s]) for s, last in acked.items()}
    found = {
        "lost": {symbol: sequences for symbol, sequences in lost.items() if sequences},
        "missing": missing(entries),
        "doubled": doubled(entries),
        "disordered": disordered(entries),
        "ticks": sum(entry.tick.symbol in acked for entry in entries),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
