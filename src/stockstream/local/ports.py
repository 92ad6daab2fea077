"""Free TCP ports on the loopback address."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the ports that systems hand out for outgoing connections (Linux from 32768, macOS from
# 49152): while a broker is down, none of those may take its port, nor a client connect to itself.
_RANGE = range(20_000, 32_000)


def listen_error(port: int, host: str = LOOPBACK) -> OSError | None:
    """Return why a server could not listen on the port now; None where it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do, so that connections of a server that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def free_port(preferred: int | None = None) -> int:
    """Return a port that nobody listens on: the preferred one if it is free, else any."""
    if preferred is not None and listen_error(preferred) is None:
        return preferred
    candidates = random.sample(_RANGE, len(_RANGE))
    return next(port for port in candidates if listen_error(port) is None)
