"""What the local mode tells its parts."""

from pathlib import Path
from typing import Any

import pytest

from stockstream import config
from stockstream.local import run
from stockstream.local.home import Home
from stockstream.local.signals import StopSignals


class Recorded:
    """A part that only remembers its environment."""

    environments: list[dict[str, str]] = []

    def __init__(self, *arguments: Any) -> None:
        self.environments.append(arguments[-1])

    def start(self) -> None:
        """Start nothing."""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "localhost,my-machine,127.0.0.1"),
        ({"WEBSOCKET_HOST": "[::1]"}, "localhost,my-machine"),
        ({"WEBSOCKET_HOST": "Desk.example"}, "localhost,my-machine,desk.example"),
        ({"ALLOWED_HOSTS": "ticks.example"}, "ticks.example"),
    ],
)
def test_run_local_bridge_answers_to_this_machines_names_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], expected: str
) -> None:
    """A page whose name was made to mean this machine gets no ticks, without any setting."""
    monkeypatch.setattr(run.socket, "gethostname", lambda: "My-Machine")
    monkeypatch.setattr(run, "Part", Recorded)
    settings = config.load(variables)
    run._Runner(settings, Home(tmp_path), StopSignals())._start_service("bridge", "kafka:9092")
    assert Recorded.environments[-1]["ALLOWED_HOSTS"] == expected
    assert config.load(Recorded.environments[-1]).allowed_hosts == tuple(expected.split(","))
