"""config/market.yml: the starting price, volatility and volume of each symbol."""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from stockstream import datafile
from stockstream.config import ROOT
from stockstream.market import Company

#: Where the companies are written down.
FILE = ROOT / "config/market.yml"


class Default(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a symbol is like that is not listed; `prices` are the lowest and the highest start."""

    prices: tuple[Annotated[float, Meta(ge=0.01)], Annotated[float, Meta(ge=0.01, le=1e9)]]
    volatility: Annotated[float, Meta(ge=0, le=10)]
    volume: Annotated[int, Meta(ge=1, le=10**9)]


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; `correlation` is that of two symbols' returns."""

    correlation: Annotated[float, Meta(ge=0, le=1)]
    default: Default
    symbols: dict[str, Company]

    def company(self, symbol: str) -> Company:
        """Return the symbol's company; one that is not listed gets its price from its name.

        So it starts at the same price on every replica and after every restart.
        """
        if found := self.symbols.get(symbol):
            return found
        low, high = self.default.prices
        share = int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big") / 2**64
        price = round(low * (high / low) ** share, 2)
        return Company(price, self.default.volatility, self.default.volume)


def load(path: Path = FILE) -> Listing:
    """Read the file.

    Raises:
        ConfigError: it cannot be used; the text names the entry.
    """
    content = datafile.read(path)
    symbols = datafile.entries(content.get("symbols", {}), f"{path}: symbols")
    companies = {
        symbol: datafile.convert(entry, Company, f"{path}: symbols.{symbol}")
        for symbol, entry in symbols.items()
    }
    return datafile.convert({**content, "symbols": companies}, Listing, str(path))
