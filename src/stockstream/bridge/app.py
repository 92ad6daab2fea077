"""Wires feed, hub and Flask: the one place that knows HTTP."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request, send_from_directory
from flask.typing import ResponseReturnValue
from flask_sock import Sock
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from stockstream import config
from stockstream.bridge import deadline, handshake, headers, proxies
from stockstream.bridge.client import Client
from stockstream.bridge.handshake import Gate
from stockstream.bridge.lifecycle import Bridge
from stockstream.bridge.metrics import BridgeCollector
from stockstream.bridge.session import HandlerThread, InputEvent, Session
from stockstream.config import Settings

STATIC = config.ROOT / "static"
RETRY_AFTER_S = 5

_CLIENT = "stockstream.client"


def create_app(settings: Settings | None = None) -> Flask:
    """Return the bridge's WSGI application; gunicorn's worker sets it going.

    Raises:
        ConfigError: a variable of the environment has a bad value.
    """
    settings = settings or config.load()
    bridge = Bridge(settings)
    gate = Gate(settings)
    app = Flask(__name__, static_folder=None)
    app.extensions["stockstream"] = bridge
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.register_error_handler(HTTPException, _error_as_json)
    app.after_request(_add_headers)
    _add_pages(app, gate, settings.response_timeout)
    _add_probes(app, bridge)
    _add_websocket(app, bridge, gate)
    return app


def _add_pages(app: Flask, gate: Gate, response_timeout_s: float) -> None:
    @app.before_request
    def start_clock() -> None:
        """Give a page or an answer so long to be read; a WebSocket has rules of its own."""
        if request.path != "/ws":
            deadline.start(request.environ, response_timeout_s)

    @app.before_request
    def check_host() -> None:
        """Judge the host of every request but a container's own check, which shows nothing."""
        if request.path != "/live":
            gate.check_host(request)

    @app.get("/")
    def dashboard() -> Response:
        return send_from_directory(STATIC, "index.html")

    @app.get("/<any(css, js, vendor):folder>/<path:name>")
    def page_file(folder: str, name: str) -> Response:
        return send_from_directory(STATIC / folder, name)

    @app.get("/favicon.svg")
    def favicon() -> Response:
        return send_from_directory(STATIC, "favicon.svg")


def _add_probes(app: Flask, bridge: Bridge) -> None:
    registry = CollectorRegistry()
    registry.register(BridgeCollector(bridge.stats, bridge.hub, bridge.feed, bridge.stalls))

    @app.get("/live")
    def live() -> ResponseReturnValue:
        """Answer for the process alone: Kafka's absence must not get the clients dropped."""
        return {"status": "live"}

    @app.get("/health")
    def health() -> ResponseReturnValue:
        problem = "the bridge is stopping" if bridge.draining else bridge.feed.problem()
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        answer: dict[str, Any] = {"status": "unhealthy" if problem else "healthy", "timestamp": now}
        if problem:
            answer["reason"] = problem
        answer["lastTickAge"] = bridge.feed.tick_age_ms()
        answer["warnings"] = bridge.feed.records.warnings()
        return answer, 503 if problem else 200

    @app.get("/metrics")
    def metrics() -> Response:
        response = jsonify(bridge.stats.as_json())
        if _wants_prometheus():
            encode, content_type = choose_encoder(request.headers["Accept"])
            response = Response(encode(registry), content_type=content_type)
        response.vary.add("Accept")
        return response


def _wants_prometheus() -> bool:
    """Tell whether Accept names one of Prometheus's types, and JSON less, if at all."""
    quality = {"text/plain": 0.0, "application/openmetrics-text": 0.0, "application/json": 0.0}
    for name, value in request.accept_mimetypes:
        kind = name.partition(";")[0]  # a version may follow
        if kind in quality:
            quality[kind] = max(quality[kind], value)
    as_json = quality.pop("application/json")
    return max(quality.values()) > as_json


def _add_websocket(app: Flask, bridge: Bridge, gate: Gate) -> None:
    settings = bridge.settings
    served: Counter[str] = Counter()  # connections by address
    app.config["SOCK_SERVER_OPTIONS"] = {
        "max_message_size": settings.max_message_bytes,
        "thread_class": HandlerThread,
        "event_class": InputEvent,
    }

    @app.before_request
    def admit() -> None:
        """Check a handshake, and put the client's outbox in the place of its socket.

        From here to the registration in the hub no greenlet switch happens, so that no other
        client can take the last place in between.
        """
        if request.path != "/ws":
            return
        if bridge.draining:
            raise ServiceUnavailable("the bridge is stopping", retry_after=RETRY_AFTER_S)
        gate.check_handshake(request)
        if len(bridge.hub.clients) >= settings.max_clients:
            raise ServiceUnavailable(
                f"{settings.max_clients} clients are connected", retry_after=RETRY_AFTER_S
            )
        address = gate.client_address(request)
        limit = settings.max_clients_per_address
        if limit and served[proxies.household(address)] >= limit:
            raise ServiceUnavailable(
                f"{limit} clients of {address} are connected", retry_after=RETRY_AFTER_S
            )
        handshake.keep_what_was_checked(request)
        client = Client(request.environ["gunicorn.socket"], bridge.stats)
        # Frames that came in one piece with the handshake: gunicorn has read them already.
        client.outbox.early = request.environ["wsgi.input"].reader.unreader.take_buffered()
        request.environ["gunicorn.socket"] = client.outbox
        request.environ["REMOTE_ADDR"] = address  # the session logs it
        request.environ[_CLIENT] = client

    def serve(ws: Any) -> None:
        client = request.environ[_CLIENT]
        household = proxies.household(request.environ["REMOTE_ADDR"])
        served[household] += 1
        try:
            Session(ws, client, bridge.hub, bridge.stats, settings, bridge.turns).run()
        finally:
            served[household] -= 1
            if not served[household]:
                del served[household]

    Sock(app).route("/ws")(serve)


def _error_as_json(error: HTTPException) -> ResponseReturnValue:
    response = error.get_response()
    response.data = jsonify(error=error.description).data
    response.content_type = "application/json"
    return response


def _add_headers(response: Response) -> Response:
    response.headers.update(headers.SECURITY)
    response.headers.setdefault("Cache-Control", "no-cache")
    return response
