"""Load, a consumer and a WebSocket client around a fault, and what is wrong afterwards."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.bench import BOOTSTRAP, Bench
from lab.swarm import FIRST, Swarm
from stockstream.partitioner import partition_for
from support.count import Count
from support.waiting import wait_for
from support.watch import Watch, watching

TOPIC = "stock_ticks"
#: What the audit tells of a topic where nothing is wrong.
FAULTLESS = {"lost": {}, "missing": {}, "doubled": {}, "disordered": {}}


class Traffic:
    """1,000 ticks/s of symbols of its own, `name`-0 and so on, for one fault."""

    def __init__(self, stack: Swarm, bench: Bench, name: str) -> None:
        self._stack = stack
        self._bench = bench
        self._symbols = [f"{name}-{number}" for number in range(12)]
        assert {partition_for(symbol, 3) for symbol in self._symbols} == {0, 1, 2}

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Fail unless no acknowledged tick is lost, doubled or out of order through the fault.

        The service's own ticks have no hole either: nobody else could say what it has made.

        The load ends when the cluster is whole again and ticks flow.
        """
        words = (BOOTSTRAP, TOPIC, ",".join(self._symbols))
        with (
            watching(f"{self._stack.address(FIRST)}:8080") as watch,
            self._bench.start("support.follow", BOOTSTRAP, TOPIC) as follow,
            self._bench.start("support.load", *words) as load,
        ):
            assert follow.hear() == {"partitions": 3}
            self._wait_for_ticks(watch)
            started = time.monotonic()
            yield
            wait_for(self._bench.cluster, lambda seen: seen.whole)
            self._wait_for_ticks(watch)
            print(f"  whole again {time.monotonic() - started:.1f} s after the fault")
            *gaps, report = load.end()
            self._check_audit(gaps, report)
            self._check_client(watch, report["acked"])
            self._check_consumer(follow.end()[-1], report["acked"])

    def _wait_for_ticks(self, watch: Watch) -> None:
        """Wait until the client has got another 100 ticks of each symbol."""
        before = self._received(watch)
        wait_for(
            lambda: self._received(watch),
            lambda now: all(now[symbol] >= before[symbol] + 100 for symbol in self._symbols),
        )

    def _received(self, watch: Watch) -> dict[str, int]:
        counts = watch.counts.by_symbol
        return {s: counts[s].last if s in counts else 0 for s in self._symbols}

    def _check_audit(self, gaps: list[dict[str, Any]], report: dict[str, Any]) -> None:
        longest = max((gap["gap_s"] for gap in gaps), default=0.0)
        ticks = sum(report["acked"].values())
        print(f"  {ticks} ticks acknowledged, the longest wait of a symbol for one {longest:.1f} s")
        assert report["unanswered"] == 0
        found = self._bench.ask("support.audit", BOOTSTRAP, TOPIC, given=report["acked"])
        repeated = sum(map(len, found.pop("repeated").values()))
        print(f"  the service's producers repeated {repeated} ticks")
        assert found == {**FAULTLESS, "ticks": ticks}, found

    def _check_client(self, watch: Watch, acked: dict[str, int]) -> None:
        """Received and told as skipped are what was published, in order, on one connection."""
        wait_for(lambda: (self._received(watch), watch.balance), lambda seen: seen == (acked, 0))
        print(f"  the WebSocket client got {watch.counts.total}, and {watch.skipped} conflated")
        assert not watch.closed
        counts = watch.counts.by_symbol
        assert not any(count.disordered for count in counts.values()), counts

    def _check_consumer(self, told: dict[str, dict[str, int]], acked: dict[str, int]) -> None:
        counts = {symbol: Count(**told[symbol]) for symbol in acked}
        wanted = {symbol: Count(1, last, last) for symbol, last in acked.items()}
        assert counts == wanted, {s: c for s, c in counts.items() if c != wanted[s]}
