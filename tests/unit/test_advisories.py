"""The audit of the packages: red for an advisory, and never green for what was not looked up."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stockstream.ops import advisories

FINE = {"name": "click", "version": "8.5.1", "vulns": []}
VULNERABLE = {
    "name": "jinja2",
    "version": "3.1.2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.3"], "aliases": [], "description": "x"}],
}
UNKNOWN = {"name": "flask", "skip_reason": "Dependency not found on PyPI"}

Audit = Callable[..., int]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """Return an audit by a pip-audit that reports these packages, or says something and ends."""

    def run(*packages: dict[str, object], says: str = "") -> int:
        (tmp_path / "report").write_text(json.dumps({"dependencies": packages, "fixes": []}))
        program = tmp_path / "pip-audit"
        # As the real one: 1 for a finding, and for a failure without a report.
        write = f"""while [ "$1" != --output ]; do shift; done; cp "{tmp_path}/report" "$2\""""
        write = f'echo "{says}" >&2' if says else write
        program.write_text(f"#!/bin/sh\n{write}\nexit 1\n")
        program.chmod(0o755)
        return advisories.main(str(program), ["image.txt", "test.txt"])

    return run


@pytest.mark.parametrize(
    ("packages", "code", "last"),
    [
        ([FINE], 0, "1 passed, 0 failed, 0 skipped"),
        ([FINE, FINE], 0, "1 passed, 0 failed, 0 skipped"),
        ([FINE, VULNERABLE], 1, "1 passed, 1 failed, 0 skipped"),
        ([VULNERABLE, UNKNOWN], 1, "0 passed, 1 failed, 1 skipped"),
        ([FINE, UNKNOWN], 2, "1 passed, 0 failed, 1 skipped"),
        ([UNKNOWN], 2, "0 passed, 0 failed, 1 skipped: nothing was checked, which counts as a "),
        ([], 2, "0 passed, 0 failed, 0 skipped: nothing was checked, which counts as a failure"),
    ],
)
def test_audit_exit_code_says_what_is_known(
    audit: Audit, capsys: pytest.CaptureFixture[str], packages: list, code: int, last: str
) -> None:
    """0 only where every package was looked up and has no advisory; pip-audit asks for less."""
    assert audit(*packages) == code
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1].startswith(last)
    assert (code == 2) == ("the advisory database did not know" in shown.err)


def test_audit_names_the_advisory_and_what_fixes_it(
    audit: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line a package that is not well, and none of the others."""
    audit(FINE, VULNERABLE, UNKNOWN)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [
        "SKIP flask: Dependency not found on PyPI",
        "FAIL jinja2 3.1.2: expected no advisory, observed PYSEC-1 (fixed in 3.1.3)",
    ]


def test_audit_without_the_database_says_so(
    audit: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    """No report is no finding, though pip-audit ends with 1 as for one."""
    assert audit(says="Traceback\nConnectionError: no such host") == 2
    said = "audit-packages.sh: the advisory database cannot be asked: ConnectionError: no such host"
    assert capsys.readouterr().err.splitlines() == [said]
