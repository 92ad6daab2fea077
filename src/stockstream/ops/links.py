"""Whether the links in the documents lead anywhere."""

import http.client
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stockstream.ops.variables import read_text

#: Where documents stand; the root's own come with them.
_DIRECTORIES = (".github", "config", "docs", "phase1", "phase2", "scripts", "tests")
#: [text](target "title"), also where the text is an image; <a href="target">; [name]: target
_INLINE = re.compile(r"\]\(\s*(?:<([^>\n]+)>|([^)\s]+))")
_HTML = re.compile(r"""<(?:a|img)\b[^>]*?\b(?:href|src)=["']([^"']+)["']""")
_AUTOMATIC = re.compile(r"<(https?://[^>\s]+)>")
_DEFINED = re.compile(r"^ {0,3}\[(?!\^)([^\]\n]+)\]:[ \t]*(?:<([^>\n]+)>|(\S+))", re.MULTILINE)
_REFERENCE = re.compile(r"(?<![\w\]])!?\[([^\[\]\n]+)\]\[([^\[\]\n]*)\]")
_BLOCK = re.compile(r"^[ \t]*```.*?^[ \t]*```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_OUTSIDE_TIMEOUT_S = 15


def dead_links(root: Path) -> Iterator[str]:
    """Yield the links in the documents whose file or heading does not exist.

    Raises:
        ConfigError: a document cannot be read.
    """
    for document in _documents(root):
        where, text = document.relative_to(root), _prose(document)
        for target in _targets(text):
            if not _is_outside(target) and (problem := _problem(document, target)):
                yield f"{where}: {target}: {problem}"
        known = {_label(name) for name, *_ in _DEFINED.findall(text)}
        for shown, name in _REFERENCE.findall(text):
            if _label(name or shown) not in known:
                yield f"{where}: [{shown}][{name}]: no such reference"


def dead_outside_links(root: Path) -> Iterator[str]:
    """Yield the http links in the documents that do not answer.

    Raises:
        ConfigError: a document cannot be read.
    """
    found = {target for document in _documents(root) for target in _targets(_prose(document))}
    for target in sorted(target for target in found if target.startswith("http")):
        try:
            if urlsplit(target).hostname != "localhost":
                _ask(target)
        # ValueError: not an address; HTTPException: an answer that is not HTTP, or none.
        except (OSError, http.client.HTTPException, ValueError) as error:
            yield f"{target}: {error}"


def _ask(target: str) -> None:
    request = urllib.request.Request(target, headers={"User-Agent": "stockstream"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=_OUTSIDE_TIMEOUT_S):  # noqa: S310
        pass


def _problem(document: Path, target: str) -> str:
    path, _, anchor = target.partition("#")
    file = document.parent / unquote(path) if path else document
    if not file.exists():
        return "no such file"
    if anchor and file.suffix == ".md" and anchor not in _anchors(file):
        return "no such heading"
    return ""


def _documents(root: Path) -> list[Path]:
    below = [path for name in _DIRECTORIES for path in (root / name).rglob("*.md")]
    return sorted([*root.glob("*.md"), *below])


def _prose(document: Path) -> str:
    """Return the text without its code, where nothing is a link."""
    return _CODE.sub("", _BLOCK.sub("", read_text(document)))


def _targets(text: str) -> Iterator[str]:
    for pattern in (_INLINE, _HTML, _AUTOMATIC, _DEFINED):
        for found in pattern.finditer(text):
            groups = found.groups()[1:] if pattern is _DEFINED else found.groups()
            yield next(filter(None, groups))


def _label(name: str) -> str:
    """Return the name of a reference as Markdown compares it."""
    return " ".join(name.lower().split())


def _is_outside(target: str) -> bool:
    return bool(re.match(r"[a-z][a-z0-9+.-]*:", target))


def _anchors(document: Path) -> set[str]:
    """Return the names that a Markdown renderer gives the headings."""
    anchors: set[str] = set()
    for heading in _HEADING.findall(_BLOCK.sub("", read_text(document))):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        name = base = plain.replace(" ", "-")
        repeated = 0
        while name in anchors:
            repeated += 1
            name = f"{base}-{repeated}"
        anchors.add(name)
    return anchors
