"""The bridge as gunicorn's worker runs it: what starts with it, and how it ends."""

import logging
import signal
import sys
from typing import Any

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
#: What plain requests get beyond LINGER_S; gunicorn's master kills the worker 3 s after SIGTERM.
REQUESTS_S = 1.0


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

    def start(self) -> None:
        """Start reading, pinging and the metrics; in the worker, after the fork."""
        settings = self.settings
        sweeper = Sweeper(
            self.hub, settings.ping_interval, settings.pong_timeout, settings.write_stall
        )
        pacer = Pacer(self.hub)
        for run in (self.feed.run, sweeper.run, self.stalls.run, pacer.run, self._send_metrics):
            gevent.spawn(run).link_exception(_crash)

    def drain(self) -> None:
        """Refuse new clients, say 1001 to all at once, and wait until they are gone (1 s)."""
        if not self.draining:
            self.draining = True
            self.feed.stop()
            for client in self.hub.clients:
                client.end("going_away", protocol.GOING_AWAY, "the bridge is stopping")
            gevent.sleep(LINGER_S)
            self._drained.set()
        self._drained.wait()

    def _send_metrics(self) -> None:
        while True:
            gevent.sleep(METRICS_S)
            self.hub.sweep_symbols()
            self.hub.send_metrics()


def _crash(greenlet: gevent.Greenlet) -> None:
    """End the worker: one that goes on without its feed would look alive, and never recover.

    gunicorn starts another, to which the clients come back.
    """
    log.critical("ended by %r", greenlet.exception)
    sys.exit(1)


def on_worker_start(worker: Any) -> None:
    """Be gunicorn's `post_worker_init`: start the bridge, and take SIGTERM for it.

    gunicorn alone would send no Close, let the clients hang for its graceful timeout, and exit 0
    even where it had to kill the worker.
    """
    bridge: Bridge = worker.wsgi.extensions["stockstream"]

    def stop() -> None:
        worker.alive = False  # within a second gunicorn stops listening
        bridge.drain()
        gevent.sleep(REQUESTS_S)
        sys.exit(0)  # unless gunicorn was faster

    signal.signal(signal.SIGTERM, lambda *_: gevent.spawn(stop))
    bridge.start()


def on_worker_interrupt(worker: Any) -> None:
    """Be gunicorn's `worker_int` (Ctrl-C): the worker exits as soon as this returns."""
    worker.wsgi.extensions["stockstream"].drain()
