"""Parts of the stack file: what stays as it is, and what Docker would restart for a change."""

import json
from typing import Any

import pytest

from stockstream.config import ROOT
from stockstream.errors import ConfigError, StackError
from stockstream.ops.swarm import stack_part

TEXT = (ROOT / "phase2/docker-stack.yml").read_text()


def test_only_keeps_one_service_with_its_variables() -> None:
    """Docker fills the variables in, so they stay; anchors are resolved, extensions gone."""
    found = json.loads(stack_part.only(TEXT, ["kafka-1"]))
    assert list(found["services"]) == ["kafka-1"]
    assert found["services"]["kafka-1"]["image"].startswith("${KAFKA_IMAGE:-")
    assert found["services"]["kafka-1"]["environment"]["KAFKA_BROKER_ID"] == "1"
    assert {"version", "networks", "volumes"} <= set(found)
    assert not [key for key in found if key.startswith("x-")]


def test_only_refuses_a_service_that_is_not_there() -> None:
    """A name that the file does not have is told."""
    with pytest.raises(ConfigError, match="no service kafka-9"):
        stack_part.only(TEXT, ["kafka-9"])


def test_without_leaves_the_members_that_run_out() -> None:
    """What must be rolled is not in the file that deploy.sh takes for the rest."""
    found = json.loads(stack_part.without(TEXT, set(stack_part.CLUSTER) - {"kafka-3"}))
    others = {"topics", "producer", "consumer", "websocket-bridge"}
    assert set(found["services"]) == {"kafka-3", *others}


def test_preview_starts_nothing_and_makes_no_network() -> None:
    """The previewed services have no replica, and use the networks that are there."""
    found = json.loads(stack_part.preview(TEXT, "stockstream"))
    assert set(found["services"]) == set(stack_part.CLUSTER)
    assert {entry["deploy"]["replicas"] for entry in found["services"].values()} == {0}
    assert found["networks"]["back"] == {"external": True, "name": "stockstream_back"}


def spec(stack: str, **changes: Any) -> str:
    """Return a service's spec as `docker service inspect` writes it."""
    container = {
        "Image": "kafka:1",
        "Labels": {"com.docker.stack.namespace": stack},
        "Env": ["A=1", "B=2"],
        "Command": ["run", "fast"],
        "Mounts": [{"Type": "volume", "Source": f"{stack}_data", "Target": "/data"}],
    }
    template = {"ContainerSpec": {**container, **changes}, "Networks": [{"Target": "abc"}]}
    return json.dumps({"Name": f"{stack}_kafka-1", "TaskTemplate": template})


def compared(running: str, planned: str) -> list[str]:
    return list(stack_part.changes([running, "", planned], "live", "live-preview"))


def test_changes_of_the_same_settings_are_none() -> None:
    """Another stack's name, the registry's digest, the order of the variables: no change."""
    running = spec("live", Image="kafka:1@sha256:" + "a" * 64, Env=["B=2", "A=1"])
    assert compared(running, spec("live-preview")) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"Image": "kafka:2"}, "ContainerSpec.Image"),
        ({"Env": ["A=1", "B=3"]}, "ContainerSpec.Env"),
        ({"Command": ["fast", "run"]}, "ContainerSpec.Command"),
        ({"Mounts": []}, "ContainerSpec.Mounts"),
        ({"User": "1000:0"}, "ContainerSpec.User"),
    ],
)
def test_changes_name_the_place(change: dict[str, Any], place: str) -> None:
    """Whatever would restart a broker is named."""
    assert compared(spec("live"), spec("live-preview", **change)) == [f"kafka-1: {place}"]


def test_changes_leave_out_what_does_not_run() -> None:
    """A service that is not there yet is not changed by being deployed."""
    assert list(stack_part.changes([spec("live-preview")], "live", "live-preview")) == []


def test_changes_refuse_what_is_no_spec() -> None:
    """What cannot be read is never taken for "no change"."""
    with pytest.raises(StackError, match="expected the spec of a service"):
        compared(spec("live"), "Error: no such service")
