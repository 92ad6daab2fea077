"""A WebSocket client by hand, for what a well-behaved library would not do."""

import base64
import json
import socket
from typing import Any

from support.bridge import Bridge

_KEY = base64.b64encode(bytes(16)).decode()


def open_raw(bridge: Bridge, receive_bytes: int = 0, headers: str = "") -> socket.socket:
    """Return a socket behind its handshake; what follows the answer is still in it."""
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.settimeout(120)
    sock.connect(("127.0.0.1", bridge.port))
    sock.sendall(request_of(bridge, headers))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        assert (byte := sock.recv(1)), f"refused: {answer!r}"
        answer += byte
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return sock


def request_of(bridge: Bridge, headers: str = "") -> bytes:
    """Return a handshake's request."""
    return (
        f"GET /ws HTTP/1.1\r\nHost: {bridge.address}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n"
        f"{headers}\r\n".encode()
    )


def frame(payload: bytes, first_byte: int = 0x81) -> bytes:
    """Return a client's frame; its mask of zeros leaves the payload as it is."""
    length = len(payload)
    if length < 126:
        head = bytes((first_byte, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((first_byte, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first_byte, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + bytes(4) + payload


def say_raw(sock: socket.socket, event: str, data: Any) -> None:
    """Send one message."""
    sock.sendall(frame(json.dumps({"event": event, "data": data}).encode()))


class Frames:
    """Reads a server's frames; fails at the first that is corrupt."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.close_code: int | None = None

    def take(self, data: bytes) -> list[dict[str, Any]]:
        """Return the events of the frames that are whole now."""
        self._data += data
        events: list[dict[str, Any]] = []
        while (end := self._end()) is not None:
            start = {126: 4, 127: 10}.get(self._data[1], 2)
            payload = bytes(self._data[start:end])
            opcode = self._data[0]
            del self._data[:end]
            if opcode == 0x88:
                self.close_code = int.from_bytes(payload[:2], "big")
            else:
                assert opcode in (0x81, 0x89), f"a corrupt frame: {opcode:#x}"
                if opcode == 0x81:
                    events.append(json.loads(payload))
        return events

    def _end(self) -> int | None:
        """Return where the first frame ends, None where it is not whole yet."""
        data = self._data
        if len(data) < 2:
            return None
        start = {126: 4, 127: 10}.get(data[1], 2)
        if len(data) < start:
            return None
        length = int.from_bytes(data[2:start], "big") if start > 2 else data[1]
        return start + length if len(data) >= start + length else None
