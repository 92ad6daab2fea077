"""The stall watch by itself, with a clock of the test's own."""

from stockstream.bridge.stalls import WINDOW_S, Stalls


def test_longest_is_kept_for_a_window_and_then_forgotten() -> None:
    """Each stall can be seen for at least one window, and not for ever."""
    stalls = Stalls()
    stalls.note(0.5, 100)
    stalls.note(0.1, 100 + WINDOW_S - 1)
    assert stalls.longest_s == 0.5
    stalls.note(0.2, 100 + WINDOW_S)
    assert stalls.longest_s == 0.5
    stalls.note(0.0, 100 + 2 * WINDOW_S)
    assert stalls.longest_s == 0.2
