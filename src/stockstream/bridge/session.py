"""One client's conversation: its messages in, their effect on the hub, every end in one place."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from wsproto.connection import ConnectionState
from wsproto.events import Ping

from stockstream.bridge import protocol
from stockstream.bridge.client import Client
from stockstream.bridge.hub import Hub
from stockstream.bridge.intake import Allowance, Intake
from stockstream.bridge.protocol import Command, Everything, Refused
from stockstream.bridge.proxies import household
from stockstream.bridge.stats import Stats
from stockstream.bridge.turns import Turns
from stockstream.config import Settings

#: Frames that a client may send for each message: pongs, and parts of messages, are frames too.
FRAMES_A_MESSAGE = 10
#: What may be read a second at the least, however small MAX_MESSAGE_BYTES is.
LEAST_BYTES_PER_S = 65_536
#: After so many messages that could not be followed, the client is not one of ours.
ERROR_LIMIT = 100

log = logging.getLogger(__name__)


class HandlerThread:
    """What simple-websocket takes for a thread: its loop runs in the handler's own greenlet.

    One greenlet a client instead of two: 25 KB instead of 38 KB each.
    """

    name = ""

    def __init__(self, target: Callable[[], None]) -> None:
        self.run = target

    def start(self) -> None:
        """Begin nothing: the session calls `run`."""


class InputEvent:
    """What simple-websocket takes for an event: set when a message has come in."""

    on_set: Callable[[], object]

    def set(self) -> None:
        """Hand the message over at once, in the same greenlet."""
        self.on_set()


class Session:
    """Follows what one client says, until either side ends it."""

    # Without a dictionary an idle client is smaller.
    __slots__ = (
        "_ws", "_client", "_hub", "_stats", "_settings", "_peer", "_household", "_errors",
        "_allowance", "_intake", "_turns", "_events",
    )  # fmt: skip

    def __init__(
        self,
        ws: Any,
        client: Client,
        hub: Hub,
        stats: Stats,
        settings: Settings,
        turns: Turns,
    ) -> None:
        self._ws = ws
        self._client = client
        self._hub = hub
        self._stats = stats
        self._settings = settings
        self._peer = ws.environ.get("REMOTE_ADDR", "")
        self._household = household(self._peer)
        self._errors = 0
        self._allowance = Allowance(settings.client_messages_per_s)
        self._intake = Intake(
            FRAMES_A_MESSAGE * settings.client_messages_per_s,
            max(LEAST_BYTES_PER_S, settings.max_message_bytes),
        )
        self._turns = turns
        self._events = ws.ws.events
        ws.ws.events = self._take_frames
        ws.event.on_set = self._take_messages
        client.outbox.before_read = self._take_waiting
        client.outbox.after_read = self._take_bytes

    def run(self) -> None:
        """Serve the client until it is gone; raises nothing, for gunicorn would answer in HTTP."""
        log.info("client %s connected", self._peer)
        try:
            self._hub.add(self._client)
            self._ws.thread.run()
        except Exception:
            log.exception("session of %s failed", self._peer)
            self._client.end("error", protocol.INTERNAL_ERROR, "internal error")
        finally:
            self._hub.remove(self._client)
            self._client.outbox.close()
            ended_by = self._client.ended_by or self._ended_by_library()
            self._stats.closed[ended_by] += 1
            log.info("client %s gone: %s", self._peer, ended_by)

    def _ended_by_library(self) -> str:
        """Tell why simple-websocket ended it: by a Close of its own, or because the client left."""
        if self._ws.ws.state is not ConnectionState.LOCAL_CLOSING:
            return "client"
        too_big = self._ws.incoming_message_len > self._settings.max_message_bytes
        return "too_big" if too_big else "protocol_error"

    def _take_waiting(self) -> float:
        """Follow messages that had to wait; return how long nothing more may be read."""
        if self._ws.input_buffer:
            self._turns.take(self._household)
            self._take_messages()
        return self._intake.pause_s(time.monotonic())

    def _take_messages(self) -> None:
        """Follow the messages that have come; those that cannot be answered yet wait."""
        outbox = self._client.outbox
        while self._ws.input_buffer and outbox.readable and not outbox.ending:
            self._take(self._ws.input_buffer.pop(0))

    def _take_bytes(self, count: int, waited: bool) -> None:
        """Count bytes that have been read, and wait for the turn in which they are looked at."""
        if waited:
            self._intake.take_break()
        self._intake.take_bytes(count, time.monotonic())
        if self._intake.exceeded:
            self._client.end("flooding", protocol.POLICY_VIOLATION, "too many frames or bytes")
        else:
            self._turns.take(self._household)

    def _take_frames(self) -> Iterator[Any]:
        """Yield what the library reads, but for pings; count all frames.

        The library would send pongs behind the answers to later messages.
        """
        pongs = b""
        for event in self._events():
            if getattr(event, "frame_finished", True):  # a frame may come in pieces
                self._intake.take_frame(time.monotonic())
            if isinstance(event, Ping):
                pongs += self._ws.ws.send(event.response())
                continue
            if pongs:
                self._client.outbox.send(pongs)
                pongs = b""
            yield event
        if pongs:
            self._client.outbox.send(pongs)

    def _take(self, message: str | bytes) -> None:
        log.debug("client %s says %.200r", self._peer, message)
        if isinstance(message, bytes):
            self._client.end("binary", protocol.UNSUPPORTED_DATA, "text frames only")
        elif len(message.encode()) > self._settings.max_message_bytes:
            # simple-websocket counts characters; the promise is bytes.
            self._client.end("too_big", protocol.TOO_BIG, "message too big")
        else:
            try:
                if not self._allowance.take(time.monotonic()):
                    raise Refused(
                        "too_many_messages",
                        f"expected at most {self._settings.client_messages_per_s:g} a second",
                    )
                self._follow(protocol.parse(message, self._settings.max_subscriptions))
            except Refused as refused:
                self._refuse(refused)

    def _follow(self, command: Command) -> None:
        match command:
            case Command("subscribe", Everything()) | Command("join"):
                self._hub.join(self._client, command.max_rate)
            case Command("subscribe", frozenset() as symbols):
                limit = self._settings.max_subscriptions
                self._hub.subscribe(self._client, symbols, limit, command.max_rate)
            case Command("unsubscribe", Everything()):
                self._hub.unsubscribe_all(self._client)
            case Command("unsubscribe", frozenset() as symbols):
                if self._client.joined:
                    raise Refused("joined", f'gets all symbols: leave "{protocol.ROOM}" first')
                self._hub.unsubscribe(self._client, symbols)
            case Command("leave"):
                self._hub.leave(self._client)

    def _refuse(self, refused: Refused) -> None:
        self._errors += 1
        log.debug("client %s is refused: %s: %s", self._peer, refused.code, refused)
        if self._errors >= ERROR_LIMIT:
            self._client.end("errors", protocol.POLICY_VIOLATION, "too many errors")
            return
        data = {"code": refused.code, "message": str(refused)}
        self._client.outbox.send(protocol.event("error", data))
