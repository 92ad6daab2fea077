"""Bridges with one decision left out: each is a fault that a test has to notice."""

import gc
import math
import sys
import threading

import gevent
from confluent_kafka import Consumer
from flask import Flask
from gevent.event import Event
from gunicorn.http import wsgi
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.ggevent import GeventWorker

from stockstream.bridge import (
    deadline,
    feed,
    handshake,
    lifecycle,
    outbox,
    protocol,
    session,
    worker,
)
from stockstream.bridge.app import create_app
from stockstream.bridge.backlog import Backlog, Batch, Framed
from stockstream.bridge.client import Client
from stockstream.bridge.feed import Feed
from stockstream.bridge.groups import Group
from stockstream.bridge.hub import Hub
from stockstream.bridge.intake import Intake
from stockstream.bridge.native import NativeThread
from stockstream.bridge.outbox import Outbox
from stockstream.bridge.session import Session
from stockstream.bridge.symbols import ALL
from stockstream.bridge.turns import Turns
from stockstream.bridge.worker import BridgeWorker
from stockstream.kafka import admin, reader
from stockstream.kafka.admin import TopicInfo
from stockstream.kafka.reader import Reader, Record
from stockstream.kafka.report import Report
from stockstream.kafka.topic_reader import TopicReader
from stockstream.records import Records


def sends_once() -> Flask:
    """Write once, as simple-websocket does, and take what the socket took for all."""
    Outbox.send = lambda self, data: self._write(data)
    Outbox.give = lambda self, batch: self._write(batch.data) > 0
    return create_app()


def queues() -> Flask:
    """Keep every tick for a slow client, however old it gets."""

    def keep(self: Backlog, ticks: list[Framed]) -> None:
        for _, frame in ticks:
            self.push(frame, ticks=1)

    Backlog.conflate = keep
    return create_app()


def waits_for_clients() -> Flask:
    """Write to one client after the other, and wait for each."""
    Outbox.give = lambda self, batch: self._sock.sendall(batch.data) is None
    return create_app()


def never_forgets() -> Flask:
    """Keep every client that ever was."""
    Hub.remove = lambda *_: None
    return with_census()


def with_census() -> Flask:
    """Break nothing, and tell how many greenlets and clients there are."""
    app = create_app()

    def census() -> dict[str, int]:
        gc.collect()
        known = gc.get_objects()
        return {
            "greenlets": sum(isinstance(thing, gevent.Greenlet) for thing in known),
            "clients": sum(isinstance(thing, Client) for thing in known),
        }

    app.add_url_rule("/census", view_func=census)
    return app


def miscounts() -> Flask:
    """Forget the tick that is cut when counting what went out."""
    cut = Backlog.cut

    def cut_and_forget(self: Backlog, batch: Batch, sent: int) -> int:
        gone = cut(self, batch, sent)
        self.skipped += 1
        return gone

    Backlog.cut = cut_and_forget
    return create_app()


def shares_a_group() -> Flask:
    """Read as a member of one consumer group: two bridges halve the partitions."""

    class GroupReader(TopicReader):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self._consumer = Consumer({**self._options, "group.id": self._topic})

        def assign(self, offsets):
            if offsets:  # the live feed, after the tails
                self._consumer.subscribe([self._topic])
            else:
                self._consumer.unassign()

    feed.TopicReader = GroupReader
    feed.read_tails = lambda reader, _, partitions, *__: feed_tails(reader, partitions)
    return create_app()


def feed_tails(reader, partitions):
    """Return no history, only the ends."""
    from stockstream.tails import Tails

    return Tails({}, {p: reader.watermarks(p)[1] for p in partitions})


def ignores_symbols() -> Flask:
    """Send every tick to everybody."""
    Client.wanted = ALL
    return create_app()


def sends_twice() -> Flask:
    """Deliver each batch two times."""
    publish = Group.publish

    def twice(self: Group, batch: Batch) -> None:
        publish(self, batch)
        publish(self, batch)

    Group.publish = twice
    return create_app()


def trusts_records() -> Flask:
    """Let a record that is no tick end the feed."""

    def fail(*_: object) -> None:
        raise ValueError("not a tick")

    Records._refuse = fail
    return create_app()


def trusts_its_client() -> Flask:
    """Take a client without brokers for one whose brokers are away, and wait for them."""
    Report.cut_off = False
    admin.RENEW_S = reader.SILENT_S = math.inf
    return create_app()


def renews_soon() -> Flask:
    """Break nothing, and do after two seconds of silence what else is done after a minute."""
    reader.SILENT_S = 2.0
    return create_app()


def commits_while_it_reads() -> Flask:
    """Commit with the client that reads: it cannot be replaced while a commit is under way."""
    read = Reader.read

    def commit_and_read(self: Reader, *args: float) -> list[Record]:
        if places := [self._at(partition, 0) for partition in self._starts]:
            self._consumer.commit(offsets=places, asynchronous=True)
        return read(self, *args)

    Reader.read = commit_and_read
    return renews_soon()


def trusts_the_name() -> Flask:
    """Take a topic of the same name for the same topic, until it is looked at again."""
    feed.TOPIC_CHECK_S = 60.0

    def is_same(self: Feed, _: Reader, info: TopicInfo) -> bool:
        return self._info is None or self._info.id == info.id

    Feed._is_same = is_same
    return create_app()


def waits_for_commits() -> Flask:
    """Close a client that is cut off, as its documentation asks for."""
    commits_while_it_reads()
    reader.SILENT_S = 60.0
    Reader._drop_client = lambda self: self._consumer.close()
    return create_app()


def polls_in_the_hub() -> Flask:
    """Call librdkafka from the event loop's own thread."""
    NativeThread.call = lambda self, function, *args, **kwargs: function(*args, **kwargs)
    feed.POLL_S = 2.0
    return create_app()


def checks_nothing() -> Flask:
    """Take any request for a handshake, with any extension."""
    handshake.Gate.check_handshake = lambda *_: None
    handshake.keep_what_was_checked = lambda *_: None
    app = create_app()
    app.config["SOCK_SERVER_OPTIONS"]["max_message_size"] = None
    Session._take = lambda self, message: None
    return app


def hands_every_header_on() -> Flask:
    """Let simple-websocket's parser see what gunicorn let pass."""
    handshake.keep_what_was_checked = lambda request: request.environ.pop(
        "HTTP_SEC_WEBSOCKET_EXTENSIONS", None
    )
    return create_app()


def raises() -> Flask:
    """Fail on every message; the session has to contain it."""

    def fail(self: Session, message: str) -> None:
        raise RuntimeError("made to fail by the test")

    Session._take = fail
    return create_app()


def raises_when_it_refuses() -> Flask:
    """Fail on every message that cannot be followed."""

    def fail(self: Session, refused: object) -> None:
        raise RuntimeError("made to fail by the test")

    Session._refuse = fail
    return create_app()


def raises_through() -> Flask:
    """Fail on every message, with nothing that contains it."""

    def run(self: Session) -> None:
        self._hub.add(self._client)
        self._ws.thread.run()

    Session.run = run
    return raises()


def waits_for_readers() -> Flask:
    """Give a response all the time in the world."""
    deadline.start = lambda *_: None
    return create_app()


def ignores_the_rate() -> Flask:
    """Give every tick to all."""
    protocol.RATES = (50.0,)
    return create_app()


def listens_to_all() -> Flask:
    """Follow every message, however many come."""
    session.Allowance.take = lambda *_: True
    return create_app()


def serves_who_is_loudest() -> Flask:
    """Do what clients cause at once, however much it is."""
    Turns.take = lambda self, address: None
    Intake.pause_s = lambda *_: 0.0
    Intake.exceeded = False
    outbox.READ_BYTES = 1 << 20
    return create_app()


def waits_for_the_answer() -> Flask:
    """Take it that nobody sends a frame before the handshake's answer."""
    SocketUnreader.take_buffered = lambda self: b""
    return create_app()


def stops_like_gunicorn() -> Flask:
    """Leave every end to gunicorn, which sends no Close."""
    BridgeWorker.stop = lambda self, wait_s: setattr(self, "alive", False)
    lifecycle.Bridge.end_clients = lifecycle.Bridge.drain = lambda self: None
    return create_app()


def loses_its_feed() -> Flask:
    """Let the feed fail as soon as there is a client."""

    def run(self: feed.Feed) -> None:
        while not self._hub.clients:
            gevent.sleep(0.05)
        raise RuntimeError("lost")

    feed.Feed.run = run
    return create_app()


def refuses_like_gunicorn() -> Flask:
    """Leave the refusals to gunicorn, and let it say who it is."""
    BridgeWorker.handle_error = GeventWorker.handle_error
    worker.Response = wsgi.Response
    return create_app()


def raises_its_end() -> Flask:
    """End by SystemExit in any greenlet; the main one is the first, and waits for a thread."""
    shutting_down = Event()

    def wait() -> None:
        shutting_down.set()
        gevent.sleep(2)

    def leave(self: BridgeWorker, code: int) -> None:
        if gevent.getcurrent() is gevent.get_hub().parent:
            threading.Thread(target=wait).start()
        else:
            shutting_down.wait()
        sys.exit(code)

    BridgeWorker.leave = leave
    return create_app()


def spins() -> Flask:
    """Break nothing, and have a page that never lets go of the event loop."""
    app = create_app()

    @app.get("/spin")
    def spin() -> str:
        while True:
            pass

    return app
