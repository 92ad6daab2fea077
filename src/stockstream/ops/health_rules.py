"""Whether a health check can tell a service that works from one that does not."""

import re
from collections.abc import Iterator

from stockstream.ops import notation
from stockstream.ops.stackfile import Service, StackFile

#: Kafka tools are JVMs: one every few seconds as a health check takes a core.
_TOOL = re.compile(r"\bkafka-[a-z-]+\b|\bzookeeper-shell\b")
#: A last command that succeeds whatever went before it, or one that stands in for a failure.
_SUCCEEDS = r"(?:true|:|exit\s+0|(?:echo|printf)\b[^|;&\n]*)"
_CANNOT_FAIL = re.compile(
    rf"\|\|\s*{_SUCCEEDS}\s*(?:$|[;\n])|(?:^|;|\n|\|)\s*{_SUCCEEDS}\s*$|(?<!&)&\s*$"
)
_ADDRESS = re.compile(r"(?:/dev/tcp/|https?://)?(?P<host>[\w.\[\]-]+)[:/](?P<port>\d+)\b")
_COMPARED = re.compile(r"(?<!!)=[=~]?\s*[\"']?imok\b|\bgrep\b[^|;&]*\bimok\b")
_AGE = re.compile(r"-(?:newermt|mmin)\b")
#: Recovering the logs after a crash takes minutes: killed in the middle of it, it never ends.
_BROKER_START_S = 900
#: There is no variable of the image for the four-letter words.
_ALLOWED_WORDS = re.compile(r"-Dzookeeper\.4lw\.commands\.whitelist=\S*(?:\bruok\b|\*)")


def health_checks(stack: StackFile) -> Iterator[str]:
    """Each service that stays up is asked itself: no shell form, no JVM, no start_interval."""
    for service in stack.services.values():
        if service.runs_once:
            continue
        check = service.mapping("healthcheck")
        test = check.get("test")
        if check.get("disable") or not isinstance(test, list) or len(test) < 2:
            yield f"{service.name}: expected a healthcheck with test: [CMD, ...]"
            continue
        if test[0] != "CMD":
            yield f"{service.name}: expected CMD, observed {test[0]}: /bin/sh may lack /dev/tcp"
        yield from _times(service, check)
        yield from _can_fail(service, [str(word) for word in test[1:]])
        yield from _asks(service, " ".join(str(word) for word in test[1:]))


def _times(service: Service, check: dict[str, object]) -> Iterator[str]:
    least_s, given = _BROKER_START_S if service.is_broker else 1, check.get("start_period")
    if notation.seconds(given) < least_s:
        yield f"{service.name}: expected start_period: {least_s}s at least, observed {given}"
    if "start_interval" in check:
        yield f"{service.name}: start_interval is refused by docker-compose 1.29"


def _can_fail(service: Service, probe: list[str]) -> Iterator[str]:
    if found := _TOOL.search(" ".join(probe)):
        yield f"{service.name}: {found[0]} starts a JVM at each probe"
    script = probe[-1] if probe[0].endswith("sh") else " ".join(probe)
    if _CANNOT_FAIL.search(script):
        yield f"{service.name}: expected a probe that can fail, observed {script}"


def _asks(service: Service, probe: str) -> Iterator[str]:
    """The probe goes to the service's own heartbeat or port, and judges what it says."""
    beats = service.is_ours and service.command in ("producer", "consumer")
    if beats or "HEARTBEAT_FILE" in service.environment:
        yield from _asks_heartbeat(service, probe)
    else:
        yield from _asks_port(service, probe)
    if service.is_zookeeper:
        yield from _asks_zookeeper(service, probe)
    if service.is_ours and service.command == "bridge":
        yield from _asks_bridge(service, probe)


def _asks_heartbeat(service: Service, probe: str) -> Iterator[str]:
    path = service.environment.get("HEARTBEAT_FILE", "")
    if not path:
        yield f"{service.name}: expected HEARTBEAT_FILE, which its probe can look at"
    elif not re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w./-])", probe):
        yield f"{service.name}: expected a probe of HEARTBEAT_FILE={path}, observed {probe}"
    elif not _AGE.search(probe):
        yield f"{service.name}: expected the heartbeat's age to be looked at, observed {probe}"


def _asks_port(service: Service, probe: str) -> Iterator[str]:
    asked = {(found["host"], found["port"]) for found in _ADDRESS.finditer(probe)}
    listening = service.listening_ports
    if not any(notation.is_loopback(host) and port in listening for host, port in asked):
        wanted = " or ".join(f"127.0.0.1:{port}" for port in sorted(listening)) or "itself"
        yield f"{service.name}: expected a probe of {wanted}, observed {probe}"


def _asks_zookeeper(service: Service, probe: str) -> Iterator[str]:
    """A refused `ruok` is answered with more than four bytes: only `imok` is healthy."""
    if not _COMPARED.search(probe):
        yield f"{service.name}: expected ZooKeeper's answer to be compared with imok"
    options = service.environment.get("KAFKA_OPTS", "")
    if "ruok" in probe and not _ALLOWED_WORDS.search(options):
        yield f"{service.name}: expected ruok in -Dzookeeper.4lw.commands.whitelist of KAFKA_OPTS"


def _asks_bridge(service: Service, probe: str) -> Iterator[str]:
    """Kafka being away must not get the bridge replaced and its clients dropped."""
    if not re.search(r"/live(?![\w/-])", probe):
        yield f"{service.name}: expected a probe of /live, observed {probe}"
    if not re.search(r"==?\s*[\"']?200\b", probe):
        yield f"{service.name}: expected the answer's status to be compared with 200"
