"""The stack recovers by itself: parts killed from outside, frozen, restarted."""

from contextlib import ExitStack

import pytest

from lab.stack import SERVICES, Stack
from support.waiting import wait_for


def restarts(stack: Stack, service: str) -> int:
    return stack.inspect()[service]["RestartCount"]


def all_well(stack: Stack) -> None:
    """Wait until the whole way of a tick is there again, from ZooKeeper to the WebSocket."""
    wait_for(stack.validate, lambda seen: all(c["status"] == "PASS" for c in seen.values()))


@pytest.mark.parametrize("service", SERVICES)
def test_killed_service_is_started_again_and_ticks_go_on(healthy: Stack, service: str) -> None:
    """A process that dies is started again by its restart policy, and the stack gets well."""
    before = restarts(healthy, service)
    healthy.kill(service)
    wait_for(lambda: restarts(healthy, service) > before)
    all_well(healthy)


def test_broker_frozen_past_its_session_comes_back(healthy: Stack) -> None:
    """A broker that ZooKeeper has given up joins again, and ticks go on."""
    with healthy.paused("kafka"):
        # The session is over when the broker's own node is gone from ZooKeeper.
        wait_for(
            lambda: healthy.conditions()["kafka"] == "paused unhealthy" or session_gone(healthy)
        )
    all_well(healthy)


@pytest.mark.parametrize(
    "services", [("zookeeper",), ("producer", "consumer", "websocket-bridge")], ids="+".join
)
def test_frozen_services_come_back(healthy: Stack, services: tuple[str, ...]) -> None:
    """What stands still for long is seen to, and goes on once it may."""
    with ExitStack() as frozen:
        for service in services:
            frozen.enter_context(healthy.paused(service))
        wait_for(
            healthy.conditions,
            lambda seen: all(seen[service] == "paused unhealthy" for service in services),
        )
    all_well(healthy)


def session_gone(stack: Stack) -> bool:
    """Whether ZooKeeper holds no ephemeral node any more: the broker's was the last."""
    ask = "exec 3<>/dev/tcp/127.0.0.1/2181; printf mntr >&3; cat <&3"
    told = stack.compose("exec", "-T", "zookeeper", "bash", "-c", ask)
    return "zk_ephemerals_count\t0" in told


def test_restarted_services_are_well_again(healthy: Stack) -> None:
    """An orderly restart of each service, one after the other, ends with everything well."""
    for service in SERVICES:
        healthy.compose("restart", service)
        healthy.wait_until_healthy()
    all_well(healthy)


def test_stopped_broker_shuts_down_in_order(healthy: Stack) -> None:
    """SIGTERM reaches the broker, which closes its logs before it ends."""
    healthy.compose("stop", "kafka")
    ended = healthy.inspect()["kafka"]["State"]
    assert ended["ExitCode"] == 143
    log = healthy.engine.run(["docker", "logs", "--tail", "50", healthy.inspect()["kafka"]["Id"]])
    assert "shut down completed" in log.stdout + log.stderr
