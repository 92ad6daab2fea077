"""What a bridge says of itself, at /health."""

from http.client import HTTPException, HTTPResponse
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

import msgspec

from stockstream.ops.checks import CheckFailed

_TIMEOUT_S = 5.0
#: More is no answer of a bridge.
_ANSWER_BYTES = 65_536


class Health(msgspec.Struct, frozen=True):
    """A bridge's word; no age where it has not seen a tick yet."""

    status: str
    reason: str = ""
    tick_age_ms: float | None = msgspec.field(name="lastTickAge", default=None)

    def require(self) -> str:
        """Return the bridge's word.

        Raises:
            CheckFailed: it is not "healthy".
        """
        if self.status != "healthy":
            said = f"{self.status}: {self.reason}" if self.reason else self.status
            raise CheckFailed(f"expected healthy, observed {said}")
        return self.status


class _AnyStatus(HTTPErrorProcessor):
    """Takes every answer as it is: a bridge that is not well says why with a 503."""

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        return response


# The bridge is on this machine, or on its network: a proxy (http_proxy) would not find it.
_DIRECT = build_opener(ProxyHandler({}), _AnyStatus)


def ask(url: str) -> Health:
    """Ask the bridge at `url`, such as http://localhost:8080.

    Raises:
        CheckFailed: nothing answers there, something else does, or the word is not the status.
    """
    where = f"{url}/health"
    try:
        with _DIRECT.open(where, timeout=_TIMEOUT_S) as answer:
            text = answer.read(_ANSWER_BYTES)
    except (OSError, HTTPException) as error:
        raise CheckFailed(f"{where}: {type(error).__name__}: {error}") from error
    status = f"{answer.status} {answer.reason}"
    try:
        health = msgspec.json.decode(text, type=Health)
    except ValueError as error:
        said = text[:300].decode(errors="replace")
        raise CheckFailed(
            f"{where}: expected a bridge's answer, observed {status} ({error}): {said}"
        ) from error
    # A load balancer goes by the status alone.
    if health.status == "healthy" and answer.status != 200:
        raise CheckFailed(f"{where}: expected 200 of a healthy bridge, observed {status}")
    return health
