"""Faults for validate-project: each spoils a copy of the repository in one way."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from stockstream.config import ROOT
from stockstream.ops.checks import Checks, Status
from stockstream.ops.project import validate

Fault = Callable[[Path], None]


def edit(file: str, old: str, new: str) -> Fault:
    """Return a fault that replaces `old`, which has to be there, by `new`, once."""

    def inject(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text, f"{file}: {old!r} is not there any more: adapt the fault"
        (root / file).write_text(text.replace(old, new, 1))

    return inject


def add(file: str, text: str) -> Fault:
    """Return a fault that appends a line, to a new file where there is none."""

    def inject(root: Path) -> None:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + text)

    return inject


def remove(file: str) -> Fault:
    """Return a fault that takes a file away."""
    return lambda root: (root / file).unlink()


def not_utf8(file: str) -> Fault:
    """Return a fault that appends bytes that are no text."""

    def inject(root: Path) -> None:
        path = root / file
        path.write_bytes((path.read_bytes() if path.exists() else b"") + b"# \xff\n")

    return inject


def copy_repository(directory: Path) -> Path:
    """Copy what stands in the repository, tests left out, to spoil copies of it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    return directory


def run(root: Path, scope: str, online: bool = False) -> Checks:
    """Return how the checks of this scope end."""
    checks = Checks()
    validate(checks, scope, root, online)
    return checks


def check_red(
    checks: Checks, before: dict[str, Status], wanted: set[str], root: str, leave_out: set[str]
) -> None:
    """Fail unless just the checks `wanted` are red now; others stay, or follow from `root`.

    Checks to `leave_out` ask another program, which refuses some of the faults as well.
    """
    red = {c.name for c in checks.failed if before[c.name] is not Status.FAIL}
    assert red - leave_out | (wanted & red) == wanted, checks.summary()
    assert checks.exit_code == 1
    for check in checks.done:
        same = check.status is before[check.name]
        assert check.name in {*red, *leave_out} or same or check.root == root, check
