"""What can be set: variables as .env.example shows them, settings as our services read them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from stockstream import config
from stockstream.errors import ConfigError
from stockstream.ops.stackfile import OUR_COMMANDS, StackFile
from stockstream.ops.variables import read_text

#: What Swarm fills in when it starts a task: {{.Node.Hostname}}.
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_SHOWN = re.compile(r"^#?\s?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def variables(stack: StackFile, example: Path) -> Iterator[str]:
    """Each variable has one default, and stands in .env.example with it; nothing else does."""
    text = read_text(example) if example.exists() else ""
    shown, used = _defaults(_SHOWN.findall(text)), _defaults(_pairs(stack))
    for where, found in ((example.name, shown), (stack.path.name, used)):
        for name, defaults in found.items():
            if len(defaults) > 1:
                yield f"{name}: expected one default in {where}, observed {' and '.join(defaults)}"
    for name, defaults in used.items():
        if name not in shown:
            yield f"{name}: not in {example.name}"
        elif not set(defaults) & set(shown[name]):
            yield (f"{name}: expected {defaults[0]} in {example.name}, observed {shown[name][0]}")
    for name in sorted(set(shown) - set(used) - {"COMPOSE_PROJECT_NAME"}):
        yield f"{name}: in {example.name}, but the file does not read it"


def settings(stack: StackFile) -> Iterator[str]:
    """Our services are told what to be, in variables that they read, by values that they take."""
    known = {*config.variables(), "KAFKA_BROKERS"}
    for service in stack.services.values():
        if not service.is_ours:
            continue
        # Without a command the image is a bridge.
        if (command := service.command or "bridge") not in OUR_COMMANDS:
            yield f"{service.name}: {command}: expected one of {', '.join(OUR_COMMANDS)}"
        for name in sorted(set(service.environment) - known):
            yield f"{service.name}: {name}: no such setting"
        try:
            config.load({k: _TEMPLATE.sub("x", v) for k, v in service.environment.items()})
        except ConfigError as error:
            yield f"{service.name}: {error}"


def applied_topics(stack: StackFile, phase: str) -> Iterator[str]:
    """Something applies the topics that config/topics.yml declares for this phase: dev or prod."""
    wanted = f"topics apply --phase {phase}"
    appliers = [service for service in stack.services.values() if service.runs_once]
    if not appliers:
        yield f"expected a service with the command {wanted}, observed none"
    for service in appliers:
        if (given := " ".join(service.words)) != wanted:
            yield f"{service.name}: expected the command {wanted}, observed {given}"


def _pairs(stack: StackFile) -> Iterator[tuple[str, str]]:
    return ((variable.name, variable.default) for variable in stack.variables)


def _defaults(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the defaults of each name, each once."""
    found: dict[str, list[str]] = {}
    for name, default in pairs:
        if default not in (defaults := found.setdefault(name, [])):
            defaults.append(default)
    return found
