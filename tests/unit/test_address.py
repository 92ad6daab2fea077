"""create-topics goes where the stack's Kafka is published."""

from pathlib import Path

import pytest

from stockstream.errors import ConfigError
from stockstream.ops import address

ENV = "# ours\nKAFKA_EXTERNAL_PORT=19092\nKAFKA_EXTERNAL_HOST=box.lan\nTICK_INTERVAL=bad\n"


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a phase1/.env with another port, in an environment without a word on Kafka."""
    for name in ("BOOTSTRAP_SERVERS", "BROKERS", "EXTERNAL_PORT", "EXTERNAL_HOST"):
        monkeypatch.delenv(f"KAFKA_{name}", raising=False)
    path = tmp_path / ".env"
    path.write_text(ENV)
    return path


def test_address_without_a_word_is_the_documented_one(env: Path) -> None:
    """No variable, no file: localhost:9092."""
    assert address.settings(env.with_name("none")).bootstrap == "localhost:9092"


def test_address_is_the_one_that_env_publishes(env: Path) -> None:
    """After "Port taken", the file says where Kafka is; nothing else is taken from it."""
    assert address.settings(env).bootstrap == "box.lan:19092"


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("KAFKA_EXTERNAL_PORT", "29092", "box.lan:29092"),
        ("KAFKA_EXTERNAL_PORT", "", "box.lan:19092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2", "a:1,b:2"),
        ("KAFKA_BROKERS", "a:1", "a:1"),
    ],
)
def test_address_of_the_environment_comes_first(
    env: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, wanted: str
) -> None:
    """As for compose, the shell's variables count more than the file's."""
    monkeypatch.setenv(variable, value)
    assert address.settings(env).bootstrap == wanted


def test_address_in_a_secret_file_comes_first(
    env: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """NAME_FILE is a way to set NAME."""
    (tmp_path / "secret").write_text("a:1")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS_FILE", str(tmp_path / "secret"))
    assert address.settings(env).bootstrap == "a:1"


def test_address_bad_port_is_named(env: Path) -> None:
    """Variable and file are in the error; what stands in the file is not."""
    env.write_text("KAFKA_EXTERNAL_PORT=hunter2")
    with pytest.raises(ConfigError, match=f"KAFKA_EXTERNAL_PORT.* or {env}: expected") as caught:
        address.settings(env)
    assert "hunter2" not in str(caught.value)
