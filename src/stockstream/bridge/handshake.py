"""Which upgrade requests may become a WebSocket: checked before any byte of one is written."""

from base64 import b64decode
from binascii import Error as Base64Error

from werkzeug import Request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, MethodNotAllowed

from stockstream.bridge import hosts
from stockstream.bridge.hosts import Origins
from stockstream.bridge.proxies import Proxies
from stockstream.config import Settings

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


class MisdirectedRequest(HTTPException):
    """421: the request is for a host that this bridge is not."""

    code = 421


class Gate:
    """Judges requests by the settings: the host that they are for, and handshakes in full."""

    def __init__(self, settings: Settings) -> None:
        self.proxies = Proxies(settings.forwarded_allow_ips)
        self._origins = Origins(settings.allowed_origins)
        self._hosts = {hosts.name_of(word) for word in settings.allowed_hosts}

    def check_host(self, request: Request) -> None:
        """Refuse a request for a host that is neither an address, `localhost` nor listed.

        Where ALLOWED_HOSTS is empty every host may be asked. A page of another site whose name is
        made to mean this machine (DNS rebinding) can neither leave out its own name in Host nor
        change it; X-Forwarded-Host it can set.

        Raises:
            HTTPException: 421.
        """
        if not self._hosts:
            return
        for host in {request.headers.get("Host"), self._asked_host(request)} - {None}:
            name = hosts.name_of(host or "")
            if name is None or not (hosts.is_local(name) or name in self._hosts):
                raise MisdirectedRequest(
                    f"Host {(host or '')[:200]}: expected an address, or one of ALLOWED_HOSTS"
                )

    def check_handshake(self, request: Request) -> None:
        """Refuse what is not a proper WebSocket handshake from an allowed page.

        Raises:
            HTTPException: 405, 426 (no upgrade, or another version), 400 (HTTP version, Host, key
                or body), 403 (Origin).
        """
        headers = request.headers
        if request.method != "GET":
            raise MethodNotAllowed(["GET"])
        upgrades = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
        if "upgrade" not in upgrades or headers.get("Upgrade", "").lower() != "websocket":
            raise UpgradeRequired
        if headers.get("Sec-WebSocket-Version") != _VERSION:
            raise UpgradeRequired
        if request.environ["SERVER_PROTOCOL"] == "HTTP/1.0":
            raise BadRequest("a WebSocket handshake needs HTTP/1.1")
        if hosts.name_of(headers.get("Host", "")) is None:
            raise BadRequest("Host: expected a name or an address")
        if not _is_key(headers.get("Sec-WebSocket-Key", "")):
            raise BadRequest("Sec-WebSocket-Key: expected 16 bytes in base64")
        if request.content_length or "Transfer-Encoding" in headers:
            raise BadRequest("a WebSocket handshake has no body")
        origin = headers.get("Origin")
        if origin is not None and not self._is_allowed(origin, request):
            raise Forbidden(f"Origin {origin[:200]}: expected this host, or one of ALLOWED_ORIGINS")

    def client_address(self, request: Request) -> str:
        """Return the address of who asks, behind the proxies that are trusted."""
        forwarded_for = request.headers.get("X-Forwarded-For", "")
        return self.proxies.client_address(request.remote_addr or "", forwarded_for)

    def _is_allowed(self, origin: str, request: Request) -> bool:
        """Tell whether a page of `origin` may connect: one of this host name, at any port, may.

        The page may be served by another server on the same machine.
        """
        if self._origins.allow(origin):
            return True
        name = hosts.host_of(origin)
        return name is not None and name == hosts.name_of(self._asked_host(request) or "")

    def _asked_host(self, request: Request) -> str | None:
        """Return the host that was asked for: behind a trusted proxy, the one that it tells."""
        host = request.headers.get("Host")
        if self.proxies.trusts(request.remote_addr or ""):
            forwarded = request.headers.get("X-Forwarded-Host", "").rpartition(",")[2].strip()
            return forwarded or host
        return host


def _is_key(key: str) -> bool:
    try:
        return len(b64decode(key, validate=True)) == 16
    except (Base64Error, ValueError):
        return False


def keep_what_was_checked(request: Request) -> None:
    """Leave only the headers of the handshake to simple-websocket, in their plainest form.

    It hands every header to a parser of its own, which raises at what gunicorn lets pass (a byte
    above 127 in Sec-WebSocket-Protocol). The offered extensions go too: compression costs 50 times
    the memory of a client, and its frames cannot be shared.
    """
    environ = request.environ
    checked = {
        "HTTP_HOST": hosts.name_of(environ["HTTP_HOST"]),
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_UPGRADE": "websocket",
        "HTTP_SEC_WEBSOCKET_VERSION": _VERSION,
        "HTTP_SEC_WEBSOCKET_KEY": environ["HTTP_SEC_WEBSOCKET_KEY"],
    }
    for name in [name for name in environ if name.startswith("HTTP_")]:
        del environ[name]
    environ.update(checked)
