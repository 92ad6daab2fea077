"""validate-project.sh: the repository and its stack files, checked without starting anything."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from stockstream import config
from stockstream.errors import ConfigError
from stockstream.ops import listeners, repository, stack_rules, swarm_rules, topics
from stockstream.ops.checks import CheckFailed, Checks, CheckSkipped
from stockstream.ops.stackfile import StackFile, read, read_env_file

SCOPES = ("phase1", "phase2", "all")

_FILES = {
    "repository": (
        "README.md", "Dockerfile", "pyproject.toml", "constraints.txt", "config/topics.yml",
        "config/gunicorn.conf.py", "static/index.html", "static/package-lock.json",
        "scripts/build-image.sh", "scripts/create-topics.sh", "scripts/run-local.sh",
        "scripts/test.sh", "scripts/validate-cluster.sh", "scripts/validate-project.sh",
        "docs/configuration.md", "docs/troubleshooting.md", "docs/websocket-api.md",
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
    "images pinned": stack_rules.images_pinned,
    "health checks": stack_rules.health_checks,
    "ids": stack_rules.ids,
    "listeners": listeners.listeners,
    "client addresses": listeners.clients,
    "ZooKeeper addresses": listeners.zookeeper_addresses,
    "networks": stack_rules.networks,
    "ports": stack_rules.ports,
    "volumes": stack_rules.volumes,
    "memory": stack_rules.memory,
    "no JMX port": stack_rules.no_jmx_port,
    "no auto-creation": stack_rules.no_auto_creation,
    "hardening": stack_rules.hardening,
    "logs and restarts": stack_rules.logs_and_restarts,
}
#: What one phase's file alone has to keep to.
_OWN_RULES: dict[str, dict[str, Callable[[StackFile], Iterator[str]]]] = {
    "phase1": {"images built once": stack_rules.images_built_once},
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
    },
}

#: What Swarm fills in when it starts a task: {{.Node.Hostname}}.
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")


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
    checks.run("links", _none(lambda: repository.dead_links(root)))
    if online:
        checks.run("outside links", _none(lambda: repository.dead_outside_links(root)))
    else:
        checks.run("outside links", _skip("asked with --online only"))
    checks.run("shell", lambda: repository.clean_shell(root))
    checks.run("Python", lambda: repository.clean_python(root))


def _phase(checks: Checks, phase: str, root: Path) -> None:
    file = root / _STACK_FILES[phase]
    environment = read_env_file(file.with_name(".env"))
    stacks: list[StackFile] = []
    readable = f"{phase} YAML"
    checks.run(f"{phase} files", _none(lambda: repository.missing_files(root, _FILES[phase])))
    checks.run(readable, lambda: stacks.append(read(file, environment)))
    for name, rule in {**_RULES, **_OWN_RULES[phase]}.items():
        look = _none(lambda rule=rule: rule(stacks[0]))  # type: ignore[misc]
        checks.run(f"{phase} {name}", look, after=[readable])
    checks.run(
        f"{phase} replication",
        _none(lambda: stack_rules.replication(stacks[0], _declared(root, phase))),
        after=[readable],
    )
    example = file.with_name(".env.example")
    checks.run(
        f"{phase} variables", _none(lambda: _variables(stacks[0], example)), after=[readable]
    )
    checks.run(f"{phase} settings", _none(lambda: _settings(stacks[0])), after=[readable])
    if phase == "phase2":
        durable = _none(lambda: swarm_rules.durability(stacks[0], _declared(root, phase)))
        checks.run("phase2 durability", durable, after=[readable])
        checks.run("phase2 stack config", lambda: _stack_config(file), after=[readable])
    else:
        checks.run("phase1 compose config", lambda: _compose_config(file), after=[readable])


def _declared(root: Path, phase: str) -> dict[str, topics.TopicSpec]:
    return topics.load(_TOPICS[phase], root / "config/topics.yml")


def _variables(stack: StackFile, example: Path) -> Iterator[str]:
    """Each variable of the file stands in .env.example with its default, and the other way."""
    text = example.read_text(encoding="utf-8") if example.exists() else ""
    shown = dict(re.findall(r"^#?\s?([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))
    used = {variable.name: variable.default for variable in stack.variables}
    for name, default in used.items():
        if name not in shown:
            yield f"{name}: not in {example.name}"
        elif shown[name] != default:
            yield f"{name}: expected {default} in {example.name}, observed {shown[name]}"
    for name in sorted(set(shown) - set(used) - {"COMPOSE_PROJECT_NAME"}):
        yield f"{name}: in {example.name}, but the file does not read it"


def _settings(stack: StackFile) -> Iterator[str]:
    """Our services are given variables that they read, with values that they take."""
    known = {*config.variables(), "KAFKA_BROKERS"}
    for service in stack.services.values():
        if not service.is_ours:
            continue
        for name in sorted(set(service.environment) - known):
            yield f"{service.name}: {name}: no such setting"
        try:
            config.load({k: _TEMPLATE.sub("x", v) for k, v in service.environment.items()})
        except ConfigError as error:
            yield f"{service.name}: {error}"


def _compose_config(file: Path) -> str:
    """Ask compose itself, where there is one.

    Raises:
        CheckFailed: it refuses the file.
        CheckSkipped: there is no compose on this machine.
    """
    for program in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(program[0]) and _run([*program, "version"]).returncode == 0:
            return _asked(program, ["-f", str(file), "config", "--quiet"])
    raise CheckSkipped("neither docker compose nor docker-compose is installed")


def _stack_config(file: Path) -> str:
    """Ask the client that deploys the file, where it can tell without deploying.

    Raises:
        CheckFailed: it refuses the file.
        CheckSkipped: there is no such client on this machine.
    """
    program = ["docker", "stack", "config"]
    if shutil.which("docker") and "docker stack config" in _run([*program, "--help"]).stdout:
        return _asked(program, ["-c", str(file)])
    raise CheckSkipped("no docker client with `docker stack config` is installed")


def _asked(program: list[str], arguments: list[str]) -> str:
    done = _run([*program, *arguments])
    if done.returncode:
        raise CheckFailed(f"{' '.join(program)}: {done.stderr.strip()}")
    return " ".join(program)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


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
