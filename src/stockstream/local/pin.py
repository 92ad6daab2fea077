"""Make jars.sha256 anew: `python -m stockstream.local.pin`, which scripts/pin-jars.sh runs."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stockstream.errors import StockstreamError, WrongJar
from stockstream.local import hashes, jars
from stockstream.local.fetch import fetch


def pin(file: Path = hashes.FILE) -> list[str]:
    """Fetch the jars of jars.COORDINATES, list them in `file`, and return what has changed.

    Raises:
        NoRealKafka: the jars cannot be had.
        WrongJar: Maven Central's own SHA-1 disagrees, or a jar that was listed before has another
            hash now; a released jar never changes, so the file stays as it was.
    """
    before = hashes.read(file) if file.exists() else {}
    with tempfile.TemporaryDirectory() as directory:
        found = fetch(jars.COORDINATES, Path(directory), lambda done, total: None)
        now = {jar.name: hashes.of(jar) for jar in found}
    for name in sorted(before.keys() & now.keys()):
        if before[name] != now[name]:
            raise WrongJar(
                f"{name}: expected SHA-256 {before[name]} as before, observed {now[name]}: a "
                f"released jar does not change; to accept it, take its line out of {file}"
            )
    file.write_text("".join(f"{now[name]}  {name}\n" for name in sorted(now)), encoding="ascii")
    return _changes(before, now)


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    gone = [f"- {name}" for name in sorted(before.keys() - now.keys())]
    return [*gone, *(f"+ {name}" for name in sorted(now.keys() - before.keys()))]


if __name__ == "__main__":
    try:
        changes = pin()
    except StockstreamError as error:
        sys.exit(f"pin-jars.sh: {error}")
    print(*changes, f"{len(hashes.read())} jars of Kafka {jars.VERSION}", sep="\n")  # noqa: T201
