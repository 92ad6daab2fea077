"""One connection as the hub sees it."""

import socket
from typing import TYPE_CHECKING

from stockstream.bridge import protocol
from stockstream.bridge.outbox import Outbox
from stockstream.bridge.stats import Stats
from stockstream.bridge.symbols import ALL

if TYPE_CHECKING:
    from stockstream.bridge.groups import Group
    from stockstream.bridge.paced import PacedGroup


class Client:
    """One connection as the hub sees it: its outbox, and what it subscribed to."""

    __slots__ = ("ended_by", "group", "joined", "max_rate", "outbox", "symbols")

    def __init__(self, sock: socket.socket, stats: Stats) -> None:
        self.outbox = Outbox(sock, stats)
        self.outbox.before_close = self._settle
        self.ended_by = ""  # why the bridge ended it; empty while it lives, or if the client left
        self.joined = False
        self.symbols = 0  # the set that it subscribed to by name (see Symbols)
        self.max_rate: float | None = None
        self.group: Group | PacedGroup | None = None

    @property
    def wanted(self) -> int:
        """The set of the symbols that it gets."""
        return ALL if self.joined else self.symbols

    def end(self, by: str, code: int, reason: str) -> None:
        """Close the connection with the code; `by` is what the closed clients are counted under."""
        if not self.outbox.ending:
            self.ended_by = by
            self.outbox.finish(protocol.close_frame(code, reason))

    def _settle(self) -> None:
        if self.group is not None:
            self.group.part(self)
