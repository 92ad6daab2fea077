"""Clients that come and go by the thousand, and clients that speak nonsense."""

import json
import random
import socket
import zlib
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from websockets.exceptions import WebSocketException

from support.bridge import Bridge, hear, say
from support.raw import frame, open_raw
from support.waiting import wait_for

CYCLES = 10_000
FRAMES_A_CONNECTION = 90
BOMB_BYTES = 400 << 20


def worker(bridge: Bridge) -> psutil.Process:
    """Return the process that serves; there is one, and it has no children."""
    [process] = psutil.Process(bridge.part.pid).children(recursive=True)
    return process


def come_and_go(bridge: Bridge, cycles: int, within_s: float = 120) -> None:
    """Fail if connecting and leaving leaves anything behind."""
    connect_and_close(bridge, 2_000)  # what is made on first use
    before = census(bridge, within_s)
    connect_and_close(bridge, cycles)
    after = census(bridge, within_s)
    assert after["greenlets"] <= before["greenlets"] + 2, (before, after)
    assert after["files"] <= before["files"] + 2, (before, after)
    assert after["bytes"] - before["bytes"] < 5 << 20, (before, after)


def connect_and_close(bridge: Bridge, cycles: int) -> None:
    """Connect and leave; every other client says goodbye first."""
    for number in range(cycles):
        with open_raw(bridge) as sock:
            if number % 2:
                sock.sendall(frame((1000).to_bytes(2, "big"), 0x88))


def census(bridge: Bridge, within_s: float) -> dict[str, int]:
    """Return what the bridge holds when all clients have gone."""
    wait_for(bridge.metrics, lambda seen: seen["connectedClients"] == 0, within_s)
    found = wait_for(lambda: json.loads(bridge.get("/census")[2]), lambda seen: not seen["clients"])
    process = worker(bridge)
    found["files"] = process.num_fds()
    found["bytes"] = process.memory_full_info().uss
    return found


def test_connect_and_close_leaves_nothing_behind(bridge_factory) -> None:
    """10,000 visits leave no file, no greenlet and no memory behind."""
    come_and_go(bridge_factory(broken="with_census"), CYCLES)


def test_connect_and_close_that_is_remembered_is_noticed(bridge_factory) -> None:
    """A bridge that keeps its clients' traces is seen to grow."""
    with pytest.raises(AssertionError):
        come_and_go(bridge_factory(broken="never_forgets"), 500, within_s=5)


def talk_nonsense(bridge: Bridge, connections: int) -> None:
    """Fail if malformed handshakes and frames restart the worker, or get a traceback or a 5xx."""
    chance = random.Random(4711)
    pid = worker(bridge).pid
    for _ in range(connections):
        answer = send_and_read(bridge, bad_handshake(chance))
        assert not answer.startswith(b"HTTP/1.1 5"), answer
        with open_raw(bridge) as sock:
            answer = send_frames(sock, chance)
            assert b"HTTP/1.1" not in answer, answer
    with bridge.connect() as client:
        say(client, "subscribe", ["AAPL"])
        hear(client, "snapshot")
    assert worker(bridge).pid == pid
    log = bridge.part.log.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") :][:2000]


def bad_handshake(chance: random.Random) -> bytes:
    """Return a handshake with some of its bytes changed, left out or doubled."""
    request = bytearray(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(request))
        match chance.randrange(3):
            case 0:
                request[at] = chance.randrange(256)
            case 1:
                del request[at : at + chance.randint(1, 20)]
            case 2:
                request[at:at] = request[at : at + chance.randint(1, 20)]
    return bytes(request)


def send_and_read(bridge: Bridge, data: bytes) -> bytes:
    """Send, say that no more is coming, and return the answer."""
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=60) as sock:
        return answer_to(sock, data)


def answer_to(sock: socket.socket, data: bytes) -> bytes:
    """Send and close this side; return what comes until the other side has closed too."""
    received = b""
    with suppress(ConnectionError):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while more := sock.recv(65_536):
            received += more
    return received


def send_frames(sock: socket.socket, chance: random.Random) -> bytes:
    """Send many frames, most of them malformed, and return the answer."""
    data = b"".join(bad_frame(chance) for _ in range(FRAMES_A_CONNECTION))
    return answer_to(sock, data)


def bad_frame(chance: random.Random) -> bytes:
    """Return a frame with wrong bits, a wrong length, wrong UTF-8, wrong JSON, or none of these."""
    match chance.randrange(8):
        case 0:
            return chance.randbytes(chance.randint(1, 40))
        case 1:
            return frame(chance.randbytes(20), first_byte=chance.randrange(256))
        case 2:
            return frame(chance.randbytes(chance.randint(0, 200)))
        case 3:
            return bytes((0x81, 0x85)) + b"hello"  # no mask
        case 4:
            return bytes((0x81, 0xFF)) + chance.randbytes(8)  # a length of up to 2**64
        case 5:
            return frame(b'{"event":"subscribe","data":' + chance.randbytes(5).hex().encode())
        case 6:
            return frame(chance.randbytes(130), first_byte=0x89)  # a ping that is too long
        case _:
            return frame(b'{"event":"join","data":"stock-updates"}')


def test_nonsense_harms_nothing(bridge: Bridge) -> None:
    """100,000 malformed frames and handshakes: no restart, no traceback, no HTTP 5xx."""
    talk_nonsense(bridge, connections=1_100)


def test_nonsense_that_raises_is_noticed(bridge_factory) -> None:
    """A bridge that fails at a message fails the same check."""
    with pytest.raises((AssertionError, WebSocketException)):
        talk_nonsense(bridge_factory(broken="raises"), connections=30)


def peak(bridge: Bridge) -> int:
    """Return the most memory in bytes that the process has ever held: no swelling slips through."""
    text = Path(f"/proc/{worker(bridge).pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) << 10


def inflate_bomb(bridge: Bridge) -> None:
    """Fail if a small compressed message makes the bridge hold its 400 MB."""
    before = peak(bridge)
    deflater = zlib.compressobj(9, wbits=-15)
    parts = [deflater.compress(bytes(1 << 20)) for _ in range(BOMB_BYTES >> 20)]
    bomb = b"".join(parts) + deflater.flush(zlib.Z_SYNC_FLUSH)
    frames = bytearray()
    for at in range(0, len(bomb), 4096):
        last = 0x80 if at + 4096 >= len(bomb) else 0
        first = 0x41 if at == 0 else 0  # compressed text, then its continuations
        frames += frame(bomb[at : at + 4096], first | last)
    with open_raw(bridge, headers="Sec-WebSocket-Extensions: permessage-deflate\r\n") as sock:
        answer_to(sock, frames)
    assert peak(bridge) - before < 50 << 20
    assert bridge.get("/live")[0] == 200


def test_inflate_bomb_is_refused(bridge: Bridge) -> None:
    """400 MB of zeros, offered as 400 KB, are not unpacked."""
    inflate_bomb(bridge)


def test_inflate_bomb_that_is_unpacked_is_noticed(bridge_factory) -> None:
    """A bridge that accepts compression, and has no limit, swells."""
    with pytest.raises((AssertionError, TimeoutError)):
        inflate_bomb(bridge_factory(broken="checks_nothing"))
