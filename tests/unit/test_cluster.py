"""validate-cluster's look at the containers, on a docker that says what a test wants."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stockstream.errors import StackError
from stockstream.ops.checks import Checks
from stockstream.ops.cluster import Cluster, Limits
from stockstream.ops.containers import containers_of, project_of

#: It lists and inspects what lies beside it; what it was asked to run, it writes down.
DOCKER = r"""#!/bin/sh
here=${0%/*}
case $1 in
ps) grep -o '"Id": "[^"]*"' "$here/containers" | cut -d'"' -f4 ;;
inspect) cat "$here/containers" ;;
exec) printf 'zk_server_state\tstandalone\n' ;;
run) echo "$*" >"$here/ran" ;;
esac
"""

Containers = Callable[..., None]


def container(
    service: str, state: str = "running", health: str = "healthy", number: int = 1, code: int = 0,
    ports: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what `docker inspect` tells of a container, as far as it is read."""
    labels = {
        "com.docker.compose.project": "stocks", "com.docker.compose.service": service,
    }  # fmt: skip
    told = {"Health": {"Status": health}} if health else {}
    return {
        "Id": f"id-{service}-{number}",
        "Name": f"/stocks-{service}-{number}",
        "Image": f"sha256:{service}",
        "Config": {"Labels": labels, "Image": "stockstream:dev"},
        "State": {"Status": state, "ExitCode": code, **told},
        "NetworkSettings": {"Networks": {"stocks_back": {}}, "Ports": ports or {}},
    }


def stack() -> dict[str, dict[str, Any]]:
    """Return the containers of a stack that is well, but for the broker's port."""
    stay = ("zookeeper", "kafka", "producer", "consumer", "websocket-bridge")
    return {
        **{service: container(service) for service in stay},
        "topics": container("topics", "exited", ""),
    }


@pytest.fixture
def containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Containers:
    """Return a function that lets docker have these containers."""
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def have(*entries: dict[str, Any]) -> None:
        (tmp_path / "containers").write_text(json.dumps(entries))

    return have


def validated() -> dict[str, str]:
    """Return each check's line; the broker publishes no port, so that nothing more is asked."""
    checks = Checks()
    Cluster(checks, "stocks", Limits(timeout_s=0)).validate()
    return {check.name: str(check) for check in checks.done}


def test_containers_all_well_pass(containers: Containers) -> None:
    """Each service's container is looked at, and a broker's without a port is found out."""
    containers(*stack().values())
    seen = validated()
    assert {name: line for name, line in seen.items() if name.endswith(" container")} == {
        **{f"{s} container": f"PASS {s} container: running healthy" for s in stack()},
        "topics container": "PASS topics container: exited 0",
    }
    assert seen["ZooKeeper answers"] == "PASS ZooKeeper answers: standalone"
    assert "expected port 19092 to be published, observed none" in seen["broker from the host"]


@pytest.mark.parametrize("number", [2, 0])
def test_containers_one_of_two_paused_fails_and_is_named(
    containers: Containers, number: int
) -> None:
    """Where a service runs twice, each has to be well, whichever docker lists first."""
    containers(*stack().values(), container("producer", "paused", number=number))
    assert validated()["producer container"] == (
        "FAIL producer container: expected running healthy, "
        f"observed stocks-producer-{number} paused healthy"
    )
    containers(*stack().values(), container("producer", number=number))
    assert validated()["producer container"] == "PASS producer container: 2 running healthy"


def test_containers_service_without_one_fails(containers: Containers) -> None:
    """A service that stays has to have a container."""
    containers(*(entry for name, entry in stack().items() if name != "consumer"))
    assert validated()["consumer container"] == (
        "FAIL consumer container: expected a container, observed none"
    )


def test_containers_topics_that_failed_is_a_failure(containers: Containers) -> None:
    """A service that runs once has to have ended with 0."""
    containers(*(stack() | {"topics": container("topics", "exited", "", code=1)}).values())
    assert validated()["topics container"] == (
        "FAIL topics container: expected exited 0, observed stocks-topics-1 exited 1"
    )


def test_containers_topics_pruned_is_no_failure(containers: Containers, tmp_path: Path) -> None:
    """`docker container prune` takes `topics` away: what it did is seen at the topic itself.

    The look at the broker from inside runs the image of another container of ours.
    """
    containers(*(entry for name, entry in stack().items() if name != "topics"))
    seen = validated()
    assert seen["topics container"].startswith("SKIP topics container: its container is gone")
    assert seen["broker from inside"] == "PASS broker from inside: kafka:9092"
    ran = (tmp_path / "ran").read_text()
    assert ran.startswith("run --rm --pull never ")
    assert " sha256:producer topics describe" in ran


def test_containers_none_of_ours_fails_the_look_from_inside(containers: Containers) -> None:
    """Without a container of ours there is no image to look with."""
    containers(stack()["zookeeper"], stack()["kafka"])
    assert validated()["broker from inside"] == (
        "FAIL broker from inside: expected a container, observed none"
    )


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1:9092"),
        ("192.0.2.7", "192.0.2.7:9092"),
        ("0.0.0.0", "localhost:9092"),  # noqa: S104 - docker says it
        ("::", "localhost:9092"),
        ("", "localhost:9092"),
        ("fd00::7", "[fd00::7]:9092"),
    ],
)
def test_published_port_is_asked_where_it_is_bound(
    containers: Containers, host: str, address: str
) -> None:
    """A port that is bound to one address (KAFKA_BIND) is not there on localhost."""
    ports = {"19092/tcp": [{"HostIp": host, "HostPort": "9092"}], "9092/tcp": None}
    containers(container("kafka", ports=ports))
    (found,) = containers_of("stocks")
    assert found.ports == {19092: address}


def test_project_is_found_by_its_directory_by_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack that was started through a link is this one; other directories' are not."""
    here, link = tmp_path / "here", tmp_path / "link"
    here.mkdir()
    link.symlink_to(here)
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\ncat ${0%/*}/stacks\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    others = f"other\t{tmp_path}\ngone\t{tmp_path}/gone\n"
    stacks = tmp_path / "stacks"
    stacks.write_text(f"{others}ours\t{link}\n")
    assert project_of(here, None) == "ours"
    stacks.write_text(others)
    with pytest.raises(StackError, match="no container of"):
        project_of(here, None)
    stacks.write_text(f"{others}one\t{link}\ntwo\t{here}\n")
    with pytest.raises(StackError, match="runs as one and two: set COMPOSE_PROJECT_NAME"):
        project_of(here, None)
