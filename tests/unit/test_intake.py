"""How much a client may send before it is read more slowly, and at last closed."""

from stockstream.bridge.intake import PATIENCE_S, Intake


def test_intake_takes_a_second_s_worth_at_once() -> None:
    """A burst is read without a pause, what goes beyond it costs its time."""
    intake = Intake(frames_per_s=100, bytes_per_s=1000)
    for _ in range(50):
        intake.take_frame(50.0)
    intake.take_bytes(500, 50.0)
    assert intake.pause_s(50.0) <= 1e-9
    intake.take_bytes(250, 50.0)
    assert abs(intake.pause_s(50.0) - 0.25) < 1e-9
    assert intake.pause_s(50.25) <= 1e-9


def test_intake_is_exceeded_by_who_never_stops_only() -> None:
    """Ten seconds' worth too much without a break end it; with breaks it goes on for ever."""
    steady, resting = Intake(100, 1000), Intake(100, 1000)
    now_s = 50.0
    for _ in range(int(PATIENCE_S) * 10):
        now_s += 0.5
        for intake in (steady, resting):
            intake.take_bytes(600, now_s)
        resting.take_break()
    assert steady.exceeded
    assert not resting.exceeded


def test_intake_within_its_rate_is_never_exceeded() -> None:
    """Whoever sends as much as it may is not told that it sends too much."""
    intake = Intake(100, 1000)
    for second in range(1000):
        intake.take_bytes(990, 50.0 + second)
    assert not intake.exceeded
