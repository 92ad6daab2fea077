"""The stand-ins keep the contract of the images whose place they take."""

import pytest

from lab.engine import Engine
from lab.images import Images


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "KAFKA_ZOOKEEPER_CONNECT is required"),
        (["-e", "KAFKA_PORT=9092"], "KAFKA_PORT is deprecated"),
        (["-e", "KAFKA_ADVERTISED_LISTENERS=SSL://kafka:9092"], "KEYSTORE_FILENAME is required"),
        # A tmpfs belongs to root and keeps the directory's mode, 0775: only group 0 may write.
        (["--user", "1000:1000", "--tmpfs", "/etc/kafka"], "dub path /etc/kafka/ writable] FAILED"),
        (["-e", "KAFKA_CUB_ZK_TIMEOUT=1"], "Timed out waiting for ZooKeeper"),
    ],
)
def test_kafka_stand_in_what_the_real_one_refuses_is_refused(
    engine: Engine, stand_ins: Images, arguments: list[str], complaint: str
) -> None:
    """A setting that stops cp-kafka's start stops the stand-in's, for the same reason."""
    needed = ["-e", "KAFKA_ZOOKEEPER_CONNECT=zookeeper:2181"] if arguments else []
    needed += ["-e", "KAFKA_ADVERTISED_LISTENERS=INTERNAL://kafka:9092"]
    command = ["docker", "run", "--rm", *needed, *arguments, stand_ins.kafka]
    ended = engine.run(command, check=False)
    assert ended.returncode == 1
    assert complaint in ended.stdout


@pytest.mark.parametrize("arguments", [[], ["-e", "ZOOKEEPER_SERVERS=a:2888:3888"]])
def test_zookeeper_stand_in_missing_variable_is_refused(
    engine: Engine, stand_ins: Images, arguments: list[str]
) -> None:
    """A client port is required, and with a list of servers the id too."""
    given = [*arguments, *(["-e", "ZOOKEEPER_CLIENT_PORT=2181"] if arguments else [])]
    ended = engine.run(["docker", "run", "--rm", *given, stand_ins.zookeeper], check=False)
    assert ended.returncode == 1
    assert "is required" in ended.stdout
