"""The tests' own checker goes red where a sequence is missing, doubled, or out of order."""

import pytest

from stockstream.tick import Tick
from support.ledger import Entry, assert_faultless, disordered, doubled, jumps, missing


def entries(*sequences: int, prices: dict[int, float] | None = None) -> list[Entry]:
    return [
        Entry(0, offset, Tick("X", (prices or {}).get(n, 100.0), 1, 0, n))
        for offset, n in enumerate(sequences)
    ]


def test_assert_faultless_whole_path_passes() -> None:
    """A symbol's ticks from 1 on, once each and in order, are what is wanted."""
    assert_faultless(entries(1, 2, 3, 4))


@pytest.mark.parametrize(
    ("broken", "check", "found"),
    [
        (entries(1, 2, 4, 6), missing, {"X": [3, 5]}),
        (entries(2, 3), missing, {"X": [1]}),
        (entries(1, 2, 2, 3), doubled, {"X": [2]}),
        (entries(1, 3, 2, 4), disordered, {"X": [2]}),
        (entries(1, 2, 3, prices={2: 102.1, 3: 102.1}), jumps, {"X": [2]}),
    ],
)
def test_assert_faultless_doctored_path_fails(broken, check, found) -> None:  # type: ignore[no-untyped-def]
    """Each fault is found, by its sequence."""
    assert check(broken) == found
    with pytest.raises(AssertionError):
        assert_faultless(broken)


def test_assert_faultless_empty_topic_fails() -> None:
    """A test that has read nothing has proven nothing."""
    with pytest.raises(AssertionError, match="empty"):
        assert_faultless([])


def test_doubled_across_partitions_is_found() -> None:
    """The same sequence in two partitions is doubled too."""
    moved = [entry._replace(partition=1) for entry in entries(2)]
    assert doubled([*entries(1, 2), *moved]) == {"X": [2]}
