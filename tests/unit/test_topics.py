"""config/topics.yml: what it wants is what a cluster gets, and a bad entry is named."""

from pathlib import Path

import pytest

from stockstream.config import Settings
from stockstream.errors import ConfigError
from stockstream.ops import topics

GOOD = """
dev:
  ticks: {partitions: 3, replication_factor: 1, configs: {retention.ms: 1000, preallocate: true}}
"""


def test_load_shipped_file_is_what_the_phases_promise() -> None:
    """Both phases have the ticks for a day on 3 partitions, with 1 replica and with 3."""
    name = Settings().kafka_topic
    dev, prod = topics.load("dev")[name], topics.load("prod")[name]
    for spec in (dev, prod):
        assert spec.partitions == 3
        assert spec.configs["retention.ms"] == 24 * 3600 * 1000
        # Whether a tick is ahead of its record has to follow from the log alone.
        assert spec.configs["message.timestamp.type"] == "LogAppendTime"
        # Kafka deletes whole closed segments only.
        assert spec.configs["segment.ms"] == 3600 * 1000
    assert (dev.replication_factor, prod.replication_factor) == (1, 3)
    assert prod.configs["min.insync.replicas"] == 2
    assert "retention.bytes" in prod.configs


def test_load_configs_are_written_as_kafka_writes_them(tmp_path: Path) -> None:
    """Numbers and booleans of YAML become Kafka's texts."""
    path = tmp_path / "topics.yml"
    path.write_text(GOOD)
    assert topics.load("dev", path)["ticks"].kafka_configs() == {
        "retention.ms": "1000",
        "preallocate": "true",
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (GOOD.replace("dev:", "test:"), "expected the phase 'dev', found test"),
        (GOOD.replace("dev:", "dev: ["), "expected YAML"),
        ("- dev", "expected names"),
        ("dev: 3", "dev: expected names"),
        (GOOD.replace("partitions: 3", "partitions: 0"), r"dev\.ticks: .*partitions"),
        (GOOD.replace("partitions: 3", "partitions: three"), r"dev\.ticks: .*partitions"),
        (GOOD.replace("partitions: 3, ", ""), r"dev\.ticks: .*missing.*partitions"),
        (GOOD.replace("configs:", "config:"), r"dev\.ticks: .*unknown field.*config"),
        (GOOD.replace("1000", "[1]"), r"dev\.ticks: .*configs"),
        (GOOD.replace("retention.ms: 1000", "min.insync.replicas: 2"), "min.insync.replicas=2"),
        (
            GOOD.replace("1000", "24h"),
            r"dev\.ticks: retention\.ms=24h: expected a whole number of ms",
        ),
        (GOOD.replace("1000", "86400000.0"), r"retention\.ms=86400000\.0: expected a whole number"),
        (GOOD.replace("1000", "''"), r"retention\.ms=: expected a whole number"),
        (GOOD.replace("1000", "true"), r"retention\.ms=true: expected a whole number"),
        (
            GOOD.replace(".ms: 1000", ".bytes: 1GB"),
            r"retention\.bytes=1GB: .* number of bytes, or -1",
        ),
        (GOOD + "  ticks: {partitions: 4, replication_factor: 1}\n", "'ticks' is given twice"),
    ],
)
def test_load_bad_entry_is_named(tmp_path: Path, text: str, wanted: str) -> None:
    """A file that cannot be used is refused before a broker is asked, with its place."""
    path = tmp_path / "topics.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=wanted):
        topics.load("dev", path)


def test_load_missing_file_is_named(tmp_path: Path) -> None:
    """A path that is not there is in the error."""
    with pytest.raises(ConfigError, match=r"none\.yml: expected a readable text file"):
        topics.load("dev", tmp_path / "none.yml")
