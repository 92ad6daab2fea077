"""The bridge as an echo server: what Autobahn's test suite talks to.

In CONTRIBUTING.md stands how to run the suite. The bridge greets with `welcome` and sends
`metrics`; both are left out here.
"""

from flask import Flask

from stockstream.bridge import protocol
from stockstream.bridge.app import create_app
from stockstream.bridge.hub import Hub
from stockstream.bridge.session import Session


def create() -> Flask:
    """Return the bridge with each message sent back: text as text, binary as binary."""

    def echo(self: Session, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        framed = protocol.text_frame(data)
        first_byte = framed[0] if isinstance(message, str) else 0x82
        self._client.outbox.send(bytes((first_byte,)) + framed[1:])

    def add(self: Hub, client: object) -> None:
        self.clients.add(client)

    Session._take = echo
    Hub.add = add
    Hub.send_metrics = lambda self: None
    return create_app()
