"""The one form of every check: PASS, FAIL or SKIP with what was expected and observed."""

import sys
from collections.abc import Callable, Collection
from enum import StrEnum

import click
import msgspec

from stockstream import config
from stockstream.errors import StockstreamError


class Status(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    SKIP = "SKIP"


_WORDS = {Status.PASS: "passed", Status.FAIL: "failed", Status.SKIP: "skipped"}


class Check(msgspec.Struct, frozen=True):
    """One line of a validator; `root` is the failed check that this one could not do without."""

    name: str
    status: Status
    detail: str = ""
    root: str | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.name}{': ' if self.detail else ''}{self.detail}"


class CheckFailed(Exception):
    """What was looked at is not as it should be; the text is `expected 3, observed 2`."""


class CheckSkipped(Exception):
    """It cannot be looked at here; the text says why."""


class Checks:
    """Runs checks one after the other, and remembers how they ended.

    A check is a function that returns a word for the PASS line (or None), or raises CheckFailed
    or CheckSkipped; any other error is a failure too: a validator does not die half way.
    """

    def __init__(self, show: Callable[[Check], None] = lambda check: None) -> None:
        self.done: list[Check] = []
        self._show = show

    def run(self, name: str, look: Callable[[], str | None], after: Collection[str] = ()) -> Check:
        """Run one check; where one of `after` has failed, skip it and name the root."""
        check = self._follow_up(name, after) or _looked(name, look)
        self.done.append(check)
        self._show(check)
        return check

    @property
    def failed(self) -> list[Check]:
        """The checks that have failed."""
        return [check for check in self.done if check.status is Status.FAIL]

    @property
    def exit_code(self) -> int:
        """0 where something was checked and nothing has failed, else 1."""
        return int(bool(self.failed) or all(c.status is Status.SKIP for c in self.done))

    def summary(self) -> list[str]:
        """Return the failures again, each with what follows from it, and the totals."""
        lines = []
        for failure in self.failed:
            followers = [check.name for check in self.done if check.root == failure.name]
            lines.append(str(failure))
            if followers:
                lines.append(f"     not checked because of it: {', '.join(followers)}")
        counts = {status: sum(c.status is status for c in self.done) for status in Status}
        totals = ", ".join(f"{counts[status]} {word}" for status, word in _WORDS.items())
        if not lines and self.exit_code:
            totals += ": nothing was checked, which counts as a failure"
        return [*lines, totals]

    def json(self) -> bytes:
        """Return all of it for a machine."""
        counts = {word: sum(c.status is s for c in self.done) for s, word in _WORDS.items()}
        return msgspec.json.encode({"checks": self.done, **counts, "ok": self.exit_code == 0})

    def _follow_up(self, name: str, after: Collection[str]) -> Check | None:
        for check in self.done:
            if check.name in after and (check.status is Status.FAIL or check.root):
                root = check.root or check.name
                return Check(name, Status.SKIP, f"follows from {root}", root)
        return None


def _looked(name: str, look: Callable[[], str | None]) -> Check:
    try:
        return Check(name, Status.PASS, look() or "")
    except CheckSkipped as reason:
        return Check(name, Status.SKIP, str(reason))
    except (CheckFailed, StockstreamError) as error:
        return Check(name, Status.FAIL, " ".join(str(error).split()))
    except Exception as error:  # not foreseen, so its type belongs to its text
        said = f"{type(error).__name__}: {error}"
        return Check(name, Status.FAIL, " ".join(said.split()))


def run_and_exit(run: Callable[[Checks], None], as_json: bool) -> None:
    """Run the checks, print them as they end (or all at the end as JSON), and exit."""
    checks = Checks(lambda check: None if as_json else _print(check))
    run(checks)
    if as_json:
        click.echo(checks.json())
    else:
        click.echo("")
        for line in checks.summary():
            click.echo(line)
    sys.exit(checks.exit_code)


def _print(check: Check) -> None:
    colours = {Status.PASS: "green", Status.FAIL: "red", Status.SKIP: "yellow"}
    plain = str(check)
    shown = click.style(plain[:4], fg=colours[check.status]) + plain[4:]
    coloured = sys.stdout.isatty() and not config.no_color()
    click.echo(shown if coloured else plain)
