"""The bridge as gunicorn's worker runs it: what starts with it, and what ends its clients."""

import logging
from collections.abc import Callable

import gevent
from gevent.event import Event

from stockstream.bridge import protocol
from stockstream.bridge.feed import Feed
from stockstream.bridge.hub import Hub
from stockstream.bridge.outbox import LINGER_S
from stockstream.bridge.pacer import Pacer
from stockstream.bridge.stalls import Stalls
from stockstream.bridge.stats import Stats
from stockstream.bridge.sweeper import Sweeper
from stockstream.bridge.turns import Turns
from stockstream.config import Settings

log = logging.getLogger(__name__)

METRICS_S = 5.0


class Bridge:
    """The parts of one bridge process, and the greenlets that drive them."""

    def __init__(self, settings: Settings) -> None:
        limits = {
            "maxMessageBytes": settings.max_message_bytes,
            "maxSubscriptions": settings.max_subscriptions,
            "messagesPerSecond": settings.client_messages_per_s,
        }
        self.settings = settings
        self.stats = Stats()
        self.hub = Hub(settings.stock_symbols, limits, self.stats, settings.max_unknown_symbols)
        self.feed = Feed(settings, self.hub, self.stats)
        self.stalls = Stalls()
        self.turns = Turns()
        self.draining = False
        self._drained = Event()

    def start(self, on_crash: Callable[[], None]) -> None:
        """Start reading, pinging and the metrics; in the worker, after the fork.

        `on_crash` is called, in a greenlet of its own, when one of these has ended by an exception
        and the clients have heard of it: a bridge that goes on without its feed would look alive,
        and never recover.
        """
        settings = self.settings
        sweeper = Sweeper(
            self.hub, settings.ping_interval, settings.pong_timeout, settings.write_stall
        )
        pacer = Pacer(self.hub)
        for run in (self.feed.run, sweeper.run, self.stalls.run, pacer.run, self._send_metrics):
            gevent.spawn(run).link_exception(
                lambda ended: gevent.spawn(self._give_up, ended, on_crash)
            )

    def drain(self) -> None:
        """Refuse new clients, say 1001 to all at once, and wait until they are gone (1 s)."""
        if not self.draining:
            self.draining = True
            self.feed.stop()
            self.end_clients()
            gevent.sleep(LINGER_S)
            self._drained.set()
        self._drained.wait()

    def end_clients(
        self,
        by: str = "going_away",
        code: int = protocol.GOING_AWAY,
        reason: str = "the bridge is stopping",
    ) -> None:
        """Write every client its Close, without ever waiting."""
        for client in tuple(self.hub.clients):
            client.end(by, code, reason)

    def _give_up(self, ended: gevent.Greenlet, on_crash: Callable[[], None]) -> None:
        log.critical("ended by %r", ended.exception)
        self.draining = True
        self.end_clients("error", protocol.INTERNAL_ERROR, "internal error")
        gevent.sleep(LINGER_S)
        on_crash()

    def _send_metrics(self) -> None:
        while True:
            gevent.sleep(METRICS_S)
            self.hub.sweep_symbols()
            self.hub.send_metrics()
