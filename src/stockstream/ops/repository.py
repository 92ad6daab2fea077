"""What the repository itself has to keep to: files, run bits, YAML, clean sources."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from stockstream import datafile
from stockstream.errors import ConfigError
from stockstream.ops.checks import CheckFailed, CheckSkipped


def missing_files(root: Path, wanted: Sequence[str]) -> Iterator[str]:
    """Yield the files that are not there."""
    for name in wanted:
        if not (root / name).is_file():
            yield f"{name} is missing"


def run_bits(root: Path) -> Iterator[str]:
    """Yield the scripts that cannot be run by their name."""
    for script in sorted((root / "scripts").glob("*.sh")):
        if not os.access(script, os.X_OK):
            yield f"{script.relative_to(root)} cannot be run: chmod +x {script.relative_to(root)}"


def bad_yaml(root: Path, but: Collection[Path]) -> Iterator[str]:
    """Yield the YAML files, `but` those, that cannot be read or give a key twice."""
    for directory in ("config", "phase1", "phase2"):
        for file in sorted({*(root / directory).rglob("*.y*ml")} - {*but}):
            try:
                datafile.read(file)
            except ConfigError as error:
                yield str(error)


def clean_shell(root: Path) -> str:
    """Ask shellcheck and shfmt about the scripts.

    Raises:
        CheckFailed: they complain.
        CheckSkipped: they are not installed.
    """
    scripts = [str(path) for path in sorted((root / "scripts").rglob("*.sh"))]
    _ask("shellcheck", ["-x", *scripts], root)
    _ask("shfmt", ["-i", "2", "-d", *scripts], root)
    return f"{len(scripts)} files"


def clean_python(root: Path) -> None:
    """Ask ruff about the Python sources.

    Raises:
        CheckFailed: it complains.
        CheckSkipped: it is not installed.
    """
    _ask("ruff", ["check", "--quiet", "."], root)
    _ask("ruff", ["format", "--check", "--quiet", "."], root)


def _ask(program: str, arguments: Sequence[str], root: Path) -> None:
    beside_python = str(Path(sys.executable).parent)
    found = shutil.which(program, path=beside_python) or shutil.which(program)
    if not found:
        raise CheckSkipped(f"{program} is not installed; ./scripts/test.sh installs it")
    done = subprocess.run(
        [found, *arguments], cwd=root, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["no word why"]
        raise CheckFailed(f"{program}: {' | '.join(said[:5])}")
