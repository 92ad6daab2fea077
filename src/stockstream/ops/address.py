"""Where the development stack's Kafka is for a program on this machine."""

from pathlib import Path

from stockstream import config
from stockstream.config import ROOT, Settings
from stockstream.errors import ConfigError
from stockstream.ops.variables import read_env_file

#: What compose reads besides the environment; not there in a container.
ENV_FILE = ROOT / "phase1/.env"

_NAMES = ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BROKERS")


def settings(file: Path = ENV_FILE) -> Settings:
    """Return the settings; where they name no broker, the one that the stack's .env publishes.

    As for compose, a variable of the environment comes before the file's.

    Raises:
        ConfigError: values are bad; the text has one line for each of them.
    """
    given = config.child_environment()
    if not any(given.get(name) or given.get(f"{name}_FILE") for name in _NAMES):
        known = read_env_file(file) | {name: value for name, value in given.items() if value}
        host = known.get("KAFKA_EXTERNAL_HOST") or "localhost"
        port = known.get("KAFKA_EXTERNAL_PORT") or "9092"
        if not config.is_address(f"{host}:{port}"):  # config.load would show what the file has
            raise ConfigError(
                f"KAFKA_EXTERNAL_HOST and KAFKA_EXTERNAL_PORT, from the environment or {file}: "
                "expected a host and a port"
            )
        given["KAFKA_BOOTSTRAP_SERVERS"] = f"{host}:{port}"
    return config.load(given)
