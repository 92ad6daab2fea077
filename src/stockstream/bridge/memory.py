"""Whether the clients that a bridge admits fit into the memory that its container has.

docs/configuration.md adds the figures up, `tests/benchmarks memory` measures them.
"""

from pathlib import Path

from stockstream.config import Settings
from stockstream.errors import ConfigError

KIB = 1024
MIB = 1024 * KIB

#: The interpreter, the libraries and librdkafka, with a batch that is being published.
BASE_BYTES = 64 * MIB
#: A client that takes what it gets, and has subscribed to 1,000 symbols by name.
CLIENT_BYTES = 36 * KIB
#: What one that takes nothing holds besides: its socket's buffers in the kernel, and a tick of each
#: of 1,000 symbols.
STUCK_BYTES = 312 * KIB
#: So many of the clients may be stuck at a time: WRITE_STALL closes them.
STUCK_SHARE = 0.02
#: A symbol: its newest tick, its frame, its name and number.
SYMBOL_BYTES = 2 * KIB
#: A symbol that nobody has seen: its name and number.
UNKNOWN_BYTES = 256

#: Where a container sees its own limit, with cgroups of version 2 and 1.
LIMIT_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
#: Version 1 says "no limit" with a number that no machine has.
_NO_LIMIT_BYTES = 1 << 60


def fixed_bytes(settings: Settings) -> int:
    """Return what a bridge needs without a client."""
    symbols = settings.max_symbols * SYMBOL_BYTES
    return BASE_BYTES + symbols + settings.max_unknown_symbols * UNKNOWN_BYTES


def client_bytes(settings: Settings) -> int:
    """Return what each client needs, its share of those that are stuck included."""
    symbols = settings.max_symbols + settings.max_unknown_symbols
    return int(CLIENT_BYTES + STUCK_SHARE * STUCK_BYTES) + symbols // 8


def check(settings: Settings, limit_bytes: int | None) -> None:
    """Refuse more clients than fit into `limit_bytes`; None is no limit.

    Raises:
        ConfigError: they do not fit; it says how many would.
    """
    fixed, each = fixed_bytes(settings), client_bytes(settings)
    needed = fixed + settings.max_clients * each
    if limit_bytes is None or needed <= limit_bytes:
        return
    room = max(0, (limit_bytes - fixed) // each)
    raise ConfigError(
        f"MAX_CLIENTS={settings.max_clients}: expected at most {room}, for the container has "
        f"{limit_bytes // MIB} MiB of memory and these need {needed // MIB} MiB: "
        "lower MAX_CLIENTS, or give it more memory (BRIDGE_MEMORY in both phases)"
    )


def limit_of_container() -> int | None:
    """Return the limit of this container's memory in bytes; None: there is none."""
    for path in LIMIT_FILES:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        return int(text) if text.isdigit() and int(text) < _NO_LIMIT_BYTES else None
    return None
