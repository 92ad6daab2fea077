"""A WebSocket client that counts: what it is sent, and what it is told was left out."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from support.count import Counts


class Watch:
    """Takes every message of one connection; `closed` says why it has ended, if it has."""

    def __init__(self, client: ClientConnection) -> None:
        self.counts = Counts()
        self.skipped = 0
        self.closed = ""
        self._known: set[str] = set()  # the snapshot's symbols
        self._client = client

    @property
    def balance(self) -> int:
        """How many sequences are neither received nor told as skipped: 0, once all has come."""
        counts = self.counts.by_symbol.items()
        # Of a symbol that came later, the very first tick may have been skipped.
        first = {symbol: c.first if symbol in self._known else 1 for symbol, c in counts}
        return sum(c.last - first[s] + 1 - c.count for s, c in counts) - self.skipped

    def run(self) -> None:
        """Take messages until the connection ends."""
        try:
            for message in self._client:
                self._take(msgspec.json.decode(message))
        except ConnectionClosed as closed:
            self.closed = str(closed)

    def _take(self, message: dict[str, Any]) -> None:
        event, data = message["event"], message["data"]
        if event == "snapshot":
            for found in data["ticks"]:
                self.counts.add(found["symbol"], found["sequence"])
                self._known.add(found["symbol"])
        elif event == "stock-tick":
            self.counts.add(data["symbol"], data["sequence"])
        elif event == "conflated":
            self.skipped += data["skipped"]


@contextmanager
def watching(address: str) -> Iterator[Watch]:
    """Take every tick of every symbol from the bridge at HOST:PORT, in a thread of its own."""
    url = f"ws://{address}/ws"
    with connect(url, compression=None, max_size=None, proxy=None, close_timeout=5) as client:
        client.send('{"event": "join", "data": "stock-updates"}')
        watch = Watch(client)
        thread = threading.Thread(target=watch.run, daemon=True)
        thread.start()
        yield watch
        client.close()
        thread.join(10)
