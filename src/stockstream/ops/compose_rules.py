"""What the compose file has to keep to beyond the rules for every stack file."""

from collections import Counter
from collections.abc import Iterator

from stockstream.ops import container_rules, notation
from stockstream.ops.stackfile import Service, StackFile

#: Without "true" it is on as well. Swarm has no such key.
_NO_NEW_PRIVILEGES = ("no-new-privileges:true", "no-new-privileges=true", "no-new-privileges")


def images_built_once(stack: StackFile) -> Iterator[str]:
    """No tag is built by two services: compose builds at the same time, and one of both fails."""
    built = Counter(s.image for s in stack.services.values() if "build" in s.raw)
    for image, times in built.items():
        if times > 1:
            yield f"{image}: expected one service that builds it, observed {times}"
    for service in stack.services.values():
        if service.is_ours and service.image not in built:
            yield f"{service.name}: {service.image}: expected a service that builds it"


def hardening(stack: StackFile) -> Iterator[str]:
    """No container may do what is not for it, nor become who may."""
    yield from container_rules.hardening(stack)
    for service in stack.services.values():
        options = [str(option) for option in notation.sequence(service.raw.get("security_opt"))]
        if len(options) != 1 or options[0] not in _NO_NEW_PRIVILEGES:
            yield (
                f"{service.name}: expected security_opt: [{_NO_NEW_PRIVILEGES[0]}], "
                f"observed {options or 'none'}"
            )


def logs_and_restarts(stack: StackFile) -> Iterator[str]:
    """Logs are rotated, and what stays up comes back after a crash."""
    yield from container_rules.logs(stack)
    for service in stack.services.values():
        wanted = ("no", "on-failure") if service.runs_once else ("unless-stopped",)
        if (given := service.raw.get("restart", "no")) not in wanted:
            yield f"{service.name}: expected restart: {wanted[0]}, observed {given}"
        yield from container_rules.grace(service)


def start_order(stack: StackFile) -> Iterator[str]:
    """What a service waits for comes: the health of one that is asked, the end of one that ends."""
    for service in stack.services.values():
        profiles = service.raw.get("profiles")
        if profiles and (service.is_ours or service.is_broker or service.is_zookeeper):
            yield f"{service.name}: expected no profiles: `up` by itself would leave it out"
        for name, condition in _awaited(service):
            where = f"{service.name}: depends_on {name}"
            if (other := stack.services.get(name)) is None:
                yield f"{where}: no such service"
            elif condition == "service_completed_successfully" and not other.runs_once:
                yield f"{where}: {condition}: it does not end"
            elif condition == "service_healthy" and "healthcheck" not in other.raw:
                yield f"{where}: {condition}: it has no health check"


def _awaited(service: Service) -> Iterator[tuple[str, str]]:
    given = service.raw.get("depends_on")
    for name in notation.sequence(given):
        entry = given.get(name) if isinstance(given, dict) else None
        yield str(name), str(entry.get("condition", "")) if isinstance(entry, dict) else ""
