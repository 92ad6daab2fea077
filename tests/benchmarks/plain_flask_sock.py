"""The usual loop, to compare with: flask-sock, and one send for each tick and client."""

import json
import sys

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402 - after the patch
from confluent_kafka import OFFSET_END, Consumer, TopicPartition  # noqa: E402
from flask import Flask  # noqa: E402
from flask_sock import Sock  # noqa: E402
from gevent.threadpool import ThreadPool  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402

port, brokers, topic = sys.argv[1:]
app = Flask(__name__)
clients = set()


@Sock(app).route("/ws")
def serve(ws) -> None:
    """Keep a client until it leaves."""
    clients.add(ws)
    try:
        while True:
            ws.receive()
    finally:
        clients.discard(ws)


def pump() -> None:
    """Send each tick to each client."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": "flask-sock", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, partition, OFFSET_END) for partition in range(3)])
    pool = ThreadPool(1)
    while True:
        for record in pool.apply(consumer.consume, (500, 0.05)):
            if record.error() is not None:
                continue
            data = {**json.loads(record.value()), "partition": record.partition()}
            text = json.dumps({"event": "stock-tick", "data": {**data, "offset": record.offset()}})
            for ws in tuple(clients):
                ws.send(text)


class Server(BaseApplication):
    """gunicorn's gevent worker, under which such applications are served."""

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        self.cfg.set("bind", f"127.0.0.1:{port}")
        self.cfg.set("worker_class", "gevent")
        self.cfg.set("worker_connections", 12_000)
        self.cfg.set("control_socket_disable", True)
        self.cfg.set("post_worker_init", lambda worker: gevent.spawn(pump))

    def load(self) -> Flask:
        """Return the application."""
        return app


if __name__ == "__main__":
    Server().run()
