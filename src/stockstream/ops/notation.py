"""What compose lets one write in several ways: ports, volumes, lists, commands, sizes, times."""

import re
import shlex
from collections.abc import Iterator, Mapping

import msgspec

from stockstream.errors import ConfigError

_SIZE = re.compile(r"(\d+)\s*([bkmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_LISTENER = re.compile(r"(?P<name>[A-Z0-9_]+)://(?P<host>\[[0-9a-f:]+\]|[^:/,]*):(?P<port>\d+)")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Port(msgspec.Struct, frozen=True):
    """A published port: where the host listens, and which port of the container that is."""

    bind: str
    published: str
    target: str
    mode: str = ""

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.bind)


class Mount(msgspec.Struct, frozen=True):
    """A volume (`source` is its name, or a path) or a tmpfs at a place in the container."""

    source: str
    target: str
    kind: str = "volume"
    read_only: bool = False

    @property
    def is_of_host(self) -> bool:
        """Whether a file or directory of the host is what is mounted."""
        return self.kind == "bind" or self.source.startswith((".", "/", "~"))


class Listener(msgspec.Struct, frozen=True):
    """One of Kafka's listeners, NAME://HOST:PORT."""

    name: str
    host: str
    port: str

    def __str__(self) -> str:
        return f"{self.name}://{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Tell whether a name or address means the machine, or container, itself."""
    bare = host.strip("[]")
    return bare in ("localhost", "::1") or bare.startswith("127.") or bare.endswith(".localhost")


def sequence(value: object) -> list[object]:
    """Return a list, the keys of a mapping, or the one value; none where there is nothing."""
    if value is None:
        return []
    if isinstance(value, dict):
        return list(value)
    return value if isinstance(value, list) else [value]


def words(command: object) -> list[str]:
    """Return a command's words, whether written as a list or as a line."""
    return shlex.split(command) if isinstance(command, str) else [str(w) for w in sequence(command)]


def port(entry: object) -> Port:
    """Return a port of the list, in its short or long form."""
    if isinstance(entry, dict):
        keys = ("host_ip", "published", "target", "mode")
        return Port(*(str(entry.get(key, "")) for key in keys))
    bind_and_published, _, target = str(entry).partition("/")[0].rpartition(":")
    bind, _, published = bind_and_published.rpartition(":")
    return Port(bind, published, target)


def mounts(raw: Mapping[str, object]) -> Iterator[Mount]:
    """Yield what is mounted into a service, a tmpfs in either form included."""
    for entry in sequence(raw.get("volumes")):
        if isinstance(entry, dict):
            source, target = str(entry.get("source", "")), str(entry.get("target", ""))
            kind, read_only = str(entry.get("type", "volume")), bool(entry.get("read_only"))
            yield Mount(source, target, kind, read_only)
        else:
            source, _, rest = str(entry).partition(":")
            target, _, options = rest.partition(":")
            yield Mount(source, target, read_only="ro" in options.split(","))
    for path in sequence(raw.get("tmpfs")):
        target, _, options = str(path).partition(":")
        yield Mount("", target, "tmpfs", "ro" in options.split(","))


def listeners(text: str | None) -> list[Listener]:
    """Return the listeners of a list that Kafka is given, those left out that cannot be read."""
    found = (_LISTENER.fullmatch(word.strip()) for word in (text or "").split(","))
    return [Listener(*entry.groups()) for entry in found if entry]


def size_bytes(text: str) -> int:
    """Return 512m, 1g or 1280M in bytes.

    Raises:
        ConfigError: it is not a size.
    """
    if not (found := _SIZE.fullmatch(text.strip())):
        raise ConfigError(f"{text}: expected a size such as 512m")
    return int(found[1]) * _UNITS[found[2].lower()]


def seconds(duration: object) -> int:
    """Return 90s, 2m or 1m30s in seconds, and 0 where there is none or it is not a duration."""
    found = _DURATION.fullmatch("" if duration is None else str(duration))
    if found is None:
        return 0
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest


def number(text: object, where: str) -> float:
    """Return a number that may be written as text; `where` is what an error calls it.

    Raises:
        ConfigError: it is not a number.
    """
    try:
        return float(str(text))
    except ValueError as error:
        raise ConfigError(f"{where}: expected a number, observed {text}") from error
