"""A part of the machine taken away from one command: its network, or the room on its disk."""

import subprocess
import sys
from pathlib import Path

import pytest

# ifconfig lo up; not every machine has ifconfig or ip.
_LOOPBACK_UP = (
    "import fcntl, socket, struct;"
    "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14s', b'lo', 0x49, b''))"
)


def without_network() -> list[str]:
    """Return the prefix of a command that shall see no network but the loopback address."""
    return _unshare("--net", f"'{sys.executable}' -c \"{_LOOPBACK_UP}\"")


def with_small_disk(directory: Path, size: str, content: Path | None = None) -> list[str]:
    """Return the prefix of a command that shall find a disk of `size` at `directory`.

    It is empty, or holds a copy of the directory `content`.
    """
    copy = f" && cp -a '{content}/.' '{directory}'" if content else ""
    return _unshare("--mount", f"mount -t tmpfs -o size={size} none '{directory}'{copy}")


def _unshare(namespace: str, prepare: str) -> list[str]:
    for command in (["unshare", namespace], ["unshare", "--map-root-user", namespace]):
        probe = subprocess.run([*command, "true"], capture_output=True, text=True)
        if probe.returncode == 0:
            return [*command, "sh", "-c", f'{prepare} && exec "$@"', "sh"]
    pytest.skip(f"this machine lets nobody make namespaces: {probe.stderr.strip()}")
