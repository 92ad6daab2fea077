"""Known vulnerabilities of the pinned packages: pip-audit asks, and here is what its answer means.

`python -m stockstream.ops.advisories PIP_AUDIT LIST...`, which scripts/audit-packages.sh runs.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from stockstream.errors import NotReady, StockstreamError
from stockstream.ops.checks import CheckFailed, Checks, CheckSkipped, Status

#: All of it: a request a package, one after the other.
_TIMEOUT_S = 600


class Vulnerability(msgspec.Struct, frozen=True):
    """One advisory on a package's version."""

    id: str
    fix_versions: list[str] = []


class Package(msgspec.Struct, frozen=True):
    """What the database says of a package; it was not asked where there is a `skip_reason`."""

    name: str
    version: str = ""
    skip_reason: str = ""
    vulns: list[Vulnerability] = []


class _Report(msgspec.Struct, frozen=True):
    dependencies: list[Package]


def audit(command: Sequence[str], lists: Sequence[str], checks: Checks) -> None:
    """Ask pip-audit, which is `command`, about the lists' packages: a check for each.

    Raises:
        NotReady: there is no answer, because the database cannot be reached for instance.
    """
    for package in _ask(command, lists):
        checks.run(f"{package.name} {package.version}".rstrip(), lambda p=package: _look(p))  # type: ignore[misc]


def exit_code(checks: Checks) -> int:
    """Return 1 where a package has a vulnerability, 2 where one was not looked up, else 0."""
    if checks.failed:
        return 1
    return 0 if checks.done and all(c.status is Status.PASS for c in checks.done) else 2


def _ask(command: Sequence[str], lists: Sequence[str]) -> list[Package]:
    with TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off"]
        asked = [f"--requirement={each}" for each in lists]
        try:
            done = subprocess.run(
                [*command, *options, "--format", "json", "--output", str(report), *asked],
                capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S,
            )  # fmt: skip
            found = msgspec.json.decode(report.read_bytes(), type=_Report).dependencies
        except subprocess.TimeoutExpired:
            raise NotReady(f"no answer of the advisory database within {_TIMEOUT_S} s") from None
        except (OSError, msgspec.MsgspecError):  # it ended without a report: vulnerable or not?
            said = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
            raise NotReady(f"the advisory database cannot be asked: {said}") from None
    # A package that several lists have is named once.
    return sorted({(p.name, p.version): p for p in found}.values(), key=lambda p: p.name)


def _look(package: Package) -> None:
    if package.skip_reason:
        raise CheckSkipped(package.skip_reason)
    if package.vulns:
        named = (f"{v.id} (fixed in {', '.join(v.fix_versions) or 'none'})" for v in package.vulns)
        raise CheckFailed(f"expected no advisory, observed {', '.join(named)}")


def main(pip_audit: str, lists: Sequence[str]) -> int:
    """Show all that is not well, the totals, and return the exit code."""
    checks = Checks(lambda check: None if check.status is Status.PASS else click.echo(str(check)))
    try:
        audit([pip_audit], lists, checks)
    except StockstreamError as error:
        click.echo(f"audit-packages.sh: {error}", err=True)
        return 2
    click.echo(checks.summary()[-1])
    if (code := exit_code(checks)) == 2:
        click.echo("audit-packages.sh: the advisory database did not know every package", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
