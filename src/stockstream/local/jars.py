"""Kafka's jars: fetched once with jgo into the user's cache, and shared by all checkouts."""

import fcntl
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from stockstream import config
from stockstream.errors import LocalError, NoRealKafka

VERSION = "3.9.2"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-reload4j:1.7.36")

_TIMEOUT_S = 20
_ATTEMPTS = 3

#: Told how many jars are there, and how many there will be (0: not yet known).
Progress = Callable[[int, int], None]


def class_path(progress: Progress = lambda done, total: None) -> str:
    """Return Java's class path of Kafka; the first time fetches about 48 MB in 57 jars.

    A directory under its final name is whole: it is filled under another one and renamed last.

    Raises:
        NoRealKafka: the jars are not in the cache and cannot be fetched.
        LocalError: the cache cannot be written.
    """
    cache = config.cache_dir()
    home = cache / f"kafka-{VERSION}"
    try:
        if not home.is_dir():
            with _only_one(cache / "kafka.lock"):
                if not home.is_dir():
                    _fill(home, progress)
        return os.pathsep.join(sorted(str(jar) for jar in home.glob("*.jar")))
    except OSError as error:
        raise LocalError(f"cannot keep Kafka's jars in {home}: {error.strerror}") from error


def _fill(home: Path, progress: Progress) -> None:
    partial = home.parent / "kafka.partial"
    shutil.rmtree(partial, ignore_errors=True)  # what an interrupted start left
    (partial / "jars").mkdir(parents=True)
    try:
        for jar in _fetch(partial / "repository", progress):
            jar.rename(partial / "jars" / jar.name)
        (partial / "jars").rename(home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fetch(repository: Path, progress: Progress) -> list[Path]:
    # Only the first start needs them; they take a quarter of a second to import.
    from jgo.maven import Artifact, MavenContext
    from requests import RequestException

    # jgo.build would also download a whole JDK, to sort the jars into modules.
    context = MavenContext(repo_cache=repository, timeout=_TIMEOUT_S)
    progress(0, 0)

    def fetch(artifact: Artifact) -> Path:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _checked(artifact.resolve())
            except (RequestException, zipfile.BadZipFile):
                # jgo takes a half-written file for a whole one.
                (repository / artifact.component.path_prefix / artifact.filename).unlink(True)
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    try:
        wanted = [context.create_dependency(coordinate) for coordinate in COORDINATES]
        given, found = context.resolver.resolve(wanted)
        needed = [*given, *(d for d in found if d.scope in ("compile", "runtime"))]
        with ThreadPoolExecutor(8) as pool:
            fetches = [pool.submit(fetch, dependency.artifact) for dependency in needed]
            try:
                for done, each in enumerate(as_completed(fetches), 1):
                    each.result()
                    progress(done, len(needed))
            finally:  # an error or Ctrl-C: do not fetch the rest first
                pool.shutdown(cancel_futures=True)
        return [each.result() for each in fetches]
    except (RequestException, zipfile.BadZipFile, RuntimeError) as error:
        raise NoRealKafka(f"cannot fetch Kafka's jars from Maven Central: {error}") from error


def _checked(jar: Path) -> Path:
    """Return the jar, or raise BadZipFile where a part of it is missing or wrong."""
    with zipfile.ZipFile(jar) as archive:
        if bad := archive.testzip():
            raise zipfile.BadZipFile(f"{jar.name}: {bad} is damaged")
    return jar


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time fill the cache; the others wait and find it full."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
