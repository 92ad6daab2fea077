"""Room for the clients in the process's table of open files."""

import resource

from stockstream.errors import ConfigError

#: Connections beside the WebSocket clients: pages and probes, which must be answered at any load.
SPARE_CONNECTIONS = 1_000
#: Kafka's connections, logs, the listener and the event loop's own.
_OTHERS = 100


def raise_limit(max_clients: int) -> None:
    """Raise this process's limit of open files as far as it may be raised.

    Raises:
        ConfigError: not even that is enough for `max_clients`.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = hard - SPARE_CONNECTIONS - _OTHERS
    if hard != resource.RLIM_INFINITY and max_clients > room:
        raise ConfigError(
            f"MAX_CLIENTS={max_clients}: expected at most {max(0, room)}, "
            f"for the hard limit of open files is {hard} (ulimit -Hn)"
        )
    wanted = max_clients + SPARE_CONNECTIONS + _OTHERS if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
