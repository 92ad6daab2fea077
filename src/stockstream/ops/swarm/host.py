"""What a container sees of the machine that it runs on: free ports, room for Docker's data."""

import shutil
import socket

from stockstream.ops.checks import CheckFailed

_GIB = 2**30


def port_is_free(port: int) -> str:
    """Bind the port on all of the machine's addresses, and give it back.

    Raises:
        CheckFailed: something has it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise CheckFailed(
                f"expected {port} to be free, observed {error.strerror}: "
                "WEBSOCKET_PORT takes another one"
            ) from error
    return str(port)


def disk_has_room(least_gib: float) -> str:
    """Look at the disk that the container's own root lies on: that of Docker's data.

    Raises:
        CheckFailed: there is less.
    """
    free_gib = shutil.disk_usage("/").free / _GIB
    if free_gib < least_gib:
        raise CheckFailed(f"expected {least_gib:g} GiB free, observed {free_gib:.1f} GiB")
    return f"{free_gib:.0f} GiB free"
