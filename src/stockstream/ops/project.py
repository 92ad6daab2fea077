"""validate-project.sh: the repository and its stack files, checked without starting anything."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from stockstream.errors import StockstreamError
from stockstream.ops import (
    broker_rules,
    compose_rules,
    container_rules,
    docker_clients,
    health_rules,
    image_rules,
    links,
    listeners,
    port_rules,
    repository,
    setting_rules,
    swarm_rules,
    topics,
)
from stockstream.ops.checks import CheckFailed, Checks, CheckSkipped
from stockstream.ops.stackfile import StackFile, read
from stockstream.ops.variables import mask, read_env_file

SCOPES = ("phase1", "phase2", "all")

_FILES = {
    "repository": (
        "README.md", "SECURITY.md", "Dockerfile", "pyproject.toml", "constraints.txt",
        "requirements/image.txt", "config/topics.yml", "config/gunicorn.conf.py",
        "static/index.html", "static/package-lock.json", "scripts/audit-packages.sh",
        "scripts/build-image.sh", "scripts/create-topics.sh", "scripts/pin-jars.sh",
        "scripts/pin-packages.sh", "scripts/run-local.sh", "scripts/test.sh",
        "scripts/validate-cluster.sh", "scripts/validate-project.sh", "docs/configuration.md",
        "docs/troubleshooting.md", "docs/websocket-api.md",
    ),
    "phase1": (
        "phase1/docker-compose.yml", "phase1/.env.example", "scripts/reset.sh",
        "docs/phase1-setup.md",
    ),
    "phase2": ("phase2/docker-stack.yml", "phase2/.env.example", "docs/phase2-setup.md"),
}  # fmt: skip
_STACK_FILES = {"phase1": "phase1/docker-compose.yml", "phase2": "phase2/docker-stack.yml"}
_TOPICS = {"phase1": "dev", "phase2": "prod"}
_RULES: dict[str, Callable[[StackFile], Iterator[str]]] = {
    "images pinned": image_rules.images_pinned,
    "health checks": health_rules.health_checks,
    "ids": broker_rules.ids,
    "Kafka's start": broker_rules.start,
    "listeners": listeners.listeners,
    "client addresses": listeners.clients,
    "ZooKeeper addresses": listeners.zookeeper_addresses,
    "networks": port_rules.networks,
    "ports": port_rules.ports,
    "volumes": container_rules.volumes,
    "memory": container_rules.memory,
    "no JMX port": broker_rules.no_jmx_port,
    "no auto-creation": broker_rules.no_auto_creation,
    "settings": setting_rules.settings,
    "bridge settings": setting_rules.bridge_settings,
}
#: What one phase's file alone has to keep to.
_OWN_RULES: dict[str, dict[str, Callable[[StackFile], Iterator[str]]]] = {
    "phase1": {
        "images built once": compose_rules.images_built_once,
        "hardening": compose_rules.hardening,
        "logs and restarts": compose_rules.logs_and_restarts,
        "start order": compose_rules.start_order,
    },
    "phase2": {
        "Swarm keys": swarm_rules.keys,
        "identities": swarm_rules.identities,
        "ensemble": swarm_rules.ensemble,
        "endpoints": swarm_rules.endpoints,
        "overlay networks": swarm_rules.networks,
        "resources": swarm_rules.resources,
        "updates": swarm_rules.updates,
        "consumer groups": swarm_rules.groups,
        "one image a kind": swarm_rules.images,
        "hardening": container_rules.hardening,
        "logs": container_rules.logs,
    },
}


def validate(checks: Checks, scope: str, root: Path, online: bool = False) -> None:
    """Check the repository and the phases of `scope`, with everything below `root`."""
    phases = ["phase1", "phase2"] if scope == "all" else [scope]
    _repository(checks, root, online)
    for phase in phases:
        if scope == "all" and not (root / phase).is_dir():
            checks.run(phase, _skip(f"there is no {phase}/ yet"))
        else:
            _phase(checks, phase, root)


def _repository(checks: Checks, root: Path, online: bool) -> None:
    checks.run("files", _none(lambda: repository.missing_files(root, _FILES["repository"])))
    checks.run("run bits", _none(lambda: repository.run_bits(root)))
    # A phase's own file is a check of its own, which all others of the phase follow from.
    others = [root / name for name in _STACK_FILES.values()]
    checks.run("YAML", _none(lambda: repository.bad_yaml(root, others)))
    checks.run("links", _none(lambda: links.dead_links(root)))
    if online:
        checks.run("outside links", _none(lambda: links.dead_outside_links(root)))
    else:
        checks.run("outside links", _skip("asked with --online only"))
    checks.run("shell", lambda: repository.clean_shell(root))
    checks.run("Python", lambda: repository.clean_python(root))


def _phase(checks: Checks, phase: str, root: Path) -> None:
    file = root / _STACK_FILES[phase]
    stacks: list[StackFile] = []
    known: dict[str, str] = {}
    readable = f"{phase} YAML"

    def read_both() -> None:
        known.update(read_env_file(file.with_name(".env")))
        stacks.append(read(file, known))
        for variable in stacks[0].variables:  # what the file itself shows is no secret
            if known.get(variable.name) == variable.default:
                del known[variable.name]

    def run(name: str, look: Callable[[], str | None]) -> None:
        checks.run(f"{phase} {name}", _masked(look, known), after=[readable])

    checks.run(f"{phase} files", _none(lambda: repository.missing_files(root, _FILES[phase])))
    checks.run(readable, _masked(read_both, known))
    for name, rule in {**_RULES, **_OWN_RULES[phase]}.items():
        run(name, _none(lambda rule=rule: rule(stacks[0])))  # type: ignore[misc]
    run("replication", _none(lambda: broker_rules.replication(stacks[0], _declared(root, phase))))
    wanted = _TOPICS[phase]
    run("applied topics", _none(lambda: setting_rules.applied_topics(stacks[0], wanted)))
    example = file.with_name(".env.example")
    run("variables", _none(lambda: setting_rules.variables(stacks[0], example)))
    if phase == "phase2":
        run("durability", _none(lambda: swarm_rules.durability(stacks[0], _declared(root, phase))))
        run("stack config", lambda: docker_clients.stack_config(file))
    else:
        run("compose config", lambda: docker_clients.compose_config(file))


def _declared(root: Path, phase: str) -> dict[str, topics.TopicSpec]:
    return topics.load(_TOPICS[phase], root / "config/topics.yml")


def _masked(look: Callable[[], str | None], known: Mapping[str, str]) -> Callable[[], str | None]:
    """Return the check with an error that shows ${NAME} for what .env has as NAME."""

    def masked() -> str | None:
        try:
            return look()
        except CheckSkipped:
            raise
        except (CheckFailed, StockstreamError) as error:
            raise CheckFailed(mask(str(error), known)) from None
        except Exception as error:  # not foreseen, so its type belongs to its text
            raise CheckFailed(f"{type(error).__name__}: {mask(str(error), known)}") from None

    return masked


def _none(problems: Callable[[], Iterable[str]]) -> Callable[[], None]:
    """Return a check that fails where there is any problem, with all of them."""

    def look() -> None:
        if found := list(problems()):
            raise CheckFailed("; ".join(found))

    return look


def _skip(why: str) -> Callable[[], None]:
    def look() -> None:
        raise CheckSkipped(why)

    return look
