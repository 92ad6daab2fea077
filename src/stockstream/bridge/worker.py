"""gunicorn's worker as the bridge needs it: how it answers what it refuses, and how it ends."""

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import gevent
from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)

from stockstream.bridge.fair_worker import FairWorker
from stockstream.bridge.headers import SECURITY

if TYPE_CHECKING:
    from stockstream.bridge.lifecycle import Bridge

log = logging.getLogger(__name__)

#: What plain requests get beyond the clients' linger; the master kills 3 s after SIGTERM.
REQUESTS_S = 1.0
#: What a worker that has been given up gets for the Close of its clients.
ABORT_S = 2.0
#: For how long, and how often, the rest of a refused request is read and dropped.
LINGER_S = 1.0
LINGER_READS = 16

_REFUSALS = {
    LimitRequestLine: (414, "URI Too Long"),
    LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    ExpectationFailed: (417, "Expectation Failed"),
}


class Response(wsgi.Response):  # type: ignore[misc]
    """A response that does not tell which server wrote it."""

    def default_headers(self) -> list[str]:
        """Return gunicorn's headers, but for Server."""
        return [line for line in super().default_headers() if not line.startswith("Server:")]


class BridgeWorker(FairWorker):
    """One process that serves the bridge.

    It always ends by `leave`. gunicorn ends a worker by SystemExit, which here would be raised in
    some greenlet while another one already takes the interpreter down: tracebacks, and at times
    the exit code 1.
    """

    @property
    def bridge(self) -> "Bridge | None":
        """The bridge, None as long as the application is being loaded."""
        wsgi_app = getattr(self, "wsgi", None)
        return wsgi_app.extensions["stockstream"] if wsgi_app else None

    def load_wsgi(self) -> None:
        """Make the application, and leave the server's name out of its answers."""
        super().load_wsgi()
        wsgi.Response = Response

    def run(self) -> None:
        """Serve until `alive` is taken away and the requests are over."""
        super().run()
        self.leave(0)

    def notify(self) -> None:
        """Tell the master that this worker lives; without a master, close the clients and end."""
        self.tmp.notify()
        if self.ppid != os.getppid():
            self.log.critical("gunicorn's master is gone: closing the clients")
            self.stop(wait_s=0.0)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: close the clients, give plain requests a second, and end."""
        gevent.spawn(self.stop, REQUESTS_S)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT and SIGQUIT: close the clients and end."""
        gevent.spawn(self.stop, 0.0)

    def handle_abort(self, sig: int, frame: Any) -> None:
        """SIGABRT, of a master that has not heard from this worker for `timeout`: end now.

        Whatever greenlet is running does not let go of the event loop: nothing here may wait for
        it. The Close of each client is written from the signal's handler.
        """
        try:
            if self.bridge is not None:
                self.bridge.end_clients()
        finally:
            self.leave(1)

    def stop(self, wait_s: float) -> None:
        """Close the clients, wait `wait_s` for what else is being served, and end."""
        self.alive = False  # within a second gunicorn stops listening
        if self.bridge is not None:
            self.bridge.drain()
        gevent.sleep(wait_s)
        self.leave(0)

    def leave(self, code: int) -> None:
        """End this process, whichever greenlet asks for it: nothing else runs after that."""
        self.log.info("Worker exiting (pid: %s)", self.pid)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer in JSON what gunicorn could not read, and whatever else went wrong before Flask.

        Only what is the bridge's own fault is a 500, and has a traceback in the log.
        """
        status, reason = next(
            (found for kind, found in _REFUSALS.items() if isinstance(exc, kind)),
            (400, "Bad Request"),
        )
        if not isinstance(exc, Exception):  # the greenlet was ended
            return
        if isinstance(exc, ParseException) and not isinstance(exc, ConfigurationProblem):
            log.info("refused a request of %s: %s", addr[0] if addr else "", exc)
            text = str(exc)
        else:
            log.error("a request failed", exc_info=exc)
            status, reason, text = 500, "Internal Server Error", "internal error"
        with contextlib.suppress(OSError), gevent.Timeout(LINGER_S, False):
            util.write_nonblock(client, _refusal(status, reason, text))
            # Bytes that nobody has read would turn the close into a reset, which cuts the answer.
            client.shutdown(socket.SHUT_WR)
            for _ in range(LINGER_READS):
                if not client.recv(16_384):
                    break


def wake_before_abort(master: Any) -> None:
    """Be gunicorn's `when_ready`: let a worker that was stopped (SIGSTOP) hear its SIGABRT.

    Otherwise the kernel keeps the signal for it, and a second later it is killed: its clients would
    get no Close. The master is woken by the worker's going on, and must not kill it at that.
    """
    kill_worker = master.kill_worker

    def kill(pid: int, number: int) -> None:
        kill_worker(pid, number)
        if number == signal.SIGABRT and (worker := master.WORKERS.get(pid)):
            reported_s = time.monotonic() - master.timeout + ABORT_S
            os.utime(worker.tmp.fileno(), (reported_s, reported_s))
            kill_worker(pid, signal.SIGCONT)

    master.kill_worker = kill


def _refusal(status: int, reason: str, text: str) -> bytes:
    body = json.dumps({"error": text}).encode() + b"\n"
    headers = {
        **SECURITY,
        "Cache-Control": "no-cache",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {v}" for name, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
