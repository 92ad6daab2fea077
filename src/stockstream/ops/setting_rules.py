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
#: What a bridge does not read, and what the file itself decides for it.
_OF_OTHERS = {"TICK_INTERVAL", "PRICE_VOLATILITY", "MARKET_SEED", "HEARTBEAT_FILE"}
_FIXED = {"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_TOPIC", "CONSUMER_GROUP", "WEBSOCKET_HOST",
          "WEBSOCKET_PORT"}  # fmt: skip
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


def bridge_settings(stack: StackFile) -> Iterator[str]:
    """Everything that a bridge can be told can be set from outside, and has its own default.

    A setting that is new in `config.Settings` is missed here until the file passes it on.
    """
    read = {variable.name for variable in stack.variables}
    wanted = {k: v for k, v in config.variables().items() if k not in _OF_OTHERS | _FIXED}
    for service in stack.shipped.values():
        if not service.is_ours or (service.command or "bridge") != "bridge":
            continue
        for name, default in wanted.items():
            if name not in service.environment or name not in read:
                yield f"{service.name}: {name}: expected ${{{name}:-...}}, observed none"
            elif _value(name, service.environment[name]) != default:
                shipped = service.environment[name]
                yield f"{service.name}: {name}: expected the default {default}, observed {shipped}"


def applied_topics(stack: StackFile, phase: str) -> Iterator[str]:
    """Something applies the topics that config/topics.yml declares for this phase: dev or prod."""
    wanted = f"topics apply --phase {phase}"
    appliers = [service for service in stack.services.values() if service.runs_once]
    if not appliers:
        yield f"expected a service with the command {wanted}, observed none"
    for service in appliers:
        if (given := " ".join(service.words)) != wanted:
            yield f"{service.name}: expected the command {wanted}, observed {given}"


def _value(name: str, text: str) -> object:
    """Return what a service would take the text for, None where it takes it for nothing."""
    try:
        return getattr(config.load({name: text}), name.lower())
    except ConfigError:
        return None


def _pairs(stack: StackFile) -> Iterator[tuple[str, str]]:
    return ((variable.name, variable.default) for variable in stack.variables)


def _defaults(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the defaults of each name, each once."""
    found: dict[str, list[str]] = {}
    for name, default in pairs:
        if default not in (defaults := found.setdefault(name, [])):
            defaults.append(default)
    return found
