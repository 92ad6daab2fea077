"""The outbox over a real socket pair: whole frames, in order, whatever the reader does."""

import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import gevent
import pytest
from gevent import socket as gsocket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, ParseFailed

from stockstream.bridge import backlog, protocol
from stockstream.bridge import outbox as outbox_module
from stockstream.bridge.backlog import Batch
from stockstream.bridge.outbox import READ_PAUSE_BYTES, Outbox
from stockstream.bridge.stats import Stats
from support.account import Account

SYMBOLS = [f"S{number}" for number in range(20)]


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
        self.stats = Stats()
        self.outbox = Outbox(self.server, self.stats)
        self.published: Counter[str] = Counter()

    def tick(self, symbol: str, padding: int = 0) -> tuple[str, bytes]:
        """Return the symbol's next tick; its frames differ in length."""
        self.published[symbol] += 1
        data = {"symbol": symbol, "sequence": self.published[symbol], "x": "x" * padding}
        return symbol, protocol.event("stock-tick", data)

    def give(self, count: int, padding: int = 0) -> None:
        """Give a batch of so many ticks, of all symbols in turn."""
        symbols = (SYMBOLS * (count // len(SYMBOLS) + 1))[:count]
        whole = self.outbox.give(Batch([self.tick(symbol, padding) for symbol in symbols]))
        self.stats.ticks_out += count * whole  # as the hub does

    def fill(self) -> None:
        """Give ticks until the socket takes no more, and some were left out."""
        while not self.outbox.backlog.skipped:
            self.give(37, padding=200)

    def read_all(self, pause_s: float = 0, size: int = 4096) -> bytes:
        """Read as the client until the end."""
        received = b""
        while data := self.client.recv(size):
            received += data
            gevent.sleep(pause_s)
        return received

    def end(self) -> None:
        """Give up both ends."""
        self.client.close()
        self.outbox.close()
        self.server.close()


@pytest.fixture
def pair():
    """Return a connection with small buffers."""
    made = Pair()
    yield made
    made.end()


class Heard(NamedTuple):
    """What a client made of its bytes."""

    events: list[dict]
    code: int | None

    @property
    def skipped(self) -> int:
        """The sum of what it was told it had missed."""
        return sum(e["data"]["skipped"] for e in self.events if e["event"] == "conflated")

    @property
    def ticks(self) -> list[dict]:
        """Its ticks' data, in order."""
        return [event["data"] for event in self.events if event["event"] == "stock-tick"]


def hear(data: bytes) -> Heard:
    """Decode with wsproto: whole frames, and the code of the Close."""
    reader = FrameProtocol(client=True, extensions=[])
    reader.receive_bytes(data)
    events: list[dict] = []
    for received in reader.received_frames():
        if received.opcode.name == "CLOSE":
            return Heard(events, int(received.payload[0]))
        assert received.frame_finished and received.message_finished
        events.append(json.loads(received.payload))
    return Heard(events, None)


def check(heard: Heard, published: Counter[str], to_the_end: bool = True) -> None:
    """Fail unless each jump was explained before it, and received + skipped is what there was."""
    account = Account()
    account.take_all(heard.events)
    account.check_count(published.total())
    if to_the_end:
        account.check(published)


def wait_until_clear(pair: Pair) -> None:
    """Let the event loop run until nothing waits for the client."""
    deadline = time.monotonic() + 120
    while not pair.outbox.clear:
        assert time.monotonic() < deadline, vars(pair.outbox.backlog)
        gevent.sleep(0.01)


def read_to_the_end(pair: Pair, size: int = 4096, received: bytes = b"") -> Heard:
    """Read until nothing waits, and decode all that was received."""
    reader = gevent.spawn(pair.read_all, 0, size)
    wait_until_clear(pair)
    pair.server.shutdown(socket.SHUT_WR)
    return hear(received + reader.get(timeout=120))


_step = st.tuples(
    st.integers(1, 400),  # ticks of a batch
    st.integers(0, 300),  # bytes that make their frames longer
    st.integers(0, 60_000),  # bytes that the client then reads
)


def survive(steps: list[tuple[int, int, int]], size: int) -> None:
    """Fail if a reader of this speed gets a corrupt frame, a wrong count, or no newest tick."""
    pair = Pair()
    try:
        received = b"".join(read_slowly(pair, steps, size))
        check(read_to_the_end(pair, size, received), pair.published)
    finally:
        pair.end()


def read_slowly(pair: Pair, steps: list[tuple[int, int, int]], size: int) -> Iterator[bytes]:
    """Give a batch and read some bytes, again and again, without waiting for any."""
    pair.client.setblocking(False)
    for count, padding, wanted in steps:
        pair.give(count, padding)
        gevent.sleep(0)
        with contextlib.suppress(BlockingIOError):
            while wanted > 0 and (data := pair.client.recv(min(size, wanted))):
                yield data
                wanted -= len(data)
    pair.client.setblocking(True)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(_step, min_size=1, max_size=30), size=st.integers(1_000, 65_536))
def test_give_at_any_reader_speed_keeps_frames_whole_and_counts_exact(
    monkeypatch, steps: list[tuple[int, int, int]], size: int
) -> None:
    """Whatever the pauses and read sizes, frames are whole and received + skipped = published."""
    monkeypatch.setattr(backlog, "NOTICE_S", 0.01)
    survive(steps, size)


@pytest.mark.parametrize("fault", ["forgets the rest", "miscounts", "keeps the oldest"])
def test_give_with_a_fault_is_noticed(monkeypatch, fault: str) -> None:
    """An outbox that drops the rest of a frame, or its count, or newest ticks, fails the check."""
    monkeypatch.setattr(backlog, "NOTICE_S", 0.01)
    if fault == "forgets the rest":
        monkeypatch.setattr(backlog.Backlog, "_finish_later", lambda *_, **__: None)
    elif fault == "miscounts":
        monkeypatch.setattr(backlog.Backlog, "_skip", lambda self, _: setattr(self, "skipped", 1))
    else:
        keep = lambda self, ticks: [self.ticks.setdefault(*tick) for tick in ticks]  # noqa: E731
        monkeypatch.setattr(backlog.Backlog, "conflate", keep)
    with pytest.raises((AssertionError, ValueError, KeyError, ParseFailed)):
        survive([(300, 300, 0)] * 20, 4096)


def test_give_to_a_stuck_client_is_bounded_by_the_symbols(pair: Pair) -> None:
    """However many ticks come, only the newest of each symbol waits, and one cut frame."""
    for _ in range(2_000):
        pair.give(100)
        assert len(pair.outbox.backlog.ticks) <= len(SYMBOLS)
        assert pair.outbox.backlog.queued_bytes < 1_000
    heard = read_to_the_end(pair)
    check(heard, pair.published)
    assert pair.stats.skipped == heard.skipped > 100_000
    assert pair.stats.ticks_out == len(heard.ticks)


def test_give_to_a_slow_client_explains_at_most_once_a_second(pair: Pair) -> None:
    """Notices are a second apart however often it falls behind; each stands before its ticks."""
    reader = gevent.spawn(pair.read_all, 0.01)
    start = time.monotonic()
    while time.monotonic() - start < 3:
        pair.give(100, padding=200)
        gevent.sleep(0.005)
    wait_until_clear(pair)
    elapsed_s = time.monotonic() - start
    pair.server.shutdown(socket.SHUT_WR)
    heard = hear(reader.get(timeout=120))
    check(heard, pair.published)
    notices = sum(event["event"] == "conflated" for event in heard.events)
    assert 2 <= notices <= elapsed_s + 1


def test_give_never_switches_greenlets(pair: Pair) -> None:
    """However full the socket is, no other greenlet runs in between."""
    ran: list[bool] = []
    gevent.spawn(ran.append, True)
    pair.fill()
    pair.outbox.send(protocol.event("error", {}))
    assert ran == []


def test_send_to_a_blocked_client_follows_in_order(pair: Pair) -> None:
    """A snapshot comes after the ticks that its positions include, metrics last and only once."""
    pair.fill()
    pair.outbox.send_after_ticks(protocol.event("snapshot", {}))
    for number in range(3):
        pair.outbox.send_metrics(protocol.event("metrics", {"number": number}))
    before = pair.published.copy()
    pair.give(20)
    heard = read_to_the_end(pair)
    check(heard, pair.published)
    names = [event["event"] for event in heard.events]
    at = names.index("snapshot")
    assert {t["symbol"]: t["sequence"] for t in hear_ticks(heard, at)} == before
    assert names.count("metrics") == 1
    assert heard.events[-1] == {"event": "metrics", "data": {"number": 2}}


def hear_ticks(heard: Heard, until: int) -> list[dict]:
    """Return the ticks among the first events."""
    return Heard(heard.events[:until], None).ticks


def test_finish_completes_the_cut_frame_and_counts_what_is_left_out(pair: Pair) -> None:
    """The Close overtakes all but the rest of a cut frame and the notice of what does not come."""
    pair.fill()
    pair.outbox.finish(protocol.close_frame(1013, "slow"))
    assert pair.outbox.backlog.empty
    pair.outbox.send(protocol.event("error", {}))  # too late: nothing may follow a Close
    published = pair.published.copy()
    pair.give(20)
    heard = hear(pair.read_all())
    assert heard.code == 1013
    assert heard.events[-1]["event"] == "conflated"
    check(heard, published, to_the_end=False)


def test_close_of_the_library_is_preceded_by_the_count(pair: Pair) -> None:
    """A client that closes while it is behind learns what it missed, before the answer."""
    pair.fill()
    pair.outbox.send(protocol.close_frame(1000, ""))
    reader = gevent.spawn(pair.read_all)
    pair.outbox.close()
    heard = hear(reader.get(timeout=60))
    assert heard.code == 1000
    check(heard, pair.published, to_the_end=False)


def test_finish_ends_a_client_that_never_answers(pair: Pair) -> None:
    """The handler's recv returns although the client keeps its side open."""
    started = time.monotonic()
    handler = gevent.spawn(pair.outbox.recv, 4096)
    gevent.sleep(0)
    pair.outbox.finish(protocol.close_frame(1001, ""))
    assert handler.get(timeout=60) == b""
    assert time.monotonic() - started < 3 * outbox_module.LINGER_S


def test_recv_waits_while_the_client_does_not_read(pair: Pair) -> None:
    """What a client says is not taken before it has taken what it was answered."""
    while pair.outbox.backlog.queued_bytes <= READ_PAUSE_BYTES:
        pair.outbox.send(protocol.event("error", {"message": "x" * 200}))
    pair.client.sendall(b"hello")
    handler = gevent.spawn(pair.outbox.recv, 4096)
    handler.join(timeout=0.2)
    assert not handler.ready()
    gevent.spawn(pair.read_all)
    assert handler.get(timeout=60) == b"hello"


def test_recv_of_a_client_that_is_always_behind_is_served(pair: Pair) -> None:
    """Conflation never ends for it, and still it is listened to."""
    gevent.spawn(pair.read_all, 0.01)
    handler = gevent.spawn(pair.outbox.recv, 4096)
    pair.fill()
    pair.client.sendall(b"unsubscribe")
    deadline = time.monotonic() + 60
    while not handler.ready() and time.monotonic() < deadline:
        pair.give(1000, padding=300)
        gevent.sleep(0.002)
    assert handler.get(block=False) == b"unsubscribe"


def test_stalled_counts_from_the_last_byte_that_was_taken(pair: Pair) -> None:
    """A client that takes a little now and then is not stalled, although it never catches up."""
    assert pair.outbox.stalled_s() == 0
    pair.fill()
    deadline = time.monotonic() + 60
    while (stalled_s := pair.outbox.stalled_s()) < 0.3:
        assert time.monotonic() < deadline
        gevent.sleep(0.01)
    pair.client.recv(8 << 10)  # far below what makes the socket writable
    while pair.outbox.stalled_s() >= stalled_s:
        assert time.monotonic() < deadline
        gevent.sleep(0.01)


def test_send_to_a_client_that_is_gone_raises_nothing(pair: Pair) -> None:
    """A broken connection ends the outbox quietly; its handler finds the end in recv."""
    pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    pair.client.close()  # a reset
    for _ in range(1_000):
        pair.give(1)
        gevent.sleep(0)
    assert pair.outbox.dead
    assert pair.outbox.recv(4096) == b""


def test_close_of_an_idle_connection_is_the_clients_to_read(pair: Pair) -> None:
    """Bytes that the client sent and nobody read must not turn the close into a reset."""
    pair.client.sendall(b"x" * 1000)
    pair.outbox.send(protocol.close_frame(1009, "too big"))
    gevent.spawn(pair.outbox.close)
    assert hear(pair.read_all()) == Heard([], 1009)
