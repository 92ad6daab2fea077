"""A replica's share of the symbols: those whose key falls on the partitions that it holds."""

import logging
import uuid
from collections.abc import Generator, Iterator

from stockstream import listing
from stockstream.config import Settings
from stockstream.kafka.admin import TopicInfo
from stockstream.market import Market
from stockstream.partitioner import partition_for
from stockstream.producer.rotation import Rotation, Run
from stockstream.producer.takeover import Found, take_over

log = logging.getLogger(__name__)


class Share:
    """The paths of the share's symbols, each of which runs once its newest tick was found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listing = listing.load()
        self._info: TopicInfo | None = None  # the topic as the running paths know it
        self._market = self._market_of(str(uuid.uuid4()))
        self._homes: dict[str, int] = {}
        self._rotation = Rotation()
        self._search: Generator[Found] | None = None

    def __len__(self) -> int:
        """Return how many symbols' ticks are made."""
        return len(self._rotation)

    @property
    def searching(self) -> bool:
        """Whether the newest ticks of some symbols are still looked for."""
        return self._search is not None

    def update(self, info: TopicInfo, held: set[int], moved_wait_s: float) -> None:
        """Make it the symbols of the partitions `held`; `take_over` explains `moved_wait_s`.

        The paths that run already go on, but for those of a topic that has changed.
        """
        if info != self._info:
            self.clear()
            self._info = info
            if seed := self._settings.market_seed or info.id:
                self._market = self._market_of(seed)
        homes = {s: partition_for(s, info.partitions) for s in self._settings.stock_symbols}
        self._homes = {symbol: home for symbol, home in homes.items() if home in held}
        self._rotation.keep(self._homes)
        self._end_search()
        missing = {s: home for s, home in self._homes.items() if s not in self._rotation.symbols}
        if missing:
            self._search = take_over(self._settings, missing, info.partitions, moved_wait_s)

    def release(self, partitions: set[int]) -> None:
        """Stop the paths of these partitions, and look for no newest ticks until `update`."""
        self._end_search()
        self._homes = {s: home for s, home in self._homes.items() if home not in partitions}
        self._rotation.keep(self._homes)

    def clear(self) -> None:
        """Stop all paths, to look for the newest ticks anew at `update`."""
        self._end_search()
        self._rotation.keep(())

    def search_on(self) -> None:
        """Do the next piece of the search, and start the paths that it settles.

        Raises:
            KafkaUnavailable: Kafka did not hand over the ticks.
        """
        found = next(self._search, None) if self._search else None
        if found is None:
            self._search = None
            return
        for symbol, at in found.items():
            newest = at.tick if at else None
            path = self._market.path(symbol, self._listing.company(symbol), newest)
            self._rotation.add(path, self._homes[symbol])
            log.debug("%s goes on after sequence %d", symbol, path.sequence)
            if newest and path.sequence < newest.sequence:
                log.warning(
                    "%s begins a new run at 1: no tick could follow the sequence %d of its newest",
                    symbol, newest.sequence,
                )  # fmt: skip
            if not path.can_move:
                log.warning(
                    "the price of %s cannot move: one cent is more than PRICE_VOLATILITY=%g of it",
                    symbol, self._settings.price_volatility,
                )  # fmt: skip

    def make(self, count: int, timestamp_ms: int) -> Iterator[tuple[Run, list[bytes]]]:
        """Make `count` ticks; yield each path's records together, with where they go."""
        return self._rotation.make(count, timestamp_ms)

    def __str__(self) -> str:
        """Return the symbols' names."""
        return ", ".join(sorted(self._homes)) or "nothing: other replicas hold all partitions"

    def _market_of(self, seed: str) -> Market:
        return Market(seed, self._listing.correlation, self._settings.price_volatility)

    def _end_search(self) -> None:
        if self._search is not None:
            self._search.close()
            self._search = None
