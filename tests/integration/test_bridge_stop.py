"""A bridge that is stopped says goodbye to every client first."""

import signal
import socket
import time
from contextlib import ExitStack

import pytest

from support.bridge import Bridge, close_code, hear, say
from support.waiting import wait_for

CLIENTS = 50


def stop(bridge: Bridge, signals: list[signal.Signals]) -> None:
    """Fail unless all clients hear 1001, and the process exits 0 with no worker killed.

    The promise is 1 s for the Close and 5 s for the exit; three times that is failure.
    """
    with ExitStack() as stack:
        clients = [stack.enter_context(bridge.connect()) for _ in range(CLIENTS)]
        for client in clients:
            say(client, "join", "stock-updates")
            hear(client, "snapshot")
        idle = stack.enter_context(socket.create_connection(("127.0.0.1", bridge.port)))
        # As browsers do, which keep a spare connection.
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


def test_stop_while_kafka_is_absent_exits_at_once(bridge_factory, free_port: int) -> None:
    """A bridge that still waits for Kafka stops as cleanly."""
    bridge = bridge_factory(healthy=False, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}")
    bridge.part.signal(signal.SIGTERM)
    assert wait_for(lambda: [bridge.part.exit_code], lambda seen: seen != [None], 15) == [0]
