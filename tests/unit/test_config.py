"""Settings: read from the environment, every bad value named at once."""

import re
import traceback
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from msgspec import Meta

from stockstream import config
from stockstream.errors import ConfigError


def test_load_empty_environment_gives_defaults() -> None:
    """Nothing set, or set to nothing, means the documented defaults."""
    settings = config.load({"TICK_INTERVAL": "", "STOCK_SYMBOLS": " "})
    assert settings == config.Settings()
    assert settings.stock_symbols == ("AAPL", "GOOGL", "AMZN", "TSLA", "MSFT")


def test_load_bad_values_names_every_one_of_them() -> None:
    """A start with three bad variables tells all three, with the value and what was expected."""
    with pytest.raises(ConfigError) as caught:
        config.load({"TICK_INTERVAL": "abc", "WEBSOCKET_PORT": "0", "LOG_LEVEL": "loud"})
    assert str(caught.value).splitlines() == [
        "TICK_INTERVAL=abc: expected seconds, 0 (as fast as it goes) to 86400",
        "WEBSOCKET_PORT=0: expected a port, 1 to 65535",
        "LOG_LEVEL=loud: expected one of debug, info, warning, error",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TICK_INTERVAL", "-1"),
        ("TICK_INTERVAL", "nan"),
        ("TICK_INTERVAL", "inf"),
        ("PRICE_VOLATILITY", "0"),
        ("PRICE_VOLATILITY", "nan"),
        ("WEBSOCKET_PORT", "65536"),
        ("WEBSOCKET_PORT", "8080.5"),
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost"),
        ("KAFKA_BOOTSTRAP_SERVERS", ","),
        ("STOCK_SYMBOLS", "AAPL,<b>"),
        ("STOCK_SYMBOLS", ","),
        ("CONSUMER_GROUP", "a b"),
        ("MAX_CLIENTS", "0"),
        ("PING_INTERVAL", "0"),
        ("ALLOWED_ORIGINS", "example.com"),
        ("ALLOWED_HOSTS", "http://example.com"),
        ("ALLOWED_HOSTS", "example.com:8080"),
        ("MAX_CLIENTS_PER_ADDRESS", "-1"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/33"),
        ("FORWARDED_ALLOW_IPS", "proxy"),
    ],
)
def test_load_bad_value_is_refused(name: str, value: str) -> None:
    """Each variable refuses what it cannot use, and names itself and the value."""
    with pytest.raises(ConfigError, match=f"^{name}="):
        config.load({name: value})


def test_load_expected_names_every_bound() -> None:
    """What is refused for its size is told the size that would do."""
    for field, hint in get_type_hints(config.Settings, include_extras=True).items():
        (meta,) = (found for found in get_args(hint) if isinstance(found, Meta))
        bounds = {str(b) for b in (meta.ge, meta.gt, meta.le) if b is not None}
        assert bounds <= set(re.split(r"[^\d.]+", meta.description or "")), field


def test_load_lists_are_split_stripped_and_deduplicated() -> None:
    """Lists may be written with blanks, and a word given twice counts once."""
    settings = config.load({"STOCK_SYMBOLS": "AAPL, BRK.B,AAPL", "KAFKA_BROKERS": "a:1, b:2"})
    assert settings.stock_symbols == ("AAPL", "BRK.B")
    assert settings.bootstrap == "a:1,b:2"


def test_load_proxies_may_be_networks() -> None:
    """Load balancers that come and go have a network, not an address."""
    text = "10.0.0.0/8,2001:db8::/32,::ffff:192.0.2.1,*"
    assert config.load({"FORWARDED_ALLOW_IPS": text}).forwarded_allow_ips == tuple(text.split(","))


def test_load_older_broker_name_yields_to_the_first() -> None:
    """KAFKA_BROKERS is read only where KAFKA_BOOTSTRAP_SERVERS is not set."""
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "new:1", "KAFKA_BROKERS": "old:1"}
    assert config.load(environ).bootstrap == "new:1"
    with pytest.raises(ConfigError, match="^KAFKA_BROKERS=old: expected host:port"):
        config.load({"KAFKA_BROKERS": "old"})


def test_load_secret_comes_from_its_file(tmp_path: Path) -> None:
    """NAME_FILE reads the value from a file; one that is not there is named."""
    secret = tmp_path / "seed"
    secret.write_text("42\n")
    assert config.load({"MARKET_SEED_FILE": str(secret)}).market_seed == "42"
    with pytest.raises(ConfigError, match="^MARKET_SEED_FILE=.*expected a readable text file"):
        config.load({"MARKET_SEED_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("WEBSOCKET_PORT", b"hunter2", "in the file a port, 1 to 65535"),
        ("LOG_LEVEL", b"hunter2", "in the file one of debug, info, warning, error"),
        ("ALLOWED_ORIGINS", b"https://a,hunter2", "in the file origins such as "),
        ("KAFKA_BROKERS", b"hunter2", "in the file host:port"),
        ("MARKET_SEED", b"hunter2\xff", "a text file in UTF-8"),
    ],
)
def test_load_bad_secret_is_not_shown(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """An error names the variable and its file; a traceback of it does not show the content."""
    secret = tmp_path / "secret"
    secret.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config.load({f"{name}_FILE": str(secret)})
    assert str(caught.value).startswith(f"{name}_FILE={secret}: expected {said}")
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown
    assert "xff" not in shown
