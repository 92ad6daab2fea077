"""A way to Kafka that, when told, answers as a broker of ZooKeeper's time does after its start.

Until the controller has told it of the cluster, such a broker knows no broker, itself included, and
no topic. With ZooKeeper that moment is a matter of luck; here it comes when the test wants it.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_FETCH, _METADATA, _OFFSET_COMMIT, _FIND_COORDINATOR, _DESCRIBE_CLUSTER = 1, 3, 8, 10, 60
_UNKNOWN_TOPIC = 3


class ForgetfulKafka:
    """Passes everything on to the Kafka at `port` and back, with its own port in Kafka's place."""

    def __init__(self, port: int, topic: str) -> None:
        self._kafka_port = port
        self._topic = topic
        self._forgetful = False
        self._coordinated = True
        self.told = 0  # how often it has answered that there are no brokers
        self.ignored = 0  # requests for a group's coordinator that were left without an answer
        self.asked_s = time.monotonic()  # when a client has last sent anything
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._clients: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Break every connection, as a restart does, and know of no broker for a while."""
        self._forgetful = True
        self._disconnect()
        try:
            yield
        finally:
            self._forgetful = False

    @contextmanager
    def without_coordinator(self) -> Iterator[None]:
        """Leave every question about a group's coordinator, and every commit, without an answer."""
        self._coordinated = False
        try:
            yield
        finally:
            self._coordinated = True

    def close(self) -> None:
        """End it, with all of its connections."""
        _shut(self._server)
        self._threads[0].join()
        self._server.close()
        self._disconnect()
        for thread in self._threads:
            thread.join()

    def _disconnect(self) -> None:
        for client in tuple(self._clients):
            _shut(client)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:  # shut
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        """Be the connection of one client, until either side ends it."""
        asked: dict[int, int] = {}  # each request's kind, by its correlation id
        with client, socket.create_connection(("127.0.0.1", self._kafka_port)) as kafka:
            self._clients.add(client)
            back = threading.Thread(target=self._hand_back, args=(kafka, client, asked))
            back.start()
            self._pass_on(client, kafka, asked)
            back.join()
            self._clients.remove(client)

    def _pass_on(self, client: socket.socket, kafka: socket.socket, asked: dict[int, int]) -> None:
        for request in _messages(client):
            kind, version, correlation_id = struct.unpack_from(">hhi", request)
            self.asked_s = time.monotonic()
            asked[correlation_id] = kind
            if kind == _METADATA and self._forgetful:
                self.told += 1
                _send(client, self._no_brokers(version, correlation_id))
            elif kind in (_OFFSET_COMMIT, _FIND_COORDINATOR) and not self._coordinated:
                self.ignored += 1
            else:
                _send(kafka, request)
        _shut(kafka)

    def _hand_back(self, kafka: socket.socket, client: socket.socket, asked: dict) -> None:
        ports = [struct.pack(">i", port) for port in (self._kafka_port, self.port)]
        for answer in _messages(kafka):
            kind = asked.pop(struct.unpack_from(">i", answer)[0])
            if kind in (_FETCH, _METADATA, _FIND_COORDINATOR, _DESCRIBE_CLUSTER):
                answer = answer.replace(*ports)  # a fetch names a new leader's address, too
            if kind == _FETCH and self._forgetful:  # the client asks for metadata then
                answer = answer[:9] + struct.pack(">h", _UNKNOWN_TOPIC) + answer[11:]
            _send(client, answer)
        _shut(client)

    def _no_brokers(self, version: int, correlation_id: int) -> bytes:
        """Return a Metadata response of version 12: no brokers, and an unknown topic."""
        assert version == 12, f"expected librdkafka to ask with version 12, observed {version}"
        name = self._topic.encode()
        topic = struct.pack(">hB", _UNKNOWN_TOPIC, len(name) + 1) + name + bytes(16)
        topic += b"\x00" + b"\x01" + struct.pack(">iB", -(2**31), 0)  # not internal, no partitions
        header = struct.pack(">iB", correlation_id, 0)
        cluster = struct.pack(">iBBi", 0, 1, 0, -1)  # throttle, brokers, cluster id, controller
        return header + cluster + b"\x02" + topic + b"\x00"


def _messages(source: socket.socket) -> Iterator[bytes]:
    """Yield what comes, each message without its length, until the connection ends."""
    with source.makefile("rb") as stream:
        try:
            while len(size := stream.read(4)) == 4:
                yield stream.read(int.from_bytes(size, "big"))
        except OSError:
            return


def _send(target: socket.socket, message: bytes) -> None:
    try:
        target.sendall(len(message).to_bytes(4, "big") + message)
    except OSError:
        _shut(target)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)
