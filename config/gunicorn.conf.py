"""How gunicorn runs the bridge: one gevent worker a container; scale by replicas.

`stockstream bridge` is `gunicorn -c config/gunicorn.conf.py "stockstream.bridge.app:create_app()"`.
"""

from pathlib import Path

from stockstream.bridge.openfiles import SPARE_CONNECTIONS
from stockstream.config import load

_settings = load()

bind = f"{_settings.websocket_host}:{_settings.websocket_port}"
proc_name = "stockstream-bridge"
worker_class = "stockstream.bridge.worker.BridgeWorker"  # gevent's
workers = 1
preload_app = False  # threads and Kafka clients do not survive a fork
max_requests = 0  # a WebSocket is one request: never restart for their number
# Room for pages and probes beside the clients, so that /health answers when MAX_CLIENTS is reached.
worker_connections = _settings.max_clients + SPARE_CONNECTIONS
backlog = 2_048
# The worker reports to the master every second; one that does not for this long is stuck.
timeout = 30
# worker.py closes the clients within 1 s and the worker is gone after 2.
graceful_timeout = 3
keepalive = _settings.header_timeout  # also the whole deadline for a request's headers
# gunicorn itself believes no proxy, and takes no header for a variable of its own: who is trusted
# with what is decided in one place, bridge/proxies.py.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers = {}
control_socket_disable = True
# The worker's sign of life is a file: in memory, where a busy disk cannot hold it up.
_memory = Path("/dev/shm")  # noqa: S108 - gunicorn unlinks the file as soon as it is open
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
loglevel = _settings.log_level
# One format and one stream for gunicorn's lines and ours.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": _settings.log_level.upper(), "handlers": ["stderr"]},
    "loggers": {  # gunicorn's own does not propagate
        "gunicorn.error": {"level": _settings.log_level.upper(), "handlers": ["stderr"]},
    },
}


def when_ready(server):
    """Let a worker that has been stopped close its clients before it is killed."""
    from stockstream.bridge.worker import wake_before_abort

    wake_before_abort(server)


def post_worker_init(worker):
    """Start the bridge in the worker, where gevent has patched what it needs."""
    worker.bridge.start(on_crash=lambda: worker.leave(1))


def post_request(worker, req, environ, resp):
    """Stop the clock of a response that was taken in time."""
    from stockstream.bridge.deadline import forget

    forget(environ)
