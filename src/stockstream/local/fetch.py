"""Fetch Kafka's jars from Maven Central with jgo."""

import zipfile
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext

from stockstream.errors import NoRealKafka
from stockstream.local.jars import Progress

_TIMEOUT_S = 10
_ATTEMPTS = 3


def fetch(coordinates: tuple[str, ...], repository: Path, progress: Progress) -> list[Path]:
    """Fetch the jars of these Maven coordinates, and all that they need, into `repository`.

    Raises:
        NoRealKafka: Maven Central does not answer, or does not have them.
        OSError: the repository cannot be written.
    """
    # jgo.build would also download a whole JDK, to sort the jars into modules.
    context = MavenContext(repo_cache=repository, timeout=_TIMEOUT_S)
    progress(0, 0)
    try:
        wanted = [context.create_dependency(coordinate) for coordinate in coordinates]
        given, found = context.resolver.resolve(wanted)
        needed = [*given, *(each for each in found if each.scope in ("compile", "runtime"))]
        with ThreadPoolExecutor(8) as pool:
            try:
                return _collect([pool.submit(_download, e.artifact) for e in needed], progress)
            finally:  # after an error or Ctrl-C: do not fetch the rest first
                pool.shutdown(cancel_futures=True)
    except (requests.ConnectionError, requests.Timeout) as error:
        raise NoRealKafka(
            "no network: Maven Central, which has the jars, does not answer"
        ) from error
    except (requests.RequestException, zipfile.BadZipFile, RuntimeError) as error:
        raise NoRealKafka(f"the jars cannot be had from Maven Central: {error}") from error


def _collect(downloads: list[Future[Path]], progress: Progress) -> list[Path]:
    for done, download in enumerate(as_completed(downloads), 1):
        download.result()
        progress(done, len(downloads))
    return [download.result() for download in downloads]


def _download(artifact: Artifact, attempts: int = _ATTEMPTS) -> Path:
    try:
        jar = artifact.resolve()
        _check(jar)
        return jar
    except (requests.RequestException, zipfile.BadZipFile):
        # jgo takes a half-written file for a whole one.
        if artifact.cached_path is not None:
            artifact.cached_path.unlink(missing_ok=True)
        if attempts == 1:
            raise
    return _download(artifact, attempts - 1)


def _check(jar: Path) -> None:
    """Raise BadZipFile where a part of the jar is missing or wrong."""
    with zipfile.ZipFile(jar) as archive:
        if bad := archive.testzip():
            raise zipfile.BadZipFile(f"{jar.name}: {bad} is damaged")
