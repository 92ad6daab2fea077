"""Fetch Kafka's jars from Maven Central with jgo."""

import hashlib
import zipfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext

from stockstream.errors import NoRealKafka, WrongJar
from stockstream.local import hashes
from stockstream.local.jars import Progress

_TIMEOUT_S = 10
_ATTEMPTS = 3


def fetch(
    coordinates: tuple[str, ...],
    repository: Path,
    progress: Progress,
    listed: Mapping[str, str] | None = None,
) -> list[Path]:
    """Fetch the jars of these Maven coordinates, and all that they need, into `repository`.

    Each jar has to have its SHA-256 of `listed`. Without a list, to make one, each has to have the
    SHA-1 that Maven Central publishes beside it.

    Raises:
        NoRealKafka: Maven Central does not answer, or does not have them.
        WrongJar: a jar is another file, at the last of three attempts too.
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
                download = partial(_download, listed=listed)
                return _collect([pool.submit(download, e.artifact) for e in needed], progress)
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


def _download(
    artifact: Artifact, listed: Mapping[str, str] | None, attempts: int = _ATTEMPTS
) -> Path:
    try:
        jar = artifact.resolve()
        _check(artifact, jar, listed)
        return jar
    except (requests.RequestException, zipfile.BadZipFile, WrongJar):
        # jgo takes a half-written file for a whole one.
        if artifact.cached_path is not None:
            artifact.cached_path.unlink(missing_ok=True)
        if attempts == 1:
            raise
    return _download(artifact, listed, attempts - 1)


def _check(artifact: Artifact, jar: Path, listed: Mapping[str, str] | None) -> None:
    """Raise WrongJar where it is another file, BadZipFile where an unlisted one is damaged."""
    if listed is None:
        _check_zip(jar)
        if problem := _second_look(artifact, jar):
            raise WrongJar(f"{jar.name}: {problem}")
        return
    try:
        hashes.check(jar, listed)
    except WrongJar as error:
        try:
            said = _second_look(artifact, jar) or "that is the file which Maven Central publishes"
        except requests.RequestException:
            said = "Maven Central's SHA-1 of it cannot be had"
        raise WrongJar(f"{error}; {said}") from None


def _second_look(artifact: Artifact, jar: Path) -> str:
    """Return what speaks against the jar by the .sha1 beside it on Maven Central, "" for nothing.

    It comes from where the jar comes from: it shows damage on the way, and no forgery.
    """
    observed = hashlib.sha1(jar.read_bytes(), usedforsecurity=False).hexdigest()
    path = f"{artifact.component.path_prefix.as_posix()}/{artifact.filename}.sha1"
    for repository in artifact.context.remote_repos.values():
        answer = requests.get(f"{repository}/{path}", timeout=_TIMEOUT_S)
        if answer.status_code == requests.codes.ok:
            published = (answer.text.split() or ["nothing"])[0]
            if published == observed:
                return ""
            return f"Maven Central publishes SHA-1 {published}, observed {observed}"
    return "Maven Central publishes no SHA-1 of it"


def _check_zip(jar: Path) -> None:
    """Raise BadZipFile where a part of the jar is missing or wrong."""
    with zipfile.ZipFile(jar) as archive:
        if bad := archive.testzip():
            raise zipfile.BadZipFile(f"{jar.name}: {bad} is damaged")
