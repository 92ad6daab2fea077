"""Wait for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    look: Callable[[], T], until: Callable[[T], object] = bool, timeout_s: float = 120.0
) -> T:
    """Look again and again until `until` likes what is seen, and return it.

    An AssertionError counts as "not yet" too; what was seen last is in the failure.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            seen: T | AssertionError = look()
            if until(seen):
                return seen
        except AssertionError as error:
            seen = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s; seen last: {seen!r}")
        time.sleep(0.05)
