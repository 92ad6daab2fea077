"""validate-cluster.sh: the running Phase 1 stack, from its containers to a tick in a browser."""

import time
from collections.abc import Callable
from functools import partial

import msgspec

from stockstream.config import ROOT, Settings
from stockstream.errors import StockstreamError
from stockstream.kafka.cluster_admin import ClusterAdmin
from stockstream.ops import bridge_health, probes, topic_plan, topics
from stockstream.ops.checks import CheckFailed, Checks, CheckSkipped
from stockstream.ops.containers import Container, containers_of, docker
from stockstream.ops.stackfile import Service, read

#: The stack's file; what it wants to run is what has to be there.
FILE = ROOT / "phase1/docker-compose.yml"

_KAFKA_INSIDE, _KAFKA_OUTSIDE, _BRIDGE = 9092, 19092, 8080
_GROUPS = {"websocket-consumers": "tick over WebSocket", "console-consumers": "consumer container"}


class Limits(msgspec.Struct, frozen=True):
    """What the checks accept, and how long they wait: `timeout_s` is for all of them together."""

    timeout_s: float = 60.0
    tick_age_s: float = 30.0
    lag: int = 1_000


class Cluster:
    """The running stack, and the checks of it.

    Each check is tried again until the time for all is over, and at least once.
    """

    def __init__(self, checks: Checks, project: str, limits: Limits) -> None:
        self._checks = checks
        self._project = project
        self._limits = limits
        self._deadline = time.monotonic() + limits.timeout_s
        declared = read(FILE, {}).services.values()
        self._services = [s for s in declared if "profiles" not in s.raw]

    def validate(self) -> None:
        """Run every check."""
        for service in self._services:
            self._run(f"{service.name} container", partial(self._container, service))
        self._run("ZooKeeper answers", self._zookeeper, "zookeeper container")
        self._run("broker from inside", self._broker_inside, "kafka container")
        self._run("broker from the host", self._broker_outside, "kafka container")
        for name, spec in topics.load("dev").items():
            self._topic(name, spec)
        self._run(
            "record round trip", self._round_trip, "broker from the host", "ZooKeeper answers"
        )
        self._run(
            "bridge healthy", self._bridge,
            "websocket-bridge container", "broker from inside", "topic stock_ticks",
        )  # fmt: skip
        self._run(
            "tick over WebSocket", self._tick,
            "producer container", "record round trip", "bridge healthy",
        )  # fmt: skip
        for group, needed in _GROUPS.items():
            self._run(f"lag of {group}", partial(self._lag, group), "topic stock_ticks", needed)

    def _run(self, name: str, look: Callable[[], str | None], *after: str) -> None:
        self._checks.run(name, lambda: self._again(look), after=after)

    def _again(self, look: Callable[[], str | None]) -> str | None:
        while True:
            try:
                return look()
            except CheckSkipped:
                raise
            except (CheckFailed, StockstreamError):
                if time.monotonic() > self._deadline:
                    raise
            time.sleep(0.5)

    def _topic(self, name: str, spec: topics.TopicSpec) -> None:
        exists = f"topic {name}"
        self._run(exists, partial(self._exists, name), "broker from the host")
        # The broker reads configs from ZooKeeper: asked without it, each question holds one of its
        # eight request threads until ZooKeeper is back, and soon nobody is answered any more.
        self._run(
            f"{exists} as declared", partial(self._declared, name, spec),
            exists, "ZooKeeper answers",
        )  # fmt: skip

    def _containers(self, service: str) -> list[Container]:
        return [c for c in containers_of(self._project) if c.service == service]

    def _find(self, *services: str) -> Container:
        """Return a container of one of these services, one that runs where there is one."""
        found = [c for service in services for c in self._containers(service)]
        if not found:
            raise CheckFailed("expected a container, observed none")
        return min(found, key=lambda container: container.state != "running")

    def _container(self, service: Service) -> str:
        """A service that stays has to be healthy; one that runs once, to have ended with 0."""
        found = self._containers(service.name)
        if not found and service.runs_once:
            raise CheckSkipped(
                "its container is gone, as after `docker container prune`; what it has done is "
                f"checked below, and `up -d {service.name}` runs it again"
            )
        if not found:
            raise CheckFailed("expected a container, observed none")
        well = "exited 0" if service.runs_once else "running healthy"
        bad = [f"{c.name} {c.condition}" for c in found if c.condition != well]
        if bad:
            raise CheckFailed(f"expected {well}, observed {', '.join(bad)}")
        return well if len(found) == 1 else f"{len(found)} {well}"

    def _zookeeper(self) -> str:
        ask = "exec 3<>/dev/tcp/127.0.0.1/2181; printf mntr >&3; cat <&3"
        answer = docker("exec", self._find("zookeeper").id, "timeout", "5", "bash", "-c", ask)
        for line in answer.splitlines():
            name, _, value = line.partition("\t")
            if name == "zk_server_state":
                return value
        raise CheckFailed(f"expected its state, observed {answer[:200]!r}")

    def _broker_inside(self) -> str:
        """Look from a container of our image on the broker's network, which is gone afterwards."""
        network = self._find("kafka").networks[0]
        # Any of ours will do: the one-shot `topics` may have been pruned.
        image = self._find(*(s.name for s in self._services if s.is_ours)).image
        docker(
            "run", "--rm", "--pull", "never",
            "--read-only", "--cap-drop", "ALL", "--network", network,
            "--env", f"KAFKA_BOOTSTRAP_SERVERS=kafka:{_KAFKA_INSIDE}", image, "topics", "describe",
            "--no-configs",
        )  # fmt: skip
        return f"kafka:{_KAFKA_INSIDE}"

    def _broker_outside(self) -> str:
        """Ask at the published port, and connect to the address that the broker itself gives."""
        settings = self._settings()
        for address in ClusterAdmin(settings).broker_addresses():
            probes.connect(address)
        return settings.bootstrap

    def _settings(self) -> Settings:
        return Settings(kafka_bootstrap_servers=(self._published("kafka", _KAFKA_OUTSIDE),))

    def _published(self, service: str, port: int) -> str:
        address = self._find(service).ports.get(port)
        if address is None:
            raise CheckFailed(f"expected port {port} to be published, observed none")
        return address

    def _round_trip(self) -> str:
        return probes.round_trip(self._settings())

    def _exists(self, name: str) -> str:
        return f"{ClusterAdmin(self._settings()).describe(name).partitions} partitions"

    def _declared(self, name: str, spec: topics.TopicSpec) -> None:
        if found := topic_plan.differences(ClusterAdmin(self._settings()), name, spec):
            raise CheckFailed(f"not as declared: {found}")

    def _bridge(self) -> str:
        return bridge_health.ask(self._bridge_url()).require()

    def _bridge_url(self) -> str:
        return f"http://{self._published('websocket-bridge', _BRIDGE)}"

    def _tick(self) -> str:
        wait_s = max(5.0, self._deadline - time.monotonic())
        return probes.tick_over_websocket(self._bridge_url(), wait_s, self._limits.tick_age_s)

    def _lag(self, group: str) -> str:
        admin = ClusterAdmin(self._settings())
        return probes.group_lag(admin, group, "stock_ticks", self._limits.lag)
