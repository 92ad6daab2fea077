"""What every benchmark's command line has, and its rows of figures, for people or for machines."""

import argparse
import json
from collections.abc import Iterable

Row = dict[str, str | float]


def options(description: str | None, seconds: float | None = None) -> argparse.ArgumentParser:
    """Return a parser with --json, --kafka, and with --seconds where it has a default."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    if seconds is not None:
        parser.add_argument("--seconds", type=float, default=seconds, help="to measure each row")
    parser.add_argument("--kafka", metavar="HOST:PORT", help="use this one, on whatever cores")
    parser.add_argument("--json", action="store_true", help="one object a row")
    return parser


class Report:
    """Shows each row once it is known: in a Markdown table, or as a line of JSON."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._headed = False

    def show(self, row: Row) -> None:
        """Show a row; all of a report's rows have the same columns."""
        if self._as_json:
            print(json.dumps(row), flush=True)
            return
        if not self._headed:
            self._headed = True
            self._line(row)
            self._line("---" for _ in row)
        self._line(cell if isinstance(cell, str) else f"{cell:,}" for cell in row.values())

    def _line(self, cells: Iterable[str]) -> None:
        print("| " + " | ".join(cells) + " |", flush=True)


def percent(share: float) -> float:
    """Return the share as a figure in percent."""
    return round(100 * share, 1)
