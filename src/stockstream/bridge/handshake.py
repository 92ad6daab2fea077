"""Which upgrade requests may become a WebSocket: checked before any byte of one is written."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Container
from urllib.parse import urlsplit

from werkzeug import Request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, MethodNotAllowed

_VERSION = "13"


class UpgradeRequired(HTTPException):
    """426: the request is no WebSocket handshake, or not of version 13."""

    code = 426
    description = f"expected a WebSocket handshake, version {_VERSION}"

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"Upgrade": "websocket", "Sec-WebSocket-Version": _VERSION}

    def get_headers(self, *args: object, **kwargs: object) -> list[tuple[str, str]]:
        """Add what RFC 6455, 4.4, asks for."""
        return [*super().get_headers(), *self.headers.items()]


def check(request: Request, allowed_origins: Container[str], proxies: Container[str]) -> None:
    """Refuse what is not a proper WebSocket handshake from an allowed page.

    Raises:
        HTTPException: 405, 426 (no upgrade, or another version), 400 (key or body), 403 (Origin).
    """
    headers = request.headers
    if request.method != "GET":
        raise MethodNotAllowed(["GET"])
    upgrades = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
    if "upgrade" not in upgrades or headers.get("Upgrade", "").lower() != "websocket":
        raise UpgradeRequired
    if headers.get("Sec-WebSocket-Version") != _VERSION:
        raise UpgradeRequired
    if not _is_key(headers.get("Sec-WebSocket-Key", "")):
        raise BadRequest("Sec-WebSocket-Key: expected 16 bytes in base64")
    if request.content_length or "Transfer-Encoding" in headers:
        raise BadRequest("a WebSocket handshake has no body")
    origin = headers.get("Origin")
    if origin is not None and not _is_allowed(origin, request, allowed_origins, proxies):
        raise Forbidden(f"Origin {origin[:200]}: expected this host, or one of ALLOWED_ORIGINS")


def _is_key(key: str) -> bool:
    try:
        return len(b64decode(key, validate=True)) == 16
    except (Base64Error, ValueError):
        return False


def _is_allowed(
    origin: str, request: Request, allowed: Container[str], proxies: Container[str]
) -> bool:
    """Tell whether a page of `origin` may connect: one of this host name, at any port, may.

    The page may be served by another server on the same machine. What is behind a proxy has the
    name that the proxy was asked by.
    """
    if "*" in allowed or origin in allowed:
        return True
    host = request.headers.get("Host", "")
    if request.remote_addr in proxies or "*" in proxies:
        host = request.headers.get("X-Forwarded-Host", host).rpartition(",")[2].strip()
    return _host_name(origin) is not None and _host_name(origin) == _host_name(f"//{host}")


def _host_name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def refuse_extensions(request: Request) -> None:
    """Take the offered extensions out of the request.

    Compression costs 50 times the memory of a client, and its frames cannot be shared.
    """
    request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
