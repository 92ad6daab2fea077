"""config/market.yml: each symbol's company, and one for a symbol that is not listed."""

from pathlib import Path

import pytest

from stockstream import listing
from stockstream.config import Settings
from stockstream.errors import ConfigError

GOOD = """
correlation: 0.4
default: {prices: [20.0, 500.0], volatility: 0.3, volume: 300}
symbols:
  ACME: {price: 100.5, volatility: 0.2, volume: 10}
"""


def test_load_shipped_file_lists_the_default_symbols() -> None:
    """Every symbol that is made by default has a company of its own."""
    assert set(Settings().stock_symbols) <= set(listing.load().symbols)


def test_company_unlisted_symbol_gets_a_stable_price(tmp_path: Path) -> None:
    """An unlisted symbol starts at a price between the bounds, the same one every time."""
    path = tmp_path / "market.yml"
    path.write_text(GOOD)
    found = listing.load(path)
    assert found.company("ACME").price == 100.5
    prices = [found.company(f"S{n}").price for n in range(100)]
    assert prices == [listing.load(path).company(f"S{n}").price for n in range(100)]
    assert all(20 <= price <= 500 for price in prices)
    assert len(set(prices)) > 90
    assert found.company("S1").volatility == 0.3


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("correlation: 0.4", "correlation: 1.5", r"correlation"),
        ("correlation: 0.4", "correlatoin: 0.4", r"correlatoin"),
        ("price: 100.5", "price: -1", r"symbols\.ACME: .*price"),
        ("price: 100.5, ", "", r"symbols\.ACME: .*missing.*price"),
        ("volume: 10}", "volume: ten}", r"symbols\.ACME: .*volume"),
        ("  ACME: {", "  - {", "symbols: expected names"),
    ],
)
def test_load_bad_entry_is_named(tmp_path: Path, old: str, new: str, wanted: str) -> None:
    """A file that cannot be used is refused, with its place."""
    path = tmp_path / "market.yml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError, match=wanted):
        listing.load(path)
