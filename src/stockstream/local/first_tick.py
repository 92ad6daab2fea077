"""Proof that everything works: a tick that a WebSocket client has received."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from stockstream.errors import LocalError

_JOIN = '{"event": "join", "data": "stock-updates"}'


def wait_for_tick(
    url: str, since_ms: int, alive: Callable[[], None], timeout_s: float = 120.0
) -> None:
    """Wait until a client of `url` gets a tick that was made after `since_ms` (epoch).

    `alive` is called again and again, and raises where waiting has no more sense.

    Raises:
        LocalError: no such tick came within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    last = "nothing answered"
    while time.monotonic() < deadline:
        alive()
        try:
            # Never through a proxy: it is this machine.
            with connect(url, open_timeout=2, close_timeout=1, proxy=None) as client:
                client.send(_JOIN)
                last = "it was connected, but no new tick came"
                if _receive_tick(client, since_ms, alive, deadline):
                    return
        except (OSError, WebSocketException) as error:
            last = str(error) or repr(error)
            time.sleep(0.1)
    raise LocalError(f"no tick came out of {url} within {timeout_s:g} s: {last}")


def _receive_tick(
    client: ClientConnection, since_ms: int, alive: Callable[[], None], deadline: float
) -> bool:
    while time.monotonic() < deadline:
        alive()
        try:
            message = msgspec.json.decode(client.recv(timeout=0.2))
        except TimeoutError:
            continue
        if any(tick["timestamp"] >= since_ms for tick in _ticks(message)):
            return True
    return False


def _ticks(message: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Return the ticks in a message; with a long interval the newest come in the snapshot."""
    if message["event"] == "stock-tick":
        return [message["data"]]
    if message["event"] == "snapshot":
        return message["data"]["ticks"]  # type: ignore[no-any-return]
    return []
