"""A compose or stack file as the validator reads it: variables filled in, services by name."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from stockstream import datafile
from stockstream.errors import ConfigError

_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::?-(?P<default>[^}]*))?\}")
_SIZE = re.compile(r"(\d+)\s*([bkmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}


class Variable(msgspec.Struct, frozen=True):
    """A `${NAME:-default}` of the file."""

    name: str
    default: str


class Port(msgspec.Struct, frozen=True):
    """A published port: where the host listens, and which port of the container that is."""

    bind: str
    published: str
    target: str
    mode: str = ""


class Mount(msgspec.Struct, frozen=True):
    """A volume (`source` is its name, or a path) at a place in the container."""

    source: str
    target: str


class Service(msgspec.Struct, frozen=True):
    """One service of the file; `raw` is its whole entry."""

    name: str
    raw: dict[str, object]

    @property
    def image(self) -> str:
        return str(self.raw.get("image", ""))

    @property
    def environment(self) -> dict[str, str]:
        """The variables, whether written as a mapping or as a list."""
        given = self.raw.get("environment") or {}
        if isinstance(given, dict):
            return {name: "" if value is None else str(value) for name, value in given.items()}
        pairs = (str(word).partition("=") for word in _sequence(given))
        return {name: value for name, _, value in pairs}

    @property
    def networks(self) -> set[str]:
        return {str(name) for name in _sequence(self.raw.get("networks") or ["default"])}

    @property
    def ports(self) -> list[Port]:
        return [_port(entry) for entry in _sequence(self.raw.get("ports") or [])]

    @property
    def mounts(self) -> list[Mount]:
        found = []
        for entry in _sequence(self.raw.get("volumes") or []):
            if isinstance(entry, dict):
                if entry.get("type") == "tmpfs":
                    continue
                found.append(Mount(str(entry.get("source", "")), str(entry.get("target", ""))))
            else:
                source, _, target = str(entry).partition(":")
                found.append(Mount(source, target.partition(":")[0]))
        return found

    @property
    def runs_once(self) -> bool:
        """Whether it ends by itself, so that nobody asks for its health."""
        swarm_condition = self.deploy("restart_policy", "condition")
        return self.raw.get("restart") == "no" or swarm_condition == "on-failure"

    @property
    def memory_limit_bytes(self) -> int | None:
        given = self.raw.get("mem_limit") or self.deploy("resources", "limits", "memory")
        return None if given is None else size_bytes(str(given))

    @property
    def memory_reserved_bytes(self) -> int | None:
        given = self.deploy("resources", "reservations", "memory")
        return None if given is None else size_bytes(str(given))

    @property
    def replicas(self) -> int:
        """How many tasks Swarm runs of it, where it is not one on each node."""
        return int(str(self.deploy("replicas") or 1))

    @property
    def takes_connections(self) -> bool:
        """Whether clients of any number connect to it, each an open file."""
        return self.is_broker or self.is_zookeeper or bool(self.ports)

    def deploy(self, *keys: str) -> object:
        """Return what stands at a path of keys below `deploy`, None where nothing does."""
        return _at(self.raw, "deploy", *keys[:-1]).get(keys[-1])

    def mapping(self, key: str) -> dict[str, object]:
        """Return the entry's mapping `key`, an empty one where there is none."""
        return _at(self.raw, key)

    @property
    def is_broker(self) -> bool:
        return "KAFKA_ZOOKEEPER_CONNECT" in self.environment

    @property
    def is_zookeeper(self) -> bool:
        return "ZOOKEEPER_CLIENT_PORT" in self.environment

    @property
    def is_ours(self) -> bool:
        """Whether it runs the image of this repository."""
        return not (self.is_broker or self.is_zookeeper) and "stockstream" in self.image


class StackFile(msgspec.Struct, frozen=True):
    """The file: its services, with the variables that it reads."""

    path: Path
    raw: dict[str, object]
    services: dict[str, Service]
    variables: list[Variable]

    @property
    def brokers(self) -> list[Service]:
        return [service for service in self.services.values() if service.is_broker]

    @property
    def zookeepers(self) -> list[Service]:
        return [service for service in self.services.values() if service.is_zookeeper]

    @property
    def named_volumes(self) -> set[str]:
        return set(_at(self.raw, "volumes"))

    @property
    def networks(self) -> dict[str, dict[str, object]]:
        """The declared networks, each with its entry."""
        return {name: _at(self.raw, "networks", name) for name in _at(self.raw, "networks")}

    @property
    def named_networks(self) -> set[str]:
        return set(_at(self.raw, "networks")) | {"default"}


def read(path: Path, environment: Mapping[str, str]) -> StackFile:
    """Read the file with the variables of `environment`, else with their defaults.

    Raises:
        ConfigError: it cannot be read, is not YAML, or has no services.
    """
    content = datafile.read(path)
    text = path.read_text(encoding="utf-8")
    filled = datafile.entries(_fill(content, environment), str(path))
    services = datafile.entries(filled.get("services"), f"{path}: services")
    found = {
        name: Service(name, datafile.entries(entry, f"{path}: {name}"))
        for name, entry in services.items()
    }
    return StackFile(path, filled, found, list(_variables(text)))


def read_env_file(path: Path) -> dict[str, str]:
    """Return the NAME=value lines of a .env file; none where it does not exist."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def size_bytes(text: str) -> int:
    """Return 512m, 1g or 1280M in bytes.

    Raises:
        ConfigError: it is not a size.
    """
    if not (found := _SIZE.fullmatch(text.strip())):
        raise ConfigError(f"{text}: expected a size such as 512m")
    return int(found[1]) * _UNITS[found[2].lower()]


def _variables(text: str) -> Iterator[Variable]:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for found in _VARIABLE.finditer(code):
        if found["name"]:
            yield Variable(found["name"], found["default"] or "")


def _fill(content: object, environment: Mapping[str, str]) -> object:
    if isinstance(content, dict):
        return {key: _fill(value, environment) for key, value in content.items()}
    if isinstance(content, list):
        return [_fill(value, environment) for value in content]
    if not isinstance(content, str):
        return content

    def value_of(found: re.Match[str]) -> str:
        if not found["name"]:
            return "$"
        return environment.get(found["name"]) or found["default"] or ""

    return _VARIABLE.sub(value_of, content)


def _port(entry: object) -> Port:
    if isinstance(entry, dict):
        published, target = str(entry.get("published", "")), str(entry.get("target", ""))
        return Port("", published, target, str(entry.get("mode", "")))
    bind_and_published, _, target = str(entry).partition("/")[0].rpartition(":")
    bind, _, published = bind_and_published.rpartition(":")
    return Port(bind, published, target)


def _sequence(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value)
    return value if isinstance(value, list) else [value]


def _at(content: Mapping[str, object], *keys: str) -> dict[str, object]:
    """Return the mapping at a path of keys, an empty one where there is none."""
    found: object = content
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
