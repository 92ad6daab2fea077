"""A bridge that is stopped says goodbye to every client first."""

import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import psutil
import pytest

from support.bridge import Bridge, close_code, hear, say
from support.waiting import wait_for

CLIENTS = 50


def stop(bridge: Bridge, signals: list[signal.Signals], idle_too: bool = True) -> None:
    """Fail unless all clients hear 1001, and the process exits 0 with no worker killed.

    The promise is 1 s for the Close and 5 s for the exit; three times that is failure.
    """
    with ExitStack() as stack:
        clients = [stack.enter_context(bridge.connect()) for _ in range(CLIENTS)]
        for client in clients:
            say(client, "join", "stock-updates")
            hear(client, "snapshot")
        if idle_too:  # as browsers do, which keep a spare connection
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", bridge.port)))
            idle.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
        start = time.monotonic()
        for number in signals:
            bridge.part.signal(number)
        for client in clients:
            assert close_code(client, timeout_s=3) == 1001
        assert time.monotonic() - start < 3, "the Close came late"
        code = wait_for(lambda: [bridge.part.exit_code], lambda seen: seen != [None], 15)
        assert code == [0], code
    log = bridge.part.log.read_text()
    assert "SIGKILL" not in log and "Traceback" not in log, log


@pytest.mark.parametrize(
    "signals", [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGINT]], ids=str
)
def test_stop_closes_every_client_with_1001(bridge: Bridge, signals: list[signal.Signals]) -> None:
    """SIGTERM and Ctrl-C, also pressed twice, close all clients and exit 0."""
    stop(bridge, signals)


def test_stop_without_our_handler_is_noticed(bridge_factory) -> None:
    """gunicorn alone sends no Close: the same check fails."""
    with pytest.raises((AssertionError, TimeoutError)):
        stop(bridge_factory(broken="stops_like_gunicorn"), [signal.SIGTERM])


def test_stop_by_an_exception_is_noticed(bridge_factory) -> None:
    """SystemExit in a greenlet leaves tracebacks: the same check fails."""
    bridge = bridge_factory(broken="raises_its_end")
    with pytest.raises(AssertionError, match="SystemExit: 0"):
        stop(bridge, [signal.SIGTERM], idle_too=False)


def worker_of(bridge: Bridge) -> psutil.Process:
    """Return the process that serves the clients."""
    (worker,) = psutil.Process(bridge.part.pid).children()
    return worker


def hears_1001_without_a_master(bridge: Bridge) -> None:
    """Fail unless the clients of a bridge whose master is killed hear 1001, and its worker ends."""
    worker = worker_of(bridge)
    with bridge.connect() as client:
        hear(client, "welcome")
        bridge.part.signal(signal.SIGKILL)
        assert close_code(client) == 1001
    worker.wait(timeout=120)


def test_worker_without_its_master_closes_every_client(bridge_factory) -> None:
    """SIGKILL of gunicorn's master (out of memory) cuts nobody off; gunicorn's own worker does."""
    hears_1001_without_a_master(bridge_factory())
    with pytest.raises(AssertionError):
        hears_1001_without_a_master(bridge_factory(broken="stops_like_gunicorn"))


def freeze(bridge: Bridge) -> None:
    """Stop the worker, as a debugger or an operator would."""
    worker_of(bridge).suspend()


def spin(bridge: Bridge) -> None:
    """Let a request keep the event loop to itself."""
    with socket.create_connection(("127.0.0.1", bridge.port)) as sock:
        sock.sendall(b"GET /spin HTTP/1.1\r\nHost: x\r\n\r\n")


def hears_1001_after_a_timeout(bridge: Bridge, hold: Callable[[Bridge], None]) -> None:
    """Fail unless clients of a worker that is held hear 1001, and another one takes its place."""
    worker = worker_of(bridge)
    with bridge.connect(close_timeout=0, ping_interval=None) as client:
        hear(client, "welcome")
        hold(bridge)
        assert close_code(client) == 1001
    wait_for(lambda: "WORKER TIMEOUT" in bridge.part.log.read_text())
    wait_for(lambda: worker not in psutil.Process(bridge.part.pid).children())
    bridge.wait_until_answering()


@pytest.mark.parametrize("hold", [freeze, spin])
def test_worker_that_is_given_up_closes_every_client(
    bridge_factory, hold: Callable[[Bridge], None]
) -> None:
    """A worker that does not report in time says 1001 before it is replaced.

    gunicorn's own ends without a word.
    """
    quick = {"healthy": False, "GUNICORN_CMD_ARGS": "--timeout 4"}
    hears_1001_after_a_timeout(bridge_factory(broken="spins", **quick), hold)
    if hold is freeze:
        with pytest.raises(AssertionError):
            hears_1001_after_a_timeout(bridge_factory(broken="stops_like_gunicorn", **quick), hold)


def test_stop_while_kafka_is_absent_exits_at_once(bridge_factory, free_port: int) -> None:
    """A bridge that still waits for Kafka stops as cleanly."""
    bridge = bridge_factory(healthy=False, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}")
    bridge.part.signal(signal.SIGTERM)
    assert wait_for(lambda: [bridge.part.exit_code], lambda seen: seen != [None], 15) == [0]
