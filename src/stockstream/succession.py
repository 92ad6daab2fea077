"""Which of a symbol's ticks counts next: one rule, which follows from the log alone.

Every reader that applies it in the log's order agrees with the others, whenever it reads.
"""

from collections.abc import Iterable
from enum import Enum

from stockstream.tick import Stored

#: A tick whose sequence is not above the symbol's last begins a new run if it is this much later.
#: A producer that was cut off stopped 3 s before another one took its symbols over, so its last
#: batch is always older than the other's ticks.
NEW_RUN_MS = 2_000

#: Above this a producer does not go on but begins a new run at 1: it leaves room for 142 years at
#: a million ticks a second below the highest sequence that a tick can have.
LAST_CONTINUED = 2**52

#: A trail that is longer is cut down to its newest tick; an honest log makes one of a few ticks.
_TRAIL_LIMIT = 200


class Verdict(Enum):
    """What a tick is to those before it."""

    NEXT = "next"
    NEW_RUN = "new run"
    REPEAT = "repeat"


def judge(found: Stored, last: Stored | None) -> Verdict:
    """Return what `found` is after `last`, the newest tick of its symbol that counted."""
    if last is None or found.tick.sequence > last.tick.sequence:
        return Verdict.NEXT
    return Verdict.NEW_RUN if found.time_ms >= last.time_ms + NEW_RUN_MS else Verdict.REPEAT


def newest(trail: Iterable[Stored], last: Stored | None = None) -> Stored | None:
    """Return the newest tick that counts, after `last` and these, in the log's order."""
    for found in trail:
        if judge(found, last) is not Verdict.REPEAT:
            last = found
    return last


def is_settled(trail: Iterable[Stored], since_ms: int) -> bool:
    """Return whether the trail ends on one tick, whatever counted before it, up to `since_ms`."""
    ends: set[Stored] = set()
    unknown = True  # whether what was before may still be the newest
    for found in trail:
        ends = {last if judge(found, last) is Verdict.REPEAT else found for last in ends}
        if unknown:
            ends.add(found)
            unknown = found.time_ms < since_ms + NEW_RUN_MS
    return not unknown and len(ends) == 1


def extend(trail: list[Stored], found: Stored) -> None:
    """Append a tick of the same symbol, and keep only what decides on the newest one.

    A tick that is followed by one with a higher sequence and no earlier time can go: whatever was
    before the two, `newest` ends on the second wherever it would have taken the first.
    """
    if trail:
        last = trail[-1]
        if found.tick.sequence > last.tick.sequence and found.time_ms >= last.time_ms:
            trail.pop()
        elif len(trail) >= _TRAIL_LIMIT and (kept := newest(trail)):
            trail[:] = [kept]
    trail.append(found)
