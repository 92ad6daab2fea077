"""What each client of a benchmark says first, as client.c takes it."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.feeder import symbols_of

JOIN = '{"event":"join","data":"stock-updates"}'
#: A client that says nothing gets no ticks.
SILENT = ""
#: Symbols that never come, of each client.
UNKNOWN = 999
#: The rates are above that of any symbol's ticks, so that all ticks are delivered.
_LOWEST_RATE, _HIGHEST_RATE = 10.0, 50.0


def message(home: Path, way: str, clients: int, symbols: int) -> str:
    """Return what the clients say, or @ and the file whose lines they say, one each.

    `way` is a server of the benchmark `fanout`, or one of `memory`; `symbols` of them are live.
    """
    live = symbols_of(symbols)
    match way:
        case "own":  # %d is the client's number; one that never comes makes each set another one
            return _subscribe([*live, "OWN%d"])
        case "own-live":
            lines = (_subscribe(_all_but(live, number)) for number in range(clients))
        case "named":
            return _subscribe(list(live))
        case "unknown":  # and one that comes: client.c waits for a tick
            return _subscribe(["AAPL", *(f"U{number}-%1$d" for number in range(UNKNOWN))])
        case "silent":
            return SILENT
        case "rate":
            return _subscribe("*", _HIGHEST_RATE)
        case "rates":
            lines = (_subscribe("*", rate) for rate in _rates(clients))
        case _:
            return JOIN
    file = home / f"{way}.txt"
    file.write_text("".join(f"{line}\n" for line in lines))
    return f"@{file}"


def _all_but(live: tuple[str, ...], number: int) -> list[str]:
    """Return all symbols but one, or but two where the clients are more than the symbols."""
    rounds, first = divmod(number, len(live))
    gone = live[first], live[(first + rounds) % len(live)]
    return [symbol for symbol in live if symbol not in gone]


def _rates(clients: int) -> Iterator[float]:
    for number in range(clients):
        yield _LOWEST_RATE + (_HIGHEST_RATE - _LOWEST_RATE) * number / clients


def _subscribe(symbols: list[str] | str, max_rate: float | None = None) -> str:
    data = {"symbols": symbols} if max_rate is None else {"symbols": symbols, "maxRate": max_rate}
    return json.dumps({"event": "subscribe", "data": data}, separators=(",", ":"))
