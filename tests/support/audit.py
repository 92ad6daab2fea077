"""`python -m support.audit BOOTSTRAP TOPIC`: what the topic holds against what was acknowledged.

Standard input is {symbol: its highest acknowledged sequence}; standard output {"lost", "doubled",
"disordered"}, each {symbol: sequences}, and how many "ticks" the topic holds of these symbols.
"""

import json
import sys

from support.ledger import disordered, doubled, read_ledger


def main() -> None:
    """Compare, and print."""
    acked: dict[str, int] = json.load(sys.stdin)
    entries = [entry for entry in read_ledger(*sys.argv[1:]) if entry.tick.symbol in acked]
    there: dict[str, set[int]] = {symbol: set() for symbol in acked}
    for entry in entries:
        there[entry.tick.symbol].add(entry.tick.sequence)
    lost = {s: sorted(set(range(1, last + 1)) - there[s]) for s, last in acked.items()}
    found = {
        "lost": {symbol: sequences for symbol, sequences in lost.items() if sequences},
        "doubled": doubled(entries),
        "disordered": disordered(entries),
        "ticks": len(entries),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
