"""A part of the stack file, and whether deploying it would restart what runs.

Docker's own variables, defaults and conversions stay Docker's: what is written here is a stack file
again, with its ${NAME:-default} untouched, and the comparison is one of services as Docker made
them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from stockstream import datafile
from stockstream.errors import ConfigError, StackError
from stockstream.ops.swarm.placement import BROKERS, ZOOKEEPERS

#: What must never be restarted all at once.
CLUSTER = (*ZOOKEEPERS, *BROKERS)

_DIGEST = re.compile(r"@sha256:[0-9a-f]+$")
#: What is no property of the task: how often it was forced, and by which client it was made.
_PASSING = {"ForceUpdate", "Runtime"}
#: Lists whose order means nothing, and depends on the client.
_UNORDERED = {"Env", "Mounts", "Networks", "Ulimits"}


def only(text: str, names: Collection[str]) -> bytes:
    """Return the stack file with these services only, as JSON, which is YAML too.

    Raises:
        ConfigError: it is no stack file, or has no such service.
    """
    content, services = _services(text)
    if missing := sorted(set(names) - set(services)):
        raise ConfigError(f"the stack file has no service {', '.join(missing)}")
    return _with_services(content, {name: services[name] for name in services if name in names})


def without(text: str, names: Collection[str]) -> bytes:
    """Return the stack file without these services."""
    content, services = _services(text)
    kept = {name: entry for name, entry in services.items() if name not in names}
    return _with_services(content, kept)


def preview(text: str, stack: str) -> bytes:
    """Return brokers and ZooKeepers alone, with no replica, on the networks of the running stack.

    Deployed under another name, it shows what Docker would make of them, and starts nothing.
    """
    content, services = _services(text)
    kept = {}
    for name, entry in services.items():
        if name in CLUSTER:
            entry = datafile.entries(entry, name)
            deploy = datafile.entries(entry.get("deploy", {}), f"{name}: deploy")
            kept[name] = {**entry, "deploy": {**deploy, "replicas": 0}}
    networks = {
        name: {"external": True, "name": f"{stack}_{name}"}
        for name in datafile.entries(content.get("networks", {}), "networks")
    }
    return _with_services({**content, "networks": networks}, kept)


def changes(specs: Iterable[str], stack: str, preview_stack: str) -> Iterator[str]:
    """Yield a line on each service whose running tasks would be replaced by the previewed ones.

    `specs` are the services' specs, a JSON object each, those of both stacks.
    """
    found: dict[str, dict[str, Any]] = {stack: {}, preview_stack: {}}
    for line in filter(None, map(str.strip, specs)):
        try:
            spec = msgspec.json.decode(line)
            owner = next(o for o in found if spec["Name"].startswith(f"{o}_"))
            found[owner][spec["Name"].removeprefix(f"{owner}_")] = spec["TaskTemplate"]
        except (KeyError, StopIteration, TypeError, ValueError) as error:
            raise StackError(f"expected the spec of a service, got {line[:200]!r}") from error
    for name, wanted in sorted(found[preview_stack].items()):
        if name not in found[stack]:
            continue
        running = _comparable(found[stack][name], stack, stack)
        planned = _comparable(wanted, preview_stack, stack)
        if places := sorted(_differences(running, planned)):
            yield f"{name}: {', '.join(places)}"


def _services(text: str) -> tuple[dict[str, object], dict[str, object]]:
    content = datafile.parse(text, "the stack file")
    return content, datafile.entries(content.get("services"), "the stack file: services")


def _with_services(content: Mapping[str, object], services: Mapping[str, object]) -> bytes:
    """Write the file again; extensions are gone, for their anchors are resolved by now."""
    kept = {key: value for key, value in content.items() if not key.startswith("x-")}
    return msgspec.json.encode({**kept, "services": services})


def _comparable(value: Any, owner: str, stack: str, key: str = "") -> Any:
    """Return it without what differs between two stacks that run the same."""
    if isinstance(value, dict):
        return {
            inner: _comparable(entry, owner, stack, inner)
            for inner, entry in value.items()
            if inner not in _PASSING
        }
    if isinstance(value, list):
        entries = [_comparable(entry, owner, stack) for entry in value]
        return sorted(entries, key=msgspec.json.encode) if key in _UNORDERED else entries
    if isinstance(value, str):
        if value == owner:
            return stack
        return _DIGEST.sub("", re.sub(rf"^{re.escape(owner)}_", f"{stack}_", value))
    return value


def _differences(running: Any, planned: Any, place: str = "") -> Iterator[str]:
    """Yield where they differ, as in ContainerSpec.Env."""
    if isinstance(running, dict) and isinstance(planned, dict):
        for key in running.keys() | planned.keys():
            inner = f"{place}.{key}" if place else key
            yield from _differences(running.get(key), planned.get(key), inner)
    elif running != planned:
        yield place
