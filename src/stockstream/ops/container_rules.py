"""What each container keeps to: what it may do, where it writes, how much memory it takes."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from stockstream.ops import notation
from stockstream.ops.notation import size_bytes
from stockstream.ops.stackfile import Service, StackFile

_HEAP = re.compile(r"-Xm(?P<which>[sx])(?P<size>\d+[kmgKMG])")
#: What a broker needs beside its heap: page cache, direct buffers, tools run by exec.
_BROKER_EXTRA_BYTES = 768 * 2**20
#: What any other JVM needs beside its heap.
_JVM_EXTRA_BYTES = 128 * 2**20
#: A controlled shutdown of a broker with many segments takes its time.
_BROKER_GRACE_S = 120
_DATA_PATHS = {
    "broker": ("/var/lib/kafka/data",),
    "zookeeper": ("/var/lib/zookeeper/data", "/var/lib/zookeeper/log"),
}
#: Where the images generate files at the start, or declare a volume that a restart would leave.
_START_PATHS = {
    "broker": ("/etc/kafka", "/etc/kafka/secrets", "/var/log/kafka"),
    "zookeeper": ("/etc/kafka", "/etc/zookeeper/secrets", "/var/log/kafka"),
}
_TMP = "/tmp"  # noqa: S108 - the container's
_OF_HOST = ("ipc", "network_mode", "pid", "userns_mode", "uts")


def hardening(stack: StackFile) -> Iterator[str]:
    """No root, no capability, nothing of the host, no writable root; an init that reaps."""
    for service in stack.services.values():
        wanted = {"read_only": True, "init": True, "cap_drop": ["ALL"]}
        for key, value in wanted.items():
            if service.raw.get(key) != value:
                yield f"{service.name}: expected {key}: {value}, observed {service.raw.get(key)}"
        for key in ("privileged", "cap_add", "devices"):
            if service.raw.get(key):
                yield f"{service.name}: expected no {key}, observed {service.raw[key]}"
        yield from _of_host(service)
        yield from _user(service)


def _of_host(service: Service) -> Iterator[str]:
    """A path of the host, or one of its namespaces, is a way out of the container."""
    for mount in service.mounts:
        if mount.is_of_host:
            yield f"{service.name}: expected nothing of the host, observed {mount.source}"
    for key in _OF_HOST:
        if service.raw.get(key) == "host":
            yield f"{service.name}: expected {key} of its own, observed the host's"


def _user(service: Service) -> Iterator[str]:
    user = str(service.raw.get("user", ""))
    if service.is_broker or service.is_zookeeper:
        # A tmpfs is root's, with mode 0775: group 0 may write there, 1000 may not.
        if user != "1000:0":
            yield f'{service.name}: expected user "1000:0", observed {user or "none"}'
    elif user.partition(":")[0] in ("0", "root"):
        yield f"{service.name}: runs as root"


def volumes(stack: StackFile) -> Iterator[str]:
    """Data lies on named volumes, one service each; what is written else has its place too."""
    for service in stack.services.values():
        yield from _data(stack, service)
        yield from _written(service)
    used = [m.source for s in stack.services.values() for m in s.mounts if not m.is_of_host]
    for name, times in Counter(used).items():
        if times > 1:
            yield f"volume {name}: expected one service, observed {times}"
        if name not in stack.named_volumes:
            yield f"volume {name or 'without a name'} is not declared"
    for name in sorted(stack.named_volumes - set(used)):
        yield f"volume {name} is declared and not used"


def _data(stack: StackFile, service: Service) -> Iterator[str]:
    """A broker's /tmp too: a tmpfs is noexec, and snappy and zstd load libraries from there."""
    mounted = {m.target: m.source for m in service.mounts if not m.read_only}
    for path in _DATA_PATHS.get(_kind(service), ()):
        if mounted.get(path) not in stack.named_volumes:
            yield f"{service.name}: expected a named volume on {path}, not read-only"
    if service.is_broker and mounted.get(_TMP) not in stack.named_volumes:
        yield f"{service.name}: expected a named volume on /tmp: snappy and zstd load from it"


def _written(service: Service) -> Iterator[str]:
    """With a read-only root, a place to write is a tmpfs or a volume."""
    for path in (*_START_PATHS.get(_kind(service), ()), _TMP):
        if path not in service.writable:
            yield f"{service.name}: expected a tmpfs on {path}"
    beat = service.environment.get("HEARTBEAT_FILE", "")
    if beat and not {str(p) for p in PurePosixPath(beat).parents} & service.writable:
        yield f"{service.name}: HEARTBEAT_FILE={beat}: expected a tmpfs on its directory"


def memory(stack: StackFile) -> Iterator[str]:
    """Each service has a memory limit, and a JVM's limit is above its heap."""
    for service in stack.services.values():
        # 0 is no limit either.
        if not (limit := service.memory_limit_bytes):
            yield f"{service.name}: expected a memory limit"
            continue
        names = ("KAFKA_HEAP_OPTS", "JAVA_OPTS", "KAFKA_OPTS")
        options = " ".join(filter(None, map(service.environment.get, names)))
        if _kind(service) or options:
            extra = _BROKER_EXTRA_BYTES if service.is_broker else _JVM_EXTRA_BYTES
            yield from _heap_fits(service, options, limit, extra)


def _heap_fits(service: Service, options: str, limit: int, extra: int) -> Iterator[str]:
    sizes = {found["which"]: found["size"] for found in _HEAP.finditer(options)}
    if not (heap := sizes.get("x")):
        yield f"{service.name}: expected -Xmx in KAFKA_HEAP_OPTS, observed {options or 'nothing'}"
        return
    first = sizes.get("s", heap)
    if size_bytes(first) > size_bytes(heap):
        yield f"{service.name}: -Xms{first}: expected at most -Xmx{heap}: Java does not start"
    if limit < size_bytes(heap) + extra:
        needed = (size_bytes(heap) + extra) // 2**20
        yield (
            f"{service.name}: expected a memory limit of {needed}m "
            f"(heap {heap} and {extra // 2**20}m), observed {limit // 2**20}m"
        )


def logs(stack: StackFile) -> Iterator[str]:
    """Logs are rotated: they do not fill the disk."""
    for service in stack.services.values():
        options = service.mapping("logging").get("options")
        if not isinstance(options, dict) or not {"max-size", "max-file"} <= set(options):
            yield f"{service.name}: expected logging with max-size and max-file"


def grace(service: Service) -> Iterator[str]:
    """A broker's controlled shutdown is not cut short."""
    given = service.raw.get("stop_grace_period")
    if service.is_broker and notation.seconds(given) < _BROKER_GRACE_S:
        yield f"{service.name}: expected stop_grace_period: {_BROKER_GRACE_S}s, observed {given}"


def _kind(service: Service) -> str:
    return "broker" if service.is_broker else "zookeeper" if service.is_zookeeper else ""
