"""A bridge as a process, and what a client sees of it, through a client that we did not write."""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from stockstream import config
from stockstream.local.part import Part
from stockstream.local.ports import free_port
from support.waiting import wait_for

Event = dict[str, Any]


class Bridge:
    """A running bridge and its address."""

    def __init__(self, part: Part, port: int) -> None:
        self.part = part
        self.port = port
        self.address = f"127.0.0.1:{port}"

    def get(self, path: str, **headers: str) -> tuple[int, Any, str]:
        """Return status, headers and text of a page."""
        request = urllib.request.Request(f"http://{self.address}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def health(self) -> tuple[int, Event]:
        """Return status and JSON of /health."""
        status, _, text = self.get("/health")
        return status, json.loads(text)

    def metrics(self) -> Event:
        """Return the JSON of /metrics."""
        return json.loads(self.get("/metrics")[2])

    def prometheus(self) -> dict[str, float]:
        """Return the samples of /metrics as Prometheus sees them, by name and labels."""
        text = self.get("/metrics", Accept="text/plain")[2]
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    def wait_until_answering(self) -> None:
        """Wait until the process serves HTTP, Kafka or not."""

        def answers() -> bool:
            self.part.check()
            try:
                return self.get("/live")[0] == 200
            except OSError:
                return False

        wait_for(answers)

    def wait_until_healthy(self) -> None:
        """Wait until Kafka is there and the topic is being read."""
        wait_for(self.health, lambda seen: seen[0] == 200)

    def connect(self, **options: Any) -> ClientConnection:
        """Return a new WebSocket; compression is not offered unless asked for."""
        options.setdefault("compression", None)
        options.setdefault("close_timeout", 5)
        return connect(f"ws://{self.address}/ws", max_size=None, **options)


class Bridges:
    """Starts bridges for a test, real or broken ones, and ends them with it."""

    def __init__(self, bootstrap: str, topic: str, home: Path, parts: list[Part]) -> None:
        self._variables = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "KAFKA_TOPIC": topic}
        self._home = home
        self._known = parts  # what is shown where the test fails
        self._started: list[Part] = []

    def __enter__(self) -> "Bridges":
        return self

    def __exit__(self, *_: object) -> None:
        for part in self._started:
            part.kill()

    def start(self, broken: str = "", healthy: bool = True, **variables: str) -> Bridge:
        """Start a bridge with these variables; wait until it answers, and until it is healthy."""
        command = ["-m", "stockstream", "bridge"]
        if broken:
            settings = str(config.ROOT / "config/gunicorn.conf.py")
            command = ["-m", "gunicorn", "-c", settings, f"support.broken:{broken}()"]
        port = free_port()
        given = {**self._variables, "PYTHONPATH": str(config.ROOT / "tests"), **variables}
        environment = config.child_environment(WEBSOCKET_PORT=str(port), **given)
        name = f"bridge-{len(self._started)}"
        part = Part(name, [sys.executable, *command], self._home / f"{name}.log", environment)
        part.start()
        self._started.append(part)
        self._known.append(part)
        bridge = Bridge(part, port)
        bridge.wait_until_answering()
        if healthy:
            bridge.wait_until_healthy()
        return bridge


def say(client: ClientConnection, event: str, data: Any) -> None:
    """Send one message."""
    client.send(json.dumps({"event": event, "data": data}))


def hear(client: ClientConnection, event: str, timeout_s: float = 120) -> Any:
    """Return the data of the next message of this event; others are passed over.

    Raises:
        TimeoutError: it did not come within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        message = json.loads(client.recv(timeout=max(0, deadline - time.monotonic())))
        if message["event"] == event:
            return message["data"]


def hear_until(client: ClientConnection, last: dict[str, int]) -> list[Event]:
    """Return the ticks that come, in order, until each symbol has reached its last sequence."""
    ticks: list[Event] = []
    missing = dict(last)
    while missing:
        tick = hear(client, "stock-tick")
        ticks.append(tick)
        if tick["sequence"] >= missing.get(tick["symbol"], 1 << 60):
            del missing[tick["symbol"]]
    return ticks


def close_code(client: ClientConnection, timeout_s: float = 120) -> int | None:
    """Read on until the bridge closes, and return its code; None where it just vanished."""
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            client.recv(timeout=max(0, deadline - time.monotonic()))
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def check_no_hole(snapshot: Event, ticks: list[Event], symbols: set[str]) -> None:
    """Fail unless the ticks go on from the snapshot, each once, and are of these symbols only."""
    reached = {tick["symbol"]: tick["sequence"] for tick in snapshot["ticks"]}
    assert reached.keys() <= symbols
    for tick in ticks:
        symbol = tick["symbol"]
        assert symbol in symbols, f"{symbol} was not subscribed"
        expected = reached.get(symbol, 0) + 1
        assert tick["sequence"] == expected, f"{symbol}: expected {expected}, got {tick}"
        reached[symbol] = expected
