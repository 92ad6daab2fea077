"""Kafka's jars: fetched once, shared, and never taken for whole when they are not."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stockstream.errors import NoRealKafka, NotReady, WrongJar
from stockstream.local import fetch, hashes, jars

#: The SHA-256 of a file with nothing in it.
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
LISTED = {"a.jar": EMPTY, "b.jar": EMPTY}


class FakeRepository:
    """Stands in for Maven Central: two jars, after which `problem` is raised, if there is one."""

    def __init__(self) -> None:
        self.fetches = 0
        self.problem: BaseException | None = None
        self.names = ["b.jar", "a.jar"]

    def fetch(
        self, coordinates: object, repository: Path, progress: jars.Progress, listed: object
    ) -> list[Path]:
        self.fetches += 1
        repository.mkdir()
        found = [repository / name for name in self.names]
        for jar in found:
            jar.touch()
        if self.problem:
            raise self.problem
        return found


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRepository:
    """Return what the jars are fetched from, into a cache that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fake = FakeRepository()
    monkeypatch.setattr(fetch, "fetch", fake.fetch)
    monkeypatch.setattr(hashes, "read", lambda: LISTED)
    monkeypatch.setattr(jars, "_checked", {})
    return fake


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the directory where the jars are kept."""
    return tmp_path / "stockstream" / f"kafka-{jars.VERSION}"


def test_class_path_second_time_fetches_nothing(repository: FakeRepository, home: Path) -> None:
    """The jars are fetched once; the class path is the same ever after."""
    wanted = f"{home / 'a.jar'}:{home / 'b.jar'}"
    assert [jars.class_path(), jars.class_path()] == [wanted, wanted]
    assert repository.fetches == 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda home: (home / "a.jar").write_text("x"), f"a.jar: expected SHA-256 {EMPTY}, obs"),
        (lambda home: (home / "a.jar").unlink(), f"a.jar: expected SHA-256 {EMPTY}, observed no"),
        (lambda home: (home / "c.jar").touch(), "c.jar: expected SHA-256 no such jar, observed "),
    ],
    ids=["tampered", "missing", "one more"],
)
def test_class_path_cache_that_has_changed_is_refused(
    repository: FakeRepository,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], object],
    said: str,
) -> None:
    """A later start names the jar, both hashes, and the directory to remove; without it, it runs.

    The control takes the look at the jars away: then the spoilt ones make the class path.
    """
    jars.class_path()
    jars._checked.clear()  # as another process
    spoil(home)
    with pytest.raises(WrongJar, match=f"^{said}.*; remove {home} and start again") as caught:
        jars.class_path()
    assert not isinstance(caught.value, NoRealKafka), "the in-process broker would take its place"
    monkeypatch.setattr(hashes, "check_all", lambda directory, _: sorted(directory.iterdir()))
    assert jars.class_path()


@pytest.mark.parametrize("names", [["a.jar"], ["a.jar", "b.jar", "c.jar"]])
def test_class_path_other_jars_than_listed_are_not_kept(
    repository: FakeRepository, home: Path, names: list[str]
) -> None:
    """One jar less or more than listed, as a POM that was tampered with would have it."""
    repository.names = names
    with pytest.raises(WrongJar, match=r"^[bc]\.jar: expected SHA-256 "):
        jars.class_path()
    assert [path.name for path in home.parent.iterdir()] == ["kafka.lock"]


@pytest.mark.parametrize("problem", [NoRealKafka("no network"), KeyboardInterrupt()])
def test_class_path_after_half_a_fetch_fetches_again(
    repository: FakeRepository, problem: BaseException
) -> None:
    """A fetch that failed or was interrupted leaves nothing that is taken for whole."""
    repository.problem = problem
    with pytest.raises(type(problem)):
        jars.class_path()
    repository.problem = None
    assert len(jars.class_path().split(":")) == 2
    assert repository.fetches == 2


def test_class_path_asked_twice_at_once_fetches_once(repository: FakeRepository) -> None:
    """Two checkouts that start at the same time share one download."""
    threads = [threading.Thread(target=jars.class_path) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert repository.fetches == 1


def test_class_path_full_disk_is_one_sentence(repository: FakeRepository) -> None:
    """A cache that cannot be written is named, with the reason."""
    repository.problem = OSError(28, "No space left on device")
    with pytest.raises(
        NotReady, match=r"^cannot keep Kafka's jars in .*: No space left on device$"
    ):
        jars.class_path()


def test_fetch_without_network_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing answers, the error says that there is no network."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(NoRealKafka, match="^no network: "):
        fetch.fetch(jars.COORDINATES, tmp_path, lambda done, total: None)
