"""Asks silent clients for a sign of life, and ends those that give none or take nothing."""

import time

import gevent

from stockstream.bridge import protocol
from stockstream.bridge.client import Client
from stockstream.bridge.hub import Hub


class Sweeper:
    """One greenlet for all clients: a timer each would cost more than the clients themselves."""

    def __init__(
        self, hub: Hub, ping_interval_s: float, pong_timeout_s: float, write_stall_s: float
    ) -> None:
        self._hub = hub
        self._write_stall_s = write_stall_s
        self._ping_interval_s = ping_interval_s
        self._pong_timeout_s = pong_timeout_s
        self._asked: dict[Client, float] = {}

    def run(self) -> None:
        """Sweep for ever."""
        shortest_s = min(self._ping_interval_s, self._pong_timeout_s, self._write_stall_s)
        pause_s = min(1.0, shortest_s / 4)
        while True:
            gevent.sleep(pause_s)
            self.sweep(time.monotonic())

    def sweep(self, now_s: float) -> None:
        """Ping who has been silent; end who was pinged and has been silent since, or is stuck.

        Any byte received is life. A client for whom ticks wait is not pinged: the bytes that it
        takes show whether it lives, and its pongs may not be read meanwhile.
        """
        for client in tuple(self._hub.clients):
            if not client.outbox.clear:
                self._asked.pop(client, None)
                if client.outbox.stalled_s() > self._write_stall_s:
                    client.end("slow", protocol.TRY_AGAIN_LATER, "took nothing for too long")
                continue
            asked_s = self._asked.get(client)
            if asked_s is not None and client.outbox.last_life_s > asked_s:
                del self._asked[client]
            elif asked_s is not None and now_s - asked_s > self._pong_timeout_s:
                client.end("silent", protocol.POLICY_VIOLATION, "no pong")
            elif asked_s is None and now_s - client.outbox.last_life_s > self._ping_interval_s:
                self._asked[client] = now_s
                client.outbox.send(protocol.PING_FRAME)
        for gone in self._asked.keys() - self._hub.clients:
            del self._asked[gone]
