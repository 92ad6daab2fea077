"""`python -m support.audit BOOTSTRAP TOPIC`: what the topic holds against what was acknowledged.

Standard input is {symbol: its highest acknowledged sequence}. Standard output is how many "ticks"
of these symbols the topic holds, what of them is "lost", "doubled" or "disordered", what is
"missing" (a hole) of any symbol, and what of the others, the service's own, is "repeated": a
producer that loses its share may have one batch under way. Each is {symbol: sequences}.
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
    ours = [entry for entry in entries if entry.tick.symbol in acked]
    found = {
        "lost": {symbol: sequences for symbol, sequences in lost.items() if sequences},
        "missing": missing(entries),
        "doubled": doubled(ours),
        "disordered": disordered(ours),
        "repeated": doubled(entry for entry in entries if entry.tick.symbol not in acked),
        "ticks": len(ours),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
