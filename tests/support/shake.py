"""A handshake by hand, and what comes back."""

import base64
import socket

from support.bridge import Bridge

KEY = base64.b64encode(bytes(16)).decode()


def shake(bridge: Bridge, method: str = "GET", version: str = "HTTP/1.1", **changes: str) -> str:
    """Send a handshake by hand, with headers changed or (empty) left out; return the answer."""
    headers = {
        "Host": bridge.address,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=60) as sock:
        sock.sendall("\r\n".join([f"{method} /ws {version}", *lines, "", ""]).encode())
        answer = b""
        while b"\r\n\r\n" not in answer and (data := sock.recv(65_536)):
            answer += data
    return answer.decode(errors="replace")
