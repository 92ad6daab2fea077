"""The SHA-256 of Kafka's jars: what is listed in jars.sha256 runs, and nothing else."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from stockstream.errors import WrongJar

#: A line a jar, as `sha256sum` writes and checks them; scripts/pin-jars.sh makes it anew.
FILE = Path(__file__).with_name("jars.sha256")

_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S+\.jar)")


def read(file: Path = FILE) -> dict[str, str]:
    """Return the listed SHA-256 of each jar, by the jar's file name.

    Raises:
        WrongJar: a line is not a hash and a jar's name, or a jar is listed twice.
    """
    listed: dict[str, str] = {}
    for number, line in enumerate(file.read_text(encoding="ascii").splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if not found or found[2] in listed:
            raise WrongJar(f"{file}: line {number}: expected SHA-256 and jar, each jar once")
        listed[found[2]] = found[1]
    return listed


def check(jar: Path, listed: Mapping[str, str]) -> None:
    """Compare one jar with its listed hash.

    Raises:
        WrongJar: it is another file, or is not listed; the text has both hashes.
        OSError: it cannot be read.
    """
    observed = of(jar)
    if observed != (expected := listed.get(jar.name, "no such jar")):
        raise WrongJar(f"{jar.name}: expected SHA-256 {expected}, observed {observed}")


def check_all(directory: Path, listed: Mapping[str, str]) -> list[Path]:
    """Return the directory's jars, sorted, where they are just those listed.

    Every start reads all of them: 57 jars of 46 MB take 0.04 to 0.1 s, and Kafka needs 2.8 s
    to start and reads them too. A remembered size and time would miss a jar that was tampered with.

    Raises:
        WrongJar: one is missing, too much, or another file.
        OSError: one cannot be read.
    """
    jars = sorted(directory.glob("*.jar"))
    for jar in jars:
        check(jar, listed)
    if missing := sorted(listed.keys() - {jar.name for jar in jars}):
        raise WrongJar(f"{missing[0]}: expected SHA-256 {listed[missing[0]]}, observed no such jar")
    return jars


def of(jar: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    with jar.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
