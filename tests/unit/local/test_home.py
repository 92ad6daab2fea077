"""The local mode's directory and ports: one run at a time, with room, on ports that are free."""

import errno
import socket
from pathlib import Path

import pytest

from stockstream.errors import NotReady
from stockstream.local import home as home_module
from stockstream.local.home import Home
from stockstream.local.ports import free_port, listen_error


def test_home_held_twice_names_the_first(tmp_path: Path) -> None:
    """A second run is told where the first one is; afterwards the directory is free again."""
    home = Home(tmp_path / ".local")
    with (
        home.held("http://localhost:1"),
        pytest.raises(NotReady, match="^it already runs in this checkout: http://localhost:1, "),
        home.held("http://localhost:2"),
    ):
        pass
    with home.held("http://localhost:3"):
        assert "http://localhost:3, process" in (tmp_path / ".local/lock").read_text()


def test_home_drop_data_drops_kafka_and_nothing_else(tmp_path: Path) -> None:
    """--fresh takes Kafka's data, not the logs; without any it is content."""
    home = Home(tmp_path)
    home.drop_data()
    home.kafka.mkdir()
    home.logs.mkdir()
    home.drop_data()
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_home_without_room_says_how_much(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Too little room is told with the figures; enough passes."""
    Home(tmp_path).check_room()
    monkeypatch.setattr(home_module, "NEEDED_BYTES", 2**60)
    with pytest.raises(NotReady, match=rf"{tmp_path} has \d+ MiB left: expected at least"):
        Home(tmp_path).check_room()


def test_listen_error_tells_a_taken_port() -> None:
    """A port with a listener is taken; one whose listener has gone is free at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        error = listen_error(port)
        assert error is not None
        assert error.errno == errno.EADDRINUSE
    assert listen_error(port) is None


def test_free_port_prefers_the_given_one() -> None:
    """The preferred port is taken where it is free, and another one where it is not."""
    port = free_port()
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port


def test_free_port_is_none_of_the_systems_own() -> None:
    """An outgoing connection can never take the port of a broker that is down for a moment."""
    settings = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not settings.exists():
        pytest.skip("not Linux")
    lowest = int(settings.read_text().split()[0])
    assert all(free_port() < lowest for _ in range(20))
