"""The market: the same seed, the same ticks; a bounded walk whose expected price stays."""

import math
from fractions import Fraction
from itertools import pairwise
from statistics import correlation, fmean, median, stdev

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stockstream.market import STEPS_PER_YEAR, Company, Market, Path, lowest_cents
from stockstream.succession import LAST_CONTINUED
from stockstream.tick import Tick, decode, encode
from support.records import TICKS

ACME = Company(price=100.0, volatility=0.3, volume=400)


def market(seed: str = "seed", *, correlation: float = 0.4, bound: float = 0.02) -> Market:
    return Market(seed, correlation, bound)


def take(path: Path, count: int) -> list[Tick]:
    return [path.step(n) for n in range(count)]


def returns(ticks: list[Tick]) -> list[float]:
    return [math.log(b.price / a.price) for a, b in pairwise(ticks)]


def test_path_same_seed_gives_same_ticks() -> None:
    """Two markets of one seed agree on every tick; another seed, or symbol, gives others."""
    ticks = take(market().path("ACME", ACME), 1000)
    assert ticks == take(market().path("ACME", ACME), 1000)
    prices = [tick.price for tick in ticks]
    assert prices != [tick.price for tick in take(market("other").path("ACME", ACME), 1000)]
    assert prices != [tick.price for tick in take(market().path("EMCA", ACME), 1000)]


@settings(deadline=None)  # no test depends on speed
@given(cut=st.integers(1, 600))
def test_path_resumed_anywhere_continues_the_same_ticks(cut: int) -> None:
    """Whoever goes on from the newest tick makes what the first producer would have made."""
    whole = take(market().path("ACME", ACME), 700)
    newest = decode(encode(whole[cut - 1]))
    resumed = market().path("ACME", ACME, newest)
    assert [resumed.step(n) for n in range(cut, 700)] == whole[cut:]


def test_path_several_steps_at_once_are_those_one_by_one() -> None:
    """However many ticks are made at once, across the blocks too, they are the same."""
    path = market().path("ACME", ACME)
    many = [tick for count in (1, 300, 2, 397) for tick in path.steps(count, 7)]
    other = market().path("ACME", ACME)
    assert many == [other.step(7) for _ in range(700)]
    assert path.steps(0, 7) == []
    assert path.step(7) == other.step(7)


@settings(deadline=None)  # no test depends on speed
@given(newest=TICKS)
def test_path_after_any_tick_makes_ticks_that_readers_take(newest: Tick) -> None:
    """No tick that another producer has written keeps the ones after it from being valid."""
    path = market().path("ACME", ACME, newest)
    made = path.steps(3, 7)
    assert [decode(encode(tick)) for tick in made] == made
    first = newest.sequence + 1 if newest.sequence <= LAST_CONTINUED else 1
    assert [tick.sequence for tick in made] == [first, first + 1, first + 2]


def test_path_sequence_starts_at_1_without_a_hole() -> None:
    """A symbol's ticks are counted from 1, and carry the timestamp that they are given."""
    ticks = take(market().path("ACME", ACME), 600)
    assert [tick.sequence for tick in ticks] == list(range(1, 601))
    assert [tick.timestamp for tick in ticks] == list(range(600))


@settings(deadline=None)  # no test depends on speed
@given(
    seed=st.text(max_size=5),
    price=st.floats(0.01, 1e9),
    volatility=st.floats(0, 10),
    bound=st.floats(1e-4, 0.5),
)
def test_path_any_company_stays_valid_and_within_the_bound(
    seed: str, price: float, volatility: float, bound: float
) -> None:
    """Prices are whole cents above 0, and no two neighbours differ by more than the bound."""
    path = market(seed, bound=bound).path("X", Company(price, volatility, 1))
    ticks = [Tick("X", round(price * 100) / 100, 1, 0, 1), *take(path, 300)]
    for before, after in pairwise(ticks):
        old, new = round(before.price * 100), round(after.price * 100)
        assert new >= 1
        assert new / 100 == after.price
        assert abs(Fraction(new - old, old)) <= Fraction(bound) * (1 + Fraction(1, 10**12))
        assert after.volume >= 1
        assert decode(encode(after)) == after


@settings(deadline=None)  # no test depends on speed
@given(
    seed=st.text(max_size=5),
    price=st.floats(0.01, 10) | st.floats(0.01, 1e9) | st.floats(0.99e11, 1e11),
    volatility=st.floats(0, 10),
    bound=st.floats(1e-4, 0.5),
)
@example(seed="", price=0.50, volatility=1.0, bound=0.02)  # at the floor
@example(seed="", price=1e11, volatility=1.0, bound=0.02)  # at the ceiling
def test_path_that_checks_only_where_it_has_to_makes_the_same_ticks(
    seed: str, price: float, volatility: float, bound: float
) -> None:
    """Where no draw leads beyond the bound, the floor or the ceiling, a check changes nothing."""
    company, newest = Company(1.0, volatility, 1), Tick("X", round(price, 2), 1, 0, 1)
    path, careful = (market(seed, bound=bound).path("X", company, newest) for _ in range(2))
    careful._calm = (math.inf, -math.inf)
    assert path.steps(300, 7) == careful.steps(300, 7)


@settings(deadline=None)  # no test depends on speed
@given(bound=st.floats(1e-6, 0.5))
def test_lowest_cents_any_bound_is_the_lowest_price_that_can_move(bound: float) -> None:
    """At the floor one cent is within the bound; one cent lower it is not."""
    floor = lowest_cents(bound)
    assert int(floor * bound) >= 1
    assert int((floor - 1) * bound) < 1


def test_path_at_the_floor_comes_back() -> None:
    """A price at the floor neither falls below it nor stays there for ever."""
    path = market().path("PENNY", Company(price=0.50, volatility=3.0, volume=1))
    prices = [tick.price for tick in take(path, 20_000)]
    assert min(prices) == 0.50
    assert max(prices) > 0.60
    assert prices.count(0.50) > 10
    assert path.can_move


def test_path_below_the_floor_stays_and_says_so() -> None:
    """Where one cent is more than the bound allows, the price is held, and `can_move` is false."""
    path = market().path("PENNY", Company(price=0.49, volatility=3.0, volume=1))
    assert not path.can_move
    assert {tick.price for tick in take(path, 1000)} == {0.49}


def test_path_at_the_ceiling_stays_valid() -> None:
    """A price that has grown for ever is held below what a record may carry."""
    newest = Tick("RICH", 1e11, 1, 0, 1)
    path = market().path("RICH", Company(price=1e9, volatility=10.0, volume=1), newest)
    for made in take(path, 1000):
        assert decode(encode(made)).price <= 1e11


def test_path_expected_price_stays() -> None:
    """Over many seeds the mean of the price after 1,000 steps is the price at the start.

    A year's volatility of 300 % makes a drift show: without the correction of s^2/2 the mean would
    be 4.7 % higher. The standard error of 1,000 paths is 1 %.
    """
    company = Company(price=1000.0, volatility=3.0, volume=1)
    ends = [take(market(f"{n}").path("X", company), 1000)[-1].price for n in range(1_000)]
    assert abs(fmean(ends) / 1000 - 1) < 0.02


def test_path_low_price_is_rounded_without_bias() -> None:
    """A price whose steps are far below one cent still moves, and on average nowhere."""
    company = Company(price=2.00, volatility=0.3, volume=1)  # a step is 0.19 cents
    ends = [take(market(f"{n}").path("X", company), 500)[-1].price for n in range(1_000)]
    assert len(set(ends)) > 10
    assert abs(fmean(ends) / 2 - 1) < 0.01


def test_path_volatility_is_the_companys() -> None:
    """The standard deviation of the returns is the year's one, scaled to a minute of trading."""
    path = market().path("X", Company(price=10_000.0, volatility=0.3, volume=1))
    measured = stdev(returns(take(path, 50_000))) * math.sqrt(STEPS_PER_YEAR)
    assert abs(measured / 0.3 - 1) < 0.02


def test_path_volumes_are_lognormal_around_the_median() -> None:
    """Half of the volumes lie above the company's, and their mean is well above the median."""
    volumes = [tick.volume for tick in take(market().path("X", ACME), 20_000)]
    assert abs(median(volumes) / 400 - 1) < 0.03
    assert abs(fmean(volumes) / 400 / math.exp(0.8**2 / 2) - 1) < 0.03


def test_market_symbols_move_together_as_told() -> None:
    """The returns of two symbols have the correlation of the settings, also if that is 0 or 1."""
    company = Company(price=10_000.0, volatility=0.3, volume=1)
    for wanted in (0.0, 0.4, 1.0):
        one = market(correlation=wanted)
        a, b = (returns(take(one.path(symbol, company), 20_000)) for symbol in "AB")
        assert abs(correlation(a, b) - wanted) < 0.03


def test_market_symbols_far_apart_keep_their_paths() -> None:
    """Blocks of the shared factor that were dropped and drawn again are the same."""
    alone = take(market().path("A", ACME), 50_000)
    shared = market()
    far = shared.path("B", ACME, Tick("B", 100.0, 1, 0, 10**9))
    path = shared.path("A", ACME)
    for n, tick in enumerate(alone):
        far.step(n)
        assert path.step(n) == tick
