"""How ticks are shown: a live table on a terminal, lines or JSON in a pipe."""

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import IO, Protocol, Self

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stockstream.tick import Stored

_TREND = {1: ("▲", "green"), 0: ("●", "dim"), -1: ("▼", "red")}


class Display(Protocol):
    """Shows ticks; when `show` returns they are out of this process's hands."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def show(self, ticks: Iterable[Stored]) -> None:
        """Show the ticks, in order; raises BrokenPipeError where nobody reads any more."""


class Lines:
    """One line a tick, for a pipe."""

    def __init__(self, out: IO[str] = sys.stdout) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, ticks: Iterable[Stored]) -> None:
        """Print and flush: what waits in a buffer is not printed.

        In one write: without a buffer (PYTHONUNBUFFERED, as in the image) each would go alone.
        """
        self._out.write("".join([f"{self._line(stored)}\n" for stored in ticks]))
        self._out.flush()

    def _line(self, stored: Stored) -> str:
        tick = stored.tick
        made = datetime.fromtimestamp(tick.timestamp / 1000, UTC)
        at = made.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{at} {tick.symbol} {tick.price:.2f} {tick.volume} #{tick.sequence}"


class JsonLines(Lines):
    """One JSON object a tick: the record, with its partition and offset."""

    def _line(self, stored: Stored) -> str:
        place = {"partition": stored.partition, "offset": stored.offset}
        fields = msgspec.structs.asdict(stored.tick) | place
        return msgspec.json.encode(fields).decode()


class LiveTable:
    """A table of the symbols that is redrawn in place, four times a second at most."""

    def __init__(self, console: Console | None = None) -> None:
        self._newest: dict[str, Stored] = {}
        self._changes: dict[str, float] = {}
        self._count = 0
        self._live = Live(
            console=console or Console(), get_renderable=self._table, refresh_per_second=4
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, ticks: Iterable[Stored]) -> None:
        """Take the ticks in; the table shows each symbol's last one at its next drawing."""
        for stored in ticks:
            tick = stored.tick
            known = self._newest.get(tick.symbol)
            self._changes[tick.symbol] = tick.price - known.tick.price if known else 0.0
            self._newest[tick.symbol] = stored
            self._count += 1

    def _table(self) -> Table:
        table = Table(caption=f"{self._count:,} ticks; Ctrl-C ends")
        table.add_column("Symbol", style="bold")
        for heading in ("Price", "Change", "Volume", "Sequence", "Age"):
            table.add_column(heading, justify="right")
        for symbol, stored in sorted(self._newest.items()):
            tick, change = stored.tick, self._changes[symbol]
            arrow, colour = _TREND[(change > 0) - (change < 0)]
            age_s = max(0.0, time.time() - tick.timestamp / 1000)
            table.add_row(
                symbol,
                Text(f"{tick.price:,.2f}", colour),
                Text(f"{arrow} {change:+.2f}", colour),
                f"{tick.volume:,}",
                f"{tick.sequence:,}",
                f"{age_s:.1f} s",
            )
        return table


def choose(as_json: bool, out: IO[str] = sys.stdout) -> Display:
    """Return JSON lines where they were asked for, else what suits `out`."""
    if as_json:
        return JsonLines(out)
    return LiveTable() if out.isatty() else Lines(out)
