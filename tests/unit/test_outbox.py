"""The outbox over a real socket pair: whole frames, in order, whatever the reader does."""

import socket
import time

import gevent
import pytest
from gevent import socket as gsocket
from wsproto.frame_protocol import FrameProtocol

from stockstream.bridge import outbox as outbox_module
from stockstream.bridge import protocol
from stockstream.bridge.outbox import Outbox


class Pair:
    """An outbox, and the client's end of its connection."""

    def __init__(self) -> None:
        listener = gsocket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.client = gsocket.socket()
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 10)
        self.client.connect(listener.getsockname())
        self.server, _ = listener.accept()
        listener.close()
        self.overflows = 0
        self.outbox = Outbox(self.server, self._overflow)

    def _overflow(self) -> None:
        self.overflows += 1
        self.outbox.finish(protocol.close_frame(1013, "slow"))

    def fill(self) -> int:
        """Send numbered frames until some wait in the outbox; return how many were sent."""
        count = 0
        while self.outbox.backlog_bytes < 100_000:
            self.outbox.send(frame(count) + frame(count + 1))
            count += 2
        return count

    def read_all(self, pause_s: float = 0) -> bytes:
        """Read as the client until the end."""
        received = b""
        while data := self.client.recv(4096):
            received += data
            gevent.sleep(pause_s)
        return received


@pytest.fixture
def pair():
    """Return a connection with small buffers."""
    made = Pair()
    yield made
    made.client.close()
    made.outbox.close()
    made.server.close()


def frame(number: int) -> bytes:
    """Return a frame of a length of its own, that names its number."""
    return protocol.text_frame(b"%d:" % number + b"x" * (number * 37 % 300))


def read_frames(data: bytes) -> tuple[list[int], int | None]:
    """Decode with wsproto: the numbers of whole frames, and the code of the Close."""
    reader = FrameProtocol(client=True, extensions=[])
    reader.receive_bytes(data)
    numbers: list[int] = []
    for received in reader.received_frames():
        if received.opcode.name == "CLOSE":
            code, _ = received.payload
            return numbers, int(code)
        assert received.frame_finished and received.message_finished
        numbers.append(int(received.payload.partition(":")[0]))
    return numbers, None


def test_send_to_a_reader_that_pauses_keeps_frames_whole(pair: Pair) -> None:
    """What did not fit at once follows later, in order, to the last byte."""
    sent = pair.fill()
    reader = gevent.spawn(pair.read_all, 0.001)
    pair.outbox.close()
    pair.server.close()
    numbers, code = read_frames(reader.get(timeout=60))
    assert (numbers, code) == (list(range(sent)), None)


def test_send_never_switches_greenlets(pair: Pair) -> None:
    """However full the socket is, no other greenlet runs in between."""
    ran: list[bool] = []
    gevent.spawn(ran.append, True)
    pair.fill()
    assert ran == []


def test_finish_completes_the_cut_frame_and_is_readable(pair: Pair) -> None:
    """The Close overtakes all that waits, except the rest of the frame that is already cut."""
    sent = pair.fill()
    pair.outbox.finish(protocol.close_frame(1013, "slow"))
    assert pair.outbox.backlog_bytes == 0
    pair.outbox.send(frame(0))  # too late: nothing may follow a Close
    numbers, code = read_frames(pair.read_all())
    assert code == 1013
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < sent


def test_finish_ends_a_client_that_never_answers(pair: Pair) -> None:
    """The handler's recv returns although the client keeps its side open."""
    started = time.monotonic()
    handler = gevent.spawn(pair.outbox.recv, 4096)
    gevent.sleep(0)
    pair.outbox.finish(protocol.close_frame(1001, ""))
    assert handler.get(timeout=60) == b""
    assert time.monotonic() - started < 3 * outbox_module.LINGER_S


def test_overflow_ends_the_client_and_frees_the_backlog(pair: Pair) -> None:
    """Above the bound the backlog is dropped whole: memory does not grow with the client."""
    for number in range(20_000):
        pair.outbox.send(frame(number))
        assert pair.outbox.backlog_bytes <= outbox_module.BACKLOG_LIMIT_BYTES
    assert pair.overflows == 1
    numbers, code = read_frames(pair.read_all())
    assert code == 1013
    assert numbers == list(range(len(numbers)))


def test_recv_waits_while_the_client_does_not_read(pair: Pair) -> None:
    """What a client says is not taken before it has taken what it was sent."""
    pair.fill()
    pair.client.sendall(b"hello")
    handler = gevent.spawn(pair.outbox.recv, 4096)
    handler.join(timeout=0.2)
    assert not handler.ready()
    gevent.spawn(pair.read_all)
    assert handler.get(timeout=60) == b"hello"


def test_send_to_a_client_that_is_gone_raises_nothing(pair: Pair) -> None:
    """A broken connection ends the outbox quietly; its handler finds the end in recv."""
    pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    pair.client.close()  # a reset
    for number in range(1_000):
        pair.outbox.send(frame(number))
        gevent.sleep(0)
    assert pair.outbox.dead
    assert pair.outbox.recv(4096) == b""


def test_close_of_an_idle_connection_is_the_clients_to_read(pair: Pair) -> None:
    """Bytes that the client sent and nobody read must not turn the close into a reset."""
    pair.client.sendall(b"x" * 1000)
    pair.outbox.send(protocol.close_frame(1009, "too big"))
    gevent.spawn(pair.outbox.close)
    assert read_frames(pair.read_all()) == ([], 1009)
