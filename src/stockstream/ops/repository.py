"""What the repository itself has to keep to: files, run bits, YAML, links, clean sources."""

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from stockstream import datafile
from stockstream.errors import ConfigError
from stockstream.ops.checks import CheckFailed, CheckSkipped

_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_OUTSIDE_TIMEOUT_S = 15


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


def dead_links(root: Path) -> Iterator[str]:
    """Yield the links in the documents whose file or heading does not exist."""
    for document in _documents(root):
        for target in _links(document):
            if _is_outside(target):
                continue
            path, _, anchor = target.partition("#")
            file = document.parent / path if path else document
            where = f"{document.relative_to(root)}: {target}"
            if not file.exists():
                yield f"{where}: no such file"
            elif anchor and file.suffix == ".md" and anchor not in _anchors(file):
                yield f"{where}: no such heading"


def dead_outside_links(root: Path) -> Iterator[str]:
    """Yield the http links in the documents that do not answer."""
    targets = {t for d in _documents(root) for t in _links(d) if t.startswith("http")}
    for target in sorted(t for t in targets if "//localhost" not in t):
        request = urllib.request.Request(target, headers={"User-Agent": "stockstream"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_OUTSIDE_TIMEOUT_S):  # noqa: S310
                pass
        except (urllib.error.URLError, TimeoutError) as error:
            yield f"{target}: {error}"


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
    done = subprocess.run([found, *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["no word why"]
        raise CheckFailed(f"{program}: {' | '.join(said[:5])}")


def _documents(root: Path) -> list[Path]:
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def _links(document: Path) -> list[str]:
    return _LINK.findall(_CODE.sub("", document.read_text(encoding="utf-8")))


def _is_outside(target: str) -> bool:
    return bool(re.match(r"[a-z][a-z0-9+.-]*:", target))


def _anchors(document: Path) -> set[str]:
    """Return the names that a Markdown renderer gives the headings."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.S | re.M)
    anchors: set[str] = set()
    for heading in _HEADING.findall(text):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        name = base = plain.replace(" ", "-")
        repeated = 0
        while name in anchors:
            repeated += 1
            name = f"{base}-{repeated}"
        anchors.add(name)
    return anchors
