"""Fetching jars, from a Maven repository of our own: what is not the listed file is not kept."""

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jgo.maven import MavenContext

from stockstream.errors import NoRealKafka, WrongJar
from stockstream.local import fetch, hashes, jars, pin

COORDINATES = ("org.example:thing:1.0",)
NAME = "thing-1.0.jar"
POM = b"""<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId>
<artifactId>thing</artifactId><version>1.0</version></project>"""


def make_jar(content: str) -> bytes:
    """Return a jar with one class of this content."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as jar:
        jar.writestr("Main.class", content)
    return written.getvalue()


JAR, OTHER = make_jar("x" * 1000), make_jar("y" * 1000)
LISTED = {NAME: hashlib.sha256(JAR).hexdigest()}


class Maven:
    """A repository with one jar: `files` by suffix, each with its answers in turn."""

    def __init__(self) -> None:
        self.files: dict[str, list[bytes]] = {".pom": [POM]}
        self.requests: list[str] = []

    def publish(self, *jars: bytes, sha1_of: bytes | None = None) -> None:
        """Give these jars, one after the other and then the last, and the SHA-1 of the last."""
        self.files[".jar"] = list(jars)
        self.files[".sha1"] = [
            hashlib.sha1(sha1_of or jars[-1], usedforsecurity=False).hexdigest().encode()
        ]

    def answer(self, path: str) -> bytes | None:
        self.requests.append(path)
        left = self.files.get(Path(path).suffix)
        return left and (left.pop(0) if len(left) > 1 else left[0])


@pytest.fixture
def maven(monkeypatch: pytest.MonkeyPatch) -> Iterator[Maven]:
    """Return the repository that fetch asks, served on the loopback address."""
    repository = Maven()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = repository.answer(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    url = f"http://127.0.0.1:{server.server_port}"
    ours = partial(MavenContext, remote_repos={"ours": url})
    monkeypatch.setattr(fetch, "MavenContext", ours)
    yield repository
    server.shutdown()
    thread.join()
    server.server_close()


def fetch_into(directory: Path, listed: dict[str, str] | None) -> list[Path]:
    """Fetch the jar of the repository."""
    return fetch.fetch(COORDINATES, directory, lambda done, total: None, listed)


@pytest.mark.parametrize("damaged", [OTHER, JAR[:-50]])
def test_fetch_damaged_jar_is_fetched_again(maven: Maven, tmp_path: Path, damaged: bytes) -> None:
    """A jar that came in half, or as another file, is not kept: it is fetched anew."""
    maven.publish(damaged, damaged, JAR)
    (jar,) = fetch_into(tmp_path, LISTED)
    assert jar.read_bytes() == JAR


@pytest.mark.parametrize(
    ("sha1_of", "second_look"),
    [
        (OTHER, "that is the file which Maven Central publishes"),
        (JAR, r"Maven Central publishes SHA-1 \w{40}, observed \w{40}"),
        (None, "Maven Central publishes no SHA-1 of it"),
    ],
    ids=["replaced there", "damaged on the way", "not told"],
)
def test_fetch_tampered_jar_is_an_error_with_both_hashes(
    maven: Maven,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sha1_of: bytes | None,
    second_look: str,
) -> None:
    """It names the jar, both hashes and what Maven Central says; without the check it is taken."""
    maven.publish(OTHER, sha1_of=sha1_of)
    if sha1_of is None:
        del maven.files[".sha1"]
    observed = hashlib.sha256(OTHER).hexdigest()
    told = f"{NAME}: expected SHA-256 {LISTED[NAME]}, observed {observed}; {second_look}"
    with pytest.raises(WrongJar, match=f"^{told}$"):
        fetch_into(tmp_path, LISTED)
    assert not list(tmp_path.rglob("*.jar"))
    monkeypatch.setattr(hashes, "check", lambda jar, listed: None)
    assert [jar.read_bytes() for jar in fetch_into(tmp_path, LISTED)] == [OTHER]


def test_class_path_tampered_download_leaves_nothing(
    maven: Maven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No directory that a later start would take for whole, and none that is half-made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(jars, "COORDINATES", COORDINATES)
    monkeypatch.setattr(hashes, "read", lambda: LISTED)
    maven.publish(OTHER)
    with pytest.raises(WrongJar, match=f"^{NAME}: expected SHA-256 "):
        jars.class_path()
    assert [path.name for path in (tmp_path / "stockstream").iterdir()] == ["kafka.lock"]
    maven.publish(JAR)
    assert jars.class_path().endswith(f"/{NAME}")


@pytest.fixture
def pin_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the list that pin makes of the repository's jar."""
    monkeypatch.setattr(jars, "COORDINATES", COORDINATES)
    return tmp_path / "jars.sha256"


def test_pin_lists_the_jars_and_says_what_has_changed(maven: Maven, pin_file: Path) -> None:
    """The list is what the check reads; a jar that is no longer needed goes."""
    maven.publish(JAR)
    pin_file.write_text(f"{64 * '0'}  thing-0.9.jar\n")
    assert pin.pin(pin_file) == ["- thing-0.9.jar", f"+ {NAME}"]
    assert hashes.read(pin_file) == LISTED
    assert pin.pin(pin_file) == []


@pytest.mark.parametrize(
    ("jar", "error", "said"),
    [
        (OTHER, WrongJar, f"{NAME}: expected SHA-256 {LISTED[NAME]} as before, observed "),
        (JAR[:-50], NoRealKafka, "the jars cannot be had from Maven Central: File is not a zip"),
    ],
    ids=["replaced", "half"],
)
def test_pin_jar_that_cannot_be_is_not_listed(
    maven: Maven, pin_file: Path, jar: bytes, error: type[Exception], said: str
) -> None:
    """A released jar never changes: the list stays as it was."""
    maven.publish(JAR)
    pin.pin(pin_file)
    maven.publish(jar)
    with pytest.raises(error, match=f"^{re.escape(said)}"):
        pin.pin(pin_file)
    assert hashes.read(pin_file) == LISTED


def test_pin_jar_without_its_published_sha1_is_not_listed(maven: Maven, pin_file: Path) -> None:
    """The SHA-1 is all that a new jar is compared with."""
    maven.publish(JAR, sha1_of=OTHER)
    with pytest.raises(WrongJar, match=f"^{NAME}: Maven Central publishes SHA-1 "):
        pin.pin(pin_file)
    assert not pin_file.exists()


def test_listed_jars_are_those_of_the_version() -> None:
    """The list in the repository was made for the version that runs."""
    listed = hashes.read()
    assert len(listed) == 57
    for coordinate in jars.COORDINATES:
        _, name, version = coordinate.split(":")
        assert f"{name}-{version}.jar" in listed


@pytest.mark.parametrize("line", ["", "0123  a.jar", f"{64 * '0'} a.jar\n", f"{64 * '0'}  b.jar"])
def test_list_with_a_bad_line_is_refused(tmp_path: Path, line: str) -> None:
    """A line that would check nothing is an error, and so is a jar that stands there twice."""
    file = tmp_path / "jars.sha256"
    file.write_text(f"{64 * '1'}  b.jar\n{line}\n")
    with pytest.raises(WrongJar, match="line 2: expected SHA-256 and jar, each jar once"):
        hashes.read(file)
