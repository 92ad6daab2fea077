"""How long a plain response may take to be read: a slow reader must not hold a connection."""

import contextlib
import os
import socket
from contextlib import closing
from typing import Any

from gevent.hub import get_hub
from gevent.monkey import get_original

_NativeSocket = get_original("socket", "socket")
_TIMER = "stockstream.deadline"


def start(environ: dict[str, Any], seconds: float) -> None:
    """Shut the connection down unless `forget` is called within `seconds`.

    A timeout raised in the handler would make gunicorn write a second response into the first.
    """
    sock: socket.socket = environ["gunicorn.socket"]
    timer = get_hub().loop.timer(seconds)
    timer.start(_shut_down, sock)
    environ[_TIMER] = timer


def forget(environ: dict[str, Any]) -> None:
    """Stop the clock, where one runs: the response has been written."""
    if timer := environ.pop(_TIMER, None):
        timer.close()


def _shut_down(sock: socket.socket) -> None:
    """End the connection, so that the handler's next write fails as if the client had gone.

    gevent's own `shutdown` would raise another error in it, which gunicorn takes for a fault.
    """
    with contextlib.suppress(OSError), closing(_NativeSocket(fileno=os.dup(sock.fileno()))) as same:
        same.shutdown(socket.SHUT_RDWR)
