"""What has to hold of a bridge while it is fuzzed, and a healthy client beside the fuzz."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from stockstream.local.broker import Broker
from support.bridge import Bridge, Bridges
from support.kafka import create_topic
from support.ticks import SYMBOLS, Ticker
from support.waiting import wait_for
from support.watch import watching

#: Between two rounds of ticks for the healthy client.
ROUND_S = 0.02
#: Cases between two looks at the bridge.
LOOK_EVERY = 1000


class Guard:
    """A bridge under fuzz: the same worker from first to last, and no traceback.

    Meanwhile a healthy client gets ticks of SYMBOLS, which no fuzz may touch.
    """

    def __init__(self, bridge: Bridge, ticker: Ticker) -> None:
        self.bridge = bridge
        self.stall_s = 0.0  # the event loop's longest
        self._ticker = ticker
        self._stack = ExitStack()
        self._workers = self._pids()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._make_ticks, daemon=True)

    def __enter__(self) -> "Guard":
        self._watch = self._stack.enter_context(watching(self.bridge.address))
        self._thread.start()
        self._stack.callback(self._over.set)
        wait_for(lambda: self._watch.closed or self._reached().keys() >= set(SYMBOLS))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def look(self, last_case: int = 0) -> None:
        """Fail unless it is the same worker, with a clean log, and answers /live.

        `last_case` is the number of the one before: most numbers cost no look.
        """
        if last_case % LOOK_EVERY:
            return
        log = self.bridge.part.log.read_text(errors="replace")
        for word in ("Traceback", "CRITICAL"):
            assert word not in log, log[max(0, log.index(word) - 500) :][:3000]
        assert self._pids() == self._workers, "the worker was started again"
        assert self.bridge.get("/live")[0] == 200
        stall_s = self.bridge.prometheus()["stockstream_event_loop_stall_seconds"]
        self.stall_s = max(self.stall_s, stall_s)

    def finish(self) -> float:
        """Fail unless the healthy client has got each tick once, and return the longest stall."""
        self._over.set()
        self._thread.join()
        self._ticker.round()  # behind whatever the fuzz wrote to the topic
        wait_for(lambda: self._watch.closed or self._reached() == self._ticker.sequences)
        assert not self._watch.closed, f"the healthy client was closed: {self._watch.closed}"
        counts = self._watch.counts.by_symbol
        for symbol in SYMBOLS:
            count = counts[symbol]
            assert (count.count, count.disordered) == (count.last - count.first + 1, 0), count
        assert not self._watch.skipped, f"{self._watch.skipped} ticks were left out"
        self.look()
        return self.stall_s

    def _reached(self) -> dict[str, int]:
        counts = self._watch.counts.by_symbol
        return {symbol: counts[symbol].last for symbol in SYMBOLS if symbol in counts}

    def _make_ticks(self) -> None:
        while not self._over.wait(ROUND_S):
            self._ticker.round()

    def _pids(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.bridge.part.pid).children()]


@contextmanager
def own_bridge(**variables: str) -> Iterator[tuple[Bridge, Ticker]]:
    """Run a Kafka and a bridge, and yield the bridge and a writer to its topic."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as home, ExitStack() as stack:
        broker = Broker(Path(home) / "kafka")
        stack.callback(broker.kill)
        broker.start()
        topic = create_topic(broker.bootstrap)
        bridges = stack.enter_context(Bridges(broker.bootstrap, topic, Path(home), []))
        bridge = bridges.start(LOG_LEVEL="warning", **variables)
        yield bridge, Ticker(broker.bootstrap, topic)
