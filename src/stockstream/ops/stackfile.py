"""A compose or stack file as the validator reads it: variables filled in, services by name."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from stockstream import datafile
from stockstream.ops import notation
from stockstream.ops.notation import Mount, Port
from stockstream.ops.variables import Variable, fill, read_text, variables

#: The first word that our image is given. All of them stay up, but for `topics`.
OUR_COMMANDS = ("producer", "consumer", "bridge", "topics")
#: What the broker's image reads, and nothing else in the file.
_OF_BROKER = {"KAFKA_ZOOKEEPER_CONNECT", "KAFKA_LISTENERS", "KAFKA_BROKER_ID"}


class Service(msgspec.Struct, frozen=True):
    """One service of the file: `raw` is its whole entry, `written_image` the image unfilled."""

    name: str
    raw: dict[str, object]
    written_image: str = ""

    @property
    def image(self) -> str:
        return str(self.raw.get("image", ""))

    @property
    def environment(self) -> dict[str, str]:
        """The variables, whether written as a mapping or as a list."""
        given = self.raw.get("environment")
        if isinstance(given, dict):
            return {name: "" if value is None else str(value) for name, value in given.items()}
        pairs = (str(word).partition("=") for word in notation.sequence(given))
        return {name: value for name, _, value in pairs}

    @property
    def words(self) -> list[str]:
        """The words of its command."""
        return notation.words(self.raw.get("command"))

    @property
    def command(self) -> str:
        """The first word of its command: what our image is to be."""
        return next(iter(self.words), "")

    @property
    def networks(self) -> set[str]:
        return {str(n) for n in notation.sequence(self.raw.get("networks"))} or {"default"}

    @property
    def ports(self) -> list[Port]:
        return [notation.port(entry) for entry in notation.sequence(self.raw.get("ports"))]

    @property
    def listening_ports(self) -> set[str]:
        """The container's ports on which it takes connections, as far as the file tells."""
        if self.is_broker:
            return {url.port for url in notation.listeners(self.environment.get("KAFKA_LISTENERS"))}
        if self.is_zookeeper:
            return {self.environment.get("ZOOKEEPER_CLIENT_PORT", "")}
        if self.is_ours:
            return {self.environment.get("WEBSOCKET_PORT", "8080")}
        return {port.target for port in self.ports}

    @property
    def mounts(self) -> list[Mount]:
        """What is mounted into it, but for a tmpfs."""
        return [mount for mount in notation.mounts(self.raw) if mount.kind != "tmpfs"]

    @property
    def writable(self) -> set[str]:
        """Where it may write although its root is read-only."""
        return {mount.target for mount in notation.mounts(self.raw) if not mount.read_only}

    @property
    def runs_once(self) -> bool:
        """Whether it ends by itself, so that nobody asks for its health."""
        return self.is_ours and self.command == "topics"

    @property
    def memory_limit_bytes(self) -> int | None:
        given = self.raw.get("mem_limit") or self.deploy("resources", "limits", "memory")
        return None if given is None else notation.size_bytes(str(given))

    @property
    def memory_reserved_bytes(self) -> int | None:
        given = self.deploy("resources", "reservations", "memory")
        return None if given is None else notation.size_bytes(str(given))

    @property
    def replicas(self) -> int:
        """How many tasks Swarm runs of it, where it is not one on each node."""
        return int(notation.number(self.deploy("replicas") or 1, f"{self.name}: replicas"))

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
        return bool(_OF_BROKER & self.environment.keys())

    @property
    def is_zookeeper(self) -> bool:
        return any(name.startswith("ZOOKEEPER_") for name in self.environment)

    @property
    def is_ours(self) -> bool:
        """Whether it runs the image of this repository, under whatever name."""
        ours = "stockstream" in self.written_image.lower() or self.command in OUR_COMMANDS
        return ours and not (self.is_broker or self.is_zookeeper)


class StackFile(msgspec.Struct, frozen=True):
    """The file: its services, as shipped (without .env) too, with the variables that it reads."""

    path: Path
    raw: dict[str, object]
    services: dict[str, Service]
    shipped: dict[str, Service]
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
    filled = datafile.entries(fill(content, environment), str(path))
    used = list(variables(read_text(path)))
    return StackFile(path, filled, _services(path, content, environment),
                     _services(path, content, {}), used)  # fmt: skip


def _services(
    path: Path, content: Mapping[str, object], environment: Mapping[str, str]
) -> dict[str, Service]:
    found = {}
    for name, entry in datafile.entries(content.get("services"), f"{path}: services").items():
        written = datafile.entries(entry, f"{path}: {name}")
        filled = datafile.entries(fill(written, environment), f"{path}: {name}")
        found[name] = Service(name, filled, str(written.get("image", "")))
    return found


def _at(content: Mapping[str, object], *keys: str) -> dict[str, object]:
    """Return the mapping at a path of keys, an empty one where there is none."""
    found: object = content
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
