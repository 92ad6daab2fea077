"""Stop: the request to end, and the sign of life of those who ask for it."""

from pathlib import Path

from stockstream.stopping import Stop
from support.waiting import wait_for


def test_stop_asked_for_touches_the_heartbeat_file(tmp_path: Path) -> None:
    """A loop that asks whether to end is alive: the file is touched again and again."""
    heartbeat = tmp_path / "heartbeat"
    stop = Stop(str(heartbeat))
    assert not heartbeat.exists()
    assert not stop.requested
    first = heartbeat.stat().st_mtime_ns
    wait_for(lambda: stop.requested or heartbeat.stat().st_mtime_ns > first)
    assert not stop.requested


def test_stop_without_a_heartbeat_touches_nothing(tmp_path: Path, monkeypatch) -> None:
    """Outside of a container no file is asked for, and none is made."""
    monkeypatch.chdir(tmp_path)
    Stop().wait(0.2)
    assert not list(tmp_path.iterdir())
