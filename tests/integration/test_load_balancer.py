"""The load balancer of docs/phase2-setup.md, as it stands there, in front of two bridges."""

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from stockstream import config
from stockstream.config import ROOT
from stockstream.local.part import Part
from stockstream.local.ports import free_port
from support.bridge import Bridge, hear, say
from support.waiting import wait_for

_EXAMPLE = re.compile(r"```nginx\n(.*?)```", re.DOTALL)
_NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


@pytest.fixture
def bridges(bridge_factory) -> list[Bridge]:
    return [bridge_factory(FORWARDED_ALLOW_IPS="127.0.0.1") for _ in range(2)]


@pytest.fixture
def port(bridges: list[Bridge], tmp_path: Path) -> Iterator[int]:
    """Return the port of an nginx with the documented configuration, but for the addresses."""
    with balancing(bridges, tmp_path, _example()) as listens:
        yield listens


def _example() -> str:
    (example,) = _EXAMPLE.findall((ROOT / "docs/phase2-setup.md").read_text())
    return example


@contextmanager
def balancing(bridges: list[Bridge], tmp_path: Path, example: str) -> Iterator[int]:
    """Run an nginx with this configuration, the bridges as its nodes; yield its port."""
    if _NGINX is None:
        pytest.skip("nginx is not installed")
    listens = free_port()
    example = example.replace("listen 80;", f"listen 127.0.0.1:{listens};")
    for number, bridge in enumerate(bridges, start=1):
        example = example.replace(f"NODE{number}:8080", bridge.address)
    example = re.sub(r".*NODE3:8080.*\n", "", example)
    paths = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n{example} }}\n"
    )
    part = Part(
        "nginx",
        [_NGINX, "-p", str(tmp_path), "-e", "stderr", "-c", "nginx.conf"],
        tmp_path / "nginx.log",
        config.child_environment(),
    )
    part.start()
    try:
        yield listens
    finally:
        part.stop()


def test_client_behind_the_load_balancer_finds_another_bridge(
    bridges: list[Bridge], port: int, ticker
) -> None:
    """Clients spread over the bridges; where one is gone, they come to the other."""

    def try_to_connect():
        try:
            return connect(f"ws://127.0.0.1:{port}/ws", origin=f"http://127.0.0.1:{port}")
        except OSError as error:
            raise AssertionError(error) from error

    with wait_for(try_to_connect) as one, wait_for(try_to_connect) as other:
        for client in (one, other):
            say(client, "join", "stock-updates")
            hear(client, "snapshot")
        assert [bridge.metrics()["connectedClients"] for bridge in bridges] == [1, 1]
        ticker.round(["AAPL"])
        for client in (one, other):
            assert hear(client, "stock-tick")["symbol"] == "AAPL"
    bridges[0].part.stop()
    with wait_for(try_to_connect) as client:
        say(client, "join", "stock-updates")
        assert hear(client, "snapshot")["ticks"][0]["symbol"] == "AAPL"
    assert bridges[1].get("/live")[0] == 200


def status(port: int, path: str) -> int:
    """Return the status of a page behind the load balancer; nginx may not be up yet."""

    def ask() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError as error:
            raise AssertionError(error) from error

    return wait_for(ask)


def keeps_the_numbers_inside(port: int) -> None:
    """Fail unless the pages are there, and /metrics is not, however it is written."""
    assert [status(port, path) for path in ("/", "/health", "/live")] == [200, 200, 200]
    for path in (
        "/metrics",
        "/metrics?x",
        "/%6detrics",
        "//metrics",
        "/js/../metrics",
        "/metrics/",
    ):
        assert status(port, path) == 404, path


def test_load_balancer_keeps_the_numbers_inside(
    bridges: list[Bridge], port: int, tmp_path: Path
) -> None:
    """/metrics is for the machines themselves; without its line the same check fails."""
    keeps_the_numbers_inside(port)
    open_to_all = re.sub(r"location = /metrics.*", "", _example())
    with balancing(bridges, tmp_path / "open", open_to_all) as other, pytest.raises(AssertionError):
        keeps_the_numbers_inside(other)


def bounds_an_address(port: int) -> None:
    """Fail unless one address gets the documented connections, and another one still gets in."""
    wait_for(lambda: status(port, "/live") == 200)
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connect(f"ws://127.0.0.1:{port}/ws"))
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}/ws"):
            pass
        assert refused.value.response.status_code == 429
        with connect(f"ws://127.0.0.1:{port}/ws", source_address=("127.0.0.2", 0)) as other:
            hear(other, "welcome")


def test_load_balancer_bounds_the_connections_of_an_address(
    bridges: list[Bridge], port: int, tmp_path: Path
) -> None:
    """One address cannot take all places, and the bridges' log has each client's own.

    Without the limit the same check fails.
    """
    bounds_an_address(port)
    logs = [wait_for(bridge.part.log.read_text) for bridge in bridges]
    assert sum(log.count("client 127.0.0.1 connected") for log in logs) == 50
    assert sum(log.count("client 127.0.0.2 connected") for log in logs) == 1
    boundless = _example().replace("limit_conn clients 50;", "")
    with (
        balancing(bridges, tmp_path / "open", boundless) as other,
        pytest.raises(pytest.fail.Exception),
    ):
        bounds_an_address(other)
