"""The start refuses more clients than the container's memory has room for."""

import re
from pathlib import Path

import pytest

from stockstream import config
from stockstream.bridge import memory
from stockstream.config import Settings
from stockstream.errors import ConfigError


@pytest.mark.parametrize("name", ["phase1/docker-compose.yml", "phase2/docker-stack.yml"])
def test_check_defaults_fit_into_what_both_phases_give(name: str) -> None:
    """The shipped memory has room for the shipped limits."""
    shipped = re.search(r"\$\{BRIDGE_MEMORY:-(\d+)[mM]\}", (config.ROOT / name).read_text())
    memory.check(Settings(), int(shipped[1]) * memory.MIB)


def test_check_names_what_would_fit() -> None:
    """The number in the error is accepted, and one more is not."""
    limit_bytes = 256 * memory.MIB
    with pytest.raises(ConfigError, match="MAX_CLIENTS=10000: expected at most") as refused:
        memory.check(Settings(), limit_bytes)
    room = int(re.search(r"at most (\d+)", str(refused.value))[1])
    memory.check(Settings(max_clients=room), limit_bytes)
    with pytest.raises(ConfigError):
        memory.check(Settings(max_clients=room + 1), limit_bytes)


def test_check_counts_each_limit() -> None:
    """More symbols, or more unknown ones, leave room for fewer clients."""
    limit_bytes = 512 * memory.MIB
    for more in ({"max_symbols": 100_000}, {"max_unknown_symbols": 1_000_000}):
        with pytest.raises(ConfigError):
            memory.check(Settings(**more), limit_bytes)
    memory.check(Settings(max_clients=1_000_000), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("536870912\n", 536_870_912), ("max\n", None), ("9223372036854771712\n", None)],
)
def test_limit_of_container_reads_both_kinds(
    monkeypatch, tmp_path: Path, text: str, expected: int | None
) -> None:
    """A number is the limit; "max", and the number that stands for none, are not."""
    (tmp_path / "limit").write_text(text)
    monkeypatch.setattr(memory, "LIMIT_FILES", (tmp_path / "absent", tmp_path / "limit"))
    assert memory.limit_of_container() == expected


def test_configuration_adds_the_memory_up() -> None:
    """The table's sum is the one that the start compares."""
    settings = Settings()
    needed = memory.fixed_bytes(settings) + settings.max_clients * memory.client_bytes(settings)
    text = (config.ROOT / "docs" / "configuration.md").read_text()
    stated = int(re.search(r"^\| sum \| \| \| (\d+) MiB \|$", text, re.MULTILINE)[1])
    assert abs(needed / memory.MIB - stated) < 1
