"""The market: a seeded random walk of each symbol's price, with no clock and no I/O of its own.

One tick is one step of the market, a minute of trading. A step multiplies the price by
exp(s z - s^2/2), a geometric Brownian motion whose expected price stays where it is; z mixes a
factor that all symbols share with the symbol's own, so that prices move together.

Every draw is addressed by (seed, symbol, sequence), and the shared factor by (seed, sequence):
whoever goes on from a symbol's newest tick continues the same path, without being told anything.
"""

import math
import random
import struct
from statistics import NormalDist
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from stockstream.succession import LAST_CONTINUED
from stockstream.tick import Tick

#: Minutes of trading in a year: 252 days of 6.5 hours.
STEPS_PER_YEAR = 252 * 390

#: Draws are made in blocks, each from a generator of its own: seeding one costs 10 microseconds.
_BLOCK = 256
#: Blocks of the shared factor that are kept: symbols may stand at different sequences.
_KEPT_BLOCKS = 64
#: How much a symbol's volumes vary: the standard deviation of their logarithm.
_VOLUME_SPREAD = 0.8
#: Above this a price is held, so that a tick stays valid whatever the walk does.
_HIGHEST_CENTS = 10**13


def _quantiles(count: int) -> list[float]:
    """Return the middle of each of `count` equal parts of the normal distribution."""
    normal = NormalDist()
    return [normal.inv_cdf((i + 0.5) / count) for i in range(count)]


# The normal distribution as its 4,096 quantiles: drawing from a list takes 0.08 microseconds,
# random.gauss 0.35. The variance is 0.04 % below 1, the largest draw 3.7.
_NORMAL = _quantiles(4096)
#: The lognormal distribution as its 256 quantiles: a tick's volume as a multiple of the median.
_VOLUMES = [math.exp(_VOLUME_SPREAD * z) for z in _quantiles(256)]


class Company(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a symbol's ticks look like.

    `price` is the first one, `volatility` the standard deviation of a year's return, `volume` the
    median number of shares a tick.
    """

    price: Annotated[float, Meta(ge=0.01, le=1e9)]
    volatility: Annotated[float, Meta(ge=0, le=10)]
    volume: Annotated[int, Meta(ge=1, le=10**9)]


class Market:
    """The walks of all symbols, from one seed.

    `correlation` is that of two symbols' returns; `bound` the largest relative change of one
    tick, which holds for the rounded prices too.
    """

    def __init__(self, seed: str, correlation: float, bound: float) -> None:
        self.seed = seed
        self.bound = bound
        self.shared_weight = math.sqrt(correlation)
        self.own_weight = math.sqrt(1 - correlation)
        self._factors: dict[int, list[float]] = {}

    def path(self, symbol: str, company: Company, newest: Tick | None = None) -> "Path":
        """Return the symbol's walk, going on after `newest` (None: from its first tick)."""
        return Path(self, symbol, company, newest)

    def factor(self, block: int) -> list[float]:
        """Return the block of the factor that all symbols share."""
        if block not in self._factors:
            if len(self._factors) >= _KEPT_BLOCKS:
                del self._factors[next(iter(self._factors))]
            # No symbol is empty, so no symbol's own draws are these.
            shared = random.Random(f"{self.seed}//{block}")  # noqa: S311
            self._factors[block] = shared.choices(_NORMAL, k=_BLOCK)
        return self._factors[block]


class Draws(NamedTuple):
    """A block of steps: each one's relative change, its rounding, and its volume."""

    changes: list[float]
    roundings: list[float]
    volumes: list[int]


class Path:
    """One symbol's walk, in whole cents."""

    def __init__(self, market: Market, symbol: str, company: Company, newest: Tick | None) -> None:
        self.symbol = symbol
        # From a tick of another producer the walk goes on within what its own may have.
        goes_on = newest is not None and newest.sequence <= LAST_CONTINUED
        self.sequence = newest.sequence if newest and goes_on else 0
        cents = round((newest.price if newest else company.price) * 100)
        self._cents = min(max(1, cents), _HIGHEST_CENTS)
        self._market = market
        step = company.volatility / math.sqrt(STEPS_PER_YEAR)
        self._drift = -step * step / 2
        self._shared, self._alone = step * market.shared_weight, step * market.own_weight
        self._volumes = [int(company.volume * times) or 1 for times in _VOLUMES]
        self._floor = lowest_cents(market.bound)
        self._calm = self._calm_cents()
        self._block = -1
        self._draws = Draws([], [], [])

    @property
    def can_move(self) -> bool:
        """Whether the bound leaves room for a change of one cent."""
        return self._cents >= self._floor

    def step(self, timestamp_ms: int) -> Tick:
        """Return the next tick."""
        return self.steps(1, timestamp_ms)[0]

    def steps(self, count: int, timestamp_ms: int) -> list[Tick]:
        """Return the next ticks, all of the same time.

        Each changes the price by whole cents, within the bound. The change is rounded up or down by
        chance, so that its expectation is the exact one: rounding to the nearest cent would hold a
        low price, with steps below half a cent, for ever.
        """
        ticks: list[Tick] = []
        cents, (calm_from, calm_to) = self._cents, self._calm
        sequence, last = self.sequence, self.sequence + count
        while sequence < last:
            block, first = divmod(sequence, _BLOCK)
            if block != self._block:
                self._block, self._draws = block, self._draw(block)
            part = slice(first, first + last - sequence)
            for change, rounding, volume in zip(*(of[part] for of in self._draws), strict=True):
                step = math.floor(cents * change + rounding)
                cents += step if calm_from <= cents <= calm_to else self._held(cents, step)
                sequence += 1
                ticks.append(Tick(self.symbol, cents / 100, volume, timestamp_ms, sequence))
        self._cents, self.sequence = cents, sequence
        return ticks

    def _draw(self, block: int) -> Draws:
        own = random.Random(f"{self._market.seed}/{self.symbol}/{block}")  # noqa: S311
        # Random bytes pick the quantiles: choices() would take a quarter of a tick's time.
        picks = struct.unpack(f"<{_BLOCK}H", own.randbytes(2 * _BLOCK))
        drift, shared, alone = self._drift, self._shared, self._alone
        changes = [
            math.expm1(drift + shared * m + alone * _NORMAL[z & 4095])
            for m, z in zip(self._market.factor(block), picks, strict=True)
        ]
        roundings = [own.random() for _ in range(_BLOCK)]
        return Draws(changes, roundings, [self._volumes[v] for v in own.randbytes(_BLOCK)])

    def _held(self, cents: int, step: int) -> int:
        """Return the step, no larger than the bound, or 0 where the price may not go there."""
        limit = int(cents * self._market.bound)
        step = max(-limit, min(step, limit))
        # Not below the floor: from there one cent up is too large, and it could never move.
        return step if self._floor <= cents + step <= _HIGHEST_CENTS else 0

    def _calm_cents(self) -> tuple[float, float]:
        """Return the lowest and highest price from which no draw has to be held: most prices."""
        most = math.expm1((self._shared + self._alone) * _NORMAL[-1] - self._drift)
        room = self._market.bound - most
        if room <= 0:
            return math.inf, -math.inf
        # Rounding adds up to one cent to a step, and takes up to one from the bound.
        lowest = max(2 / room, (self._floor + 1) / (1 - most))
        return lowest, (_HIGHEST_CENTS - 1) / (1 + most)


def lowest_cents(bound: float) -> int:
    """Return the lowest price from which a change of one cent is within the bound: 50 at 2 %."""
    cents = math.ceil(1 / bound)
    return cents if int(cents * bound) >= 1 else cents + 1  # 1 / bound may be rounded down
