"""Kafka's jars: fetched once, shared, and never taken for whole when they are not."""

import threading
import zipfile
from pathlib import Path

import pytest

from stockstream.errors import NoRealKafka, NotReady
from stockstream.local import fetch, jars


class FakeRepository:
    """Stands in for Maven Central: two jars, after which `problem` is raised, if there is one."""

    def __init__(self) -> None:
        self.fetches = 0
        self.problem: BaseException | None = None

    def fetch(self, coordinates: object, repository: Path, progress: jars.Progress) -> list[Path]:
        self.fetches += 1
        repository.mkdir()
        found = [repository / "b.jar", repository / "a.jar"]
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
    return fake


def test_class_path_second_time_fetches_nothing(repository: FakeRepository, tmp_path: Path) -> None:
    """The jars are fetched once; the class path is the same ever after."""
    home = tmp_path / "stockstream" / f"kafka-{jars.VERSION}"
    wanted = f"{home / 'a.jar'}:{home / 'b.jar'}"
    assert [jars.class_path(), jars.class_path()] == [wanted, wanted]
    assert repository.fetches == 1


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


class FakeArtifact:
    """A jar whose first downloads are damaged."""

    def __init__(self, path: Path, damaged: int) -> None:
        self.cached_path = path
        self._damaged = damaged

    def resolve(self) -> Path:
        if not self.cached_path.exists():
            with zipfile.ZipFile(self.cached_path, "w") as jar:
                jar.writestr("Main.class", "x" * 1000)
            if self._damaged:
                self._damaged -= 1
                self.cached_path.write_bytes(self.cached_path.read_bytes()[:-50])
        return self.cached_path


def test_download_damaged_jar_is_fetched_again(tmp_path: Path) -> None:
    """A jar that came in half is not kept: it is fetched anew."""
    jar = fetch._download(FakeArtifact(tmp_path / "kafka.jar", damaged=2))
    assert zipfile.ZipFile(jar).testzip() is None


def test_download_jar_that_stays_damaged_is_an_error(tmp_path: Path) -> None:
    """After three attempts the damage is reported."""
    with pytest.raises(zipfile.BadZipFile):
        fetch._download(FakeArtifact(tmp_path / "kafka.jar", damaged=3))
