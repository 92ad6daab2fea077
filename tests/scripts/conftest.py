"""A clean clone for the scripts to run in, and what its very first start has shown."""

import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest
from websockets.sync.client import connect

from stockstream.local.ports import free_port
from support.checkout import Checkout, Script

#: The last line of the block that a start ends with.
STARTED = "Ctrl-C"


@dataclass
class Run:
    """One start of run-local.sh, and the port that it was given."""

    script: Script
    port: int

    @property
    def topic_id(self) -> str:
        """The id that Kafka has given the topic: a new one where the data is new."""
        found = re.search(r"Topic stock_ticks: .* id (\S+)", self.script.output)
        assert found, self.script.output
        return found[1]


@dataclass
class FirstRun:
    """What a visitor sees who clones the repository and runs one command."""

    output: str
    topic_id: str
    ticks: list[dict[str, Any]]
    pages: dict[str, int]
    exit_code: int
    left: list[str]


def make_checkout(directory: Path) -> Iterator[Checkout]:
    """Yield a clean clone, and leave no process of it behind."""
    checkout = Checkout(directory)
    yield checkout
    checkout.end()


@pytest.fixture(scope="session")
def clean_clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Return the clone that all tests of a set-up checkout share."""
    yield from make_checkout(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def untouched_clone(tmp_path: Path) -> Iterator[Checkout]:
    """Return a clone for one test, where nothing has run."""
    yield from make_checkout(tmp_path)


@pytest.fixture(scope="session")
def first_run(clean_clone: Checkout) -> FirstRun:
    """Start a clean clone for the first time, watch it, and press Ctrl-C."""
    run = start(clean_clone)
    base = f"http://localhost:{run.port}"
    pages = {path: urlopen(base + path).status for path in ("/", "/vendor/chart.js", "/health")}
    ticks = receive_ticks(run.port, 10)
    run.script.signal_group(signal.SIGINT)
    exit_code = run.script.wait()
    left = [" ".join(process.cmdline()) for process in run.script.processes()]
    return FirstRun(run.script.output, run.topic_id, ticks, pages, exit_code, left)


@pytest.fixture
def checkout(clean_clone: Checkout, first_run: FirstRun) -> Iterator[Checkout]:
    """Return the shared clone, set up by its first start."""
    yield clean_clone
    clean_clone.end()


@pytest.fixture
def launch_local(checkout: Checkout) -> Callable[..., Run]:
    """Return a function that runs scripts/run-local.sh, and does not wait."""
    return partial(launch, checkout)


@pytest.fixture
def run_local(checkout: Checkout) -> Callable[..., Run]:
    """Return a function that runs scripts/run-local.sh, and waits until it has come up."""
    return partial(start, checkout)


def launch(checkout: Checkout, *options: str, **how: Any) -> Run:
    """Run scripts/run-local.sh on a free port."""
    port = free_port()
    script = checkout.run("scripts/run-local.sh", "--port", str(port), *options, **how)
    return Run(script, port)


def start(checkout: Checkout, *options: str, **how: Any) -> Run:
    """Run scripts/run-local.sh on a free port, and wait until it has come up."""
    run = launch(checkout, *options, **how)
    run.script.wait_for_line(STARTED)
    return run


def receive_ticks(port: int, count: int) -> list[dict[str, Any]]:
    """Return the next ticks that a WebSocket client gets."""
    ticks = []
    with connect(f"ws://localhost:{port}/ws", proxy=None) as client:
        client.send('{"event": "join", "data": "stock-updates"}')
        while len(ticks) < count:
            message = msgspec.json.decode(client.recv(timeout=120))
            if message["event"] == "stock-tick":
                ticks.append(message["data"])
    return ticks
