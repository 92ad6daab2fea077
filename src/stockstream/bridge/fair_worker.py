"""gunicorn's gevent worker, with a turn for each connection and request (see turns.py)."""

import socket
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.workers.ggevent import GeventWorker

from stockstream.bridge.proxies import household
from stockstream.bridge.turns import Turns

#: So many requests a connection may make, as in nginx: a new one takes its place in line anew.
KEEPALIVE_REQUESTS = 1_000
#: No request needs a body. One that is small is read and dropped, so that the answer arrives.
BODY_LIMIT_BYTES = 64 << 10


class FairWorker(GeventWorker):  # type: ignore[misc]
    """Serves one connection after the other where many want to be served."""

    def handle(self, listener: Any, client: socket.socket, addr: Any) -> None:
        """Serve a connection; its first request may already be there, and is read at once."""
        self._turns.take(household(_host(addr)))
        super().handle(listener, client, addr)

    def handle_request(self, listener_name: Any, req: Any, sock: socket.socket, addr: Any) -> Any:
        """Serve a request; its connection ends with it if it has had its share."""
        # A first request that came with its connection is read in the connection's turn.
        if req.req_number > 1 or not self._turns.is_mine:
            self._turns.take(household(_host(addr)))
        if req.req_number >= KEEPALIVE_REQUESTS or _has_large_body(req):
            req.force_close()
        return super().handle_request(listener_name, req, sock, addr)

    @property
    def _turns(self) -> Turns:
        turns: Turns = self.wsgi.extensions["stockstream"].turns
        return turns


def _host(address: Any) -> str:
    """Return the host of a socket's address; those of other families have none."""
    return str(address[0]) if isinstance(address, tuple) else ""


def _has_large_body(request: Any) -> bool:
    """Tell whether the body is larger than what may be read to get to the next request."""
    reader = request.body.reader
    return not isinstance(reader, LengthReader) or bool(reader.length > BODY_LIMIT_BYTES)
