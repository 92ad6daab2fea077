"""Settings from the environment: every variable, its unit and its default, in one place.

A field `tick_interval` is read from TICK_INTERVAL, or from the file that TICK_INTERVAL_FILE names
(for secrets). The `description` of a field's type is what an error says was expected.
"""

import os
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from stockstream.errors import ConfigError
from stockstream.tick import SYMBOL_PATTERN

#: The checkout (in the image: /app), where config/ and static/ stand beside src/.
ROOT = Path(__file__).resolve().parents[2]

_ADDRESS = re.compile(r"[A-Za-z0-9_.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")
_ORIGIN = re.compile(r"null|\*|https?://[A-Za-z0-9.\-\[\]:]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]")

Level = Annotated[
    Literal["debug", "info", "warning", "error"],
    Meta(description="one of debug, info, warning, error"),
]
#: A day, in seconds: a longer wait is a slip of the hand, and one without an end.
LONGEST_S = 86_400

Seconds = Annotated[float, Meta(gt=0, le=LONGEST_S, description="seconds, above 0, at most 86400")]
Count = Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number, 1 to 1000000")]
Words = tuple[str, ...]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the services may be told from outside; docs/configuration.md has a line on each."""

    kafka_bootstrap_servers: Annotated[
        Words, Meta(min_length=1, description="host:port, or several with commas between")
    ] = ("localhost:9092",)
    kafka_topic: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$", description="letters, digits, '.', '_', '-'")
    ] = "stock_ticks"
    stock_symbols: Annotated[
        Words, Meta(min_length=1, description="symbols such as AAPL,BRK.B with commas between")
    ] = ("AAPL", "GOOGL", "AMZN", "TSLA", "MSFT")
    tick_interval: Annotated[
        float, Meta(ge=0, le=LONGEST_S, description="seconds, 0 (as fast as it goes) to 86400")
    ] = 1.0
    price_volatility: Annotated[
        float, Meta(gt=0, le=0.5, description="a share of the price, above 0 and at most 0.5")
    ] = 0.02
    market_seed: Annotated[str, Meta(description="any text")] = ""
    websocket_host: Annotated[
        str, Meta(pattern=r"^\S+$", description="an address to listen on")
    ] = "127.0.0.1"
    websocket_port: Annotated[int, Meta(ge=1, le=65_535, description="a port, 1 to 65535")] = 8080
    consumer_group: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9._-]{0,249}$", description="letters, digits, '.', '_', '-'")
    ] = ""
    heartbeat_file: Annotated[str, Meta(description="the path of a file")] = ""
    log_level: Level = "info"
    kafka_log_level: Level = "warning"
    max_clock_ahead: Seconds = 60.0
    max_clients: Count = 10_000
    max_clients_per_address: Annotated[
        int, Meta(ge=0, le=1_000_000, description="a whole number, 0 (no limit) to 1000000")
    ] = 0
    max_symbols: Count = 2_000
    max_subscriptions: Count = 1_000
    max_unknown_symbols: Count = 10_000
    max_message_bytes: Annotated[
        int, Meta(ge=1024, le=2**24, description="bytes, 1024 to 16777216")
    ] = 65_536
    client_messages_per_s: Annotated[
        float, Meta(ge=1, le=1_000_000, description="messages a second, 1 to 1000000")
    ] = 50.0
    header_timeout: Annotated[
        int, Meta(ge=1, le=60, description="whole seconds, 1 to 60")  # gunicorn counts in these
    ] = 2
    response_timeout: Seconds = 30.0
    ping_interval: Seconds = 20.0
    pong_timeout: Seconds = 10.0
    write_stall: Seconds = 30.0
    allowed_origins: Annotated[
        Words, Meta(description="origins such as https://example.com with commas between, or *")
    ] = ()
    allowed_hosts: Annotated[
        Words, Meta(description="names of hosts, without a port, with commas between")
    ] = ()
    forwarded_allow_ips: Annotated[
        Words,
        Meta(description="addresses or networks (10.0.0.0/8) of proxies with commas between, or *"),
    ] = ("127.0.0.1", "::1")

    @property
    def bootstrap(self) -> str:
        """The brokers as librdkafka wants them: host:port,host:port."""
        return ",".join(self.kafka_bootstrap_servers)


#: A variable that is read where the first is not set: the bridge's older name.
_ALIASES = {"KAFKA_BOOTSTRAP_SERVERS": "KAFKA_BROKERS"}


class _Networks:
    """What a list of addresses, networks or `*` has to look like."""

    def fullmatch(self, word: str) -> bool:
        """Tell whether the word is one of these."""
        try:
            return word == "*" or bool(ip_network(word))
        except ValueError:  # also for a network with bits behind its prefix: 10.0.0.1/8
            return False


#: What each word of a list has to look like.
_WORDS: dict[str, re.Pattern[str] | _Networks] = {
    "kafka_bootstrap_servers": _ADDRESS,
    "stock_symbols": re.compile(SYMBOL_PATTERN),
    "allowed_origins": _ORIGIN,
    "allowed_hosts": _HOST,
    "forwarded_allow_ips": _Networks(),
}


def variables() -> dict[str, object]:
    """Return each variable's name with its default, in the order of `Settings`."""
    defaults = Settings()
    return {field.upper(): getattr(defaults, field) for field in Settings.__struct_fields__}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (default: this process's environment).

    Raises:
        ConfigError: values are bad; the text has one line for each of them.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, object] = {}
    problems: list[str] = []
    for field, hint in get_type_hints(Settings, include_extras=True).items():
        try:
            for told, text in _given(environ, field.upper()):
                values[field] = _convert(field, told, text, hint)
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return Settings(**values)  # type: ignore[arg-type]


def is_address(text: str) -> bool:
    """Return whether `text` is host:port as KAFKA_BOOTSTRAP_SERVERS takes it."""
    return bool(_ADDRESS.fullmatch(text))


def child_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with `changes`, for a child process."""
    return {**os.environ, **changes}


def cache_dir() -> Path:
    """Return the directory for downloads that all checkouts of this user share."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "stockstream"


def no_color() -> bool:
    """Say whether the user wants no colour: NO_COLOR is set, to whatever."""
    return bool(os.environ.get("NO_COLOR"))


def compose_project() -> str | None:
    """Return COMPOSE_PROJECT_NAME, which compose itself reads, where it is set."""
    return os.environ.get("COMPOSE_PROJECT_NAME") or None


def java_home() -> Path | None:
    """Return JAVA_HOME, where it is set."""
    home = os.environ.get("JAVA_HOME")
    return Path(home) if home else None


def _given(environ: Mapping[str, str], name: str) -> Iterator[tuple[str, str]]:
    """Yield what an error begins with, and the text, where it is set; empty means the default.

    An error shows what stands in the environment. Of a file it names the path only: it is a secret.
    """
    if text := environ.get(name, "").strip():
        yield f"{name}={text}: expected", text
    elif path := environ.get(f"{name}_FILE"):
        yield f"{name}_FILE={path}: expected in the file", _read_secret(f"{name}_FILE", path)
    elif alias := _ALIASES.get(name):
        yield from _given(environ, alias)


def _read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{name}={path}: expected a readable text file ({error})") from error
    except UnicodeDecodeError:  # its text has a byte of the secret, and it holds all of them
        raise ConfigError(f"{name}={path}: expected a text file in UTF-8") from None


def _convert(field: str, told: str, text: str, hint: object) -> object:
    value: object = text
    try:
        if pattern := _WORDS.get(field):
            value = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
            if not all(pattern.fullmatch(word) for word in value):
                raise ValueError(text)
        return msgspec.convert(value, hint, strict=False)
    except ValueError:  # its text has the value, and a traceback would show it
        raise ConfigError(f"{told} {_expected(hint)}") from None


def _expected(hint: object) -> str:
    return next(
        str(meta.description)
        for meta in get_args(hint)
        if isinstance(meta, Meta) and meta.description
    )
