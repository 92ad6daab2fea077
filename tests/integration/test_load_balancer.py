"""The load balancer of docs/phase2-setup.md, as it stands there, in front of two bridges."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
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
    if _NGINX is None:
        pytest.skip("nginx is not installed")
    (example,) = _EXAMPLE.findall((ROOT / "docs/phase2-setup.md").read_text())
    listens = free_port()
    example = example.replace("listen 80;", f"listen 127.0.0.1:{listens};")
    for number, bridge in enumerate(bridges, start=1):
        example = example.replace(f"NODE{number}:8080", bridge.address)
    example = re.sub(r".*NODE3:8080.*\n", "", example)
    paths = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
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
