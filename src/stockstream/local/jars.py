"""Kafka's jars: fetched once into the user's cache, and shared by all checkouts."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stockstream import config
from stockstream.errors import NotReady, WrongJar
from stockstream.local import hashes

VERSION = "3.9.2"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-reload4j:1.7.36")

#: Told how many jars are there, and how many there will be (0: not yet known).
Progress = Callable[[int, int], None]

#: The class paths whose jars this process has checked, by their directory.
_checked: dict[Path, str] = {}


def class_path(progress: Progress = lambda done, total: None) -> str:
    """Return Java's class path of Kafka; the first time fetches about 48 MB in 57 jars.

    A directory under its final name is whole: it is filled under another one and renamed last.
    Each process compares the jars with their listed hashes once, also where they were there before.

    Raises:
        NoRealKafka: the jars are not in the cache and cannot be fetched.
        WrongJar: one of them is not the one that is listed.
        NotReady: the cache cannot be written.
    """
    cache = config.cache_dir()
    home = cache / f"kafka-{VERSION}"
    if home in _checked:
        return _checked[home]
    try:
        if not home.is_dir():
            with _only_one(cache / "kafka.lock"):
                if not home.is_dir():
                    _fill(home, progress)
        try:
            jars = hashes.check_all(home, hashes.read())
        except WrongJar as error:
            raise WrongJar(f"{error}; remove {home} and start again to fetch the jars") from None
        return _checked.setdefault(home, os.pathsep.join(map(str, jars)))
    except OSError as error:
        raise NotReady(f"cannot keep Kafka's jars in {home}: {error.strerror}") from error


def _fill(home: Path, progress: Progress) -> None:
    from stockstream.local.fetch import fetch  # slow to import, and needed only once

    partial = home.parent / "kafka.partial"
    shutil.rmtree(partial, ignore_errors=True)  # what an interrupted start left
    (partial / "jars").mkdir(parents=True)
    try:
        listed = hashes.read()
        for jar in fetch(COORDINATES, partial / "repository", progress, listed):
            jar.rename(partial / "jars" / jar.name)
        hashes.check_all(partial / "jars", listed)
        (partial / "jars").rename(home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time fill the cache; the others wait and find it full."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
