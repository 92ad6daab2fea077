"""`create-prod-topics.sh health`: the whole stack, from the machines to the newest tick.

All is asked at once and judged in order. What hangs, hangs alone: its check fails at the deadline.
Nothing is changed.
"""

from collections.abc import Callable
from functools import partial
from typing import NoReturn, TypeVar

import msgspec

from stockstream.config import Settings
from stockstream.kafka.cluster_admin import ClusterAdmin
from stockstream.ops import probes, topic_plan, topics
from stockstream.ops.checks import CheckFailed, Checks, Status
from stockstream.ops.swarm import brokers, ensemble, placement
from stockstream.ops.swarm.bridges import Bridges
from stockstream.ops.swarm.facts import Facts
from stockstream.ops.swarm.question import Deadline, Question

T = TypeVar("T")

_TOPIC = "topic stock_ticks"
#: What keeps ticks from the topic; what could not be told for want of ZooKeeper does not.
_HOLDS_TICKS_UP = ("offline partitions", "partitions below min ISR")


class Limits(msgspec.Struct, frozen=True):
    """What the checks accept; `timeout_s` is for all of them together."""

    timeout_s: float = 60.0
    tick_age_s: float = 30.0
    lag: int = 1_000


class Health:
    """One look at the stack."""

    def __init__(self, checks: Checks, facts: Facts, limits: Limits) -> None:
        self._checks = checks
        self._facts = facts
        self._limits = limits
        self._deadline = Deadline(limits.timeout_s)
        self._anybody = False

    def look(self) -> None:
        """Run every check."""
        members = ensemble.questions(self._deadline)
        asked = brokers.questions(self._deadline)
        bridges = Bridges(self._facts, self._deadline)
        placement.check(self._checks, self._facts)
        ensemble.check(self._checks, members)
        self._kafka(brokers.check(self._checks, asked), bridges)

    def _kafka(self, seen: brokers.Views, bridges: Bridges) -> None:
        """Ask the brokers that answer about topics, ticks and groups."""
        # Where none answers, nothing is asked, and its address does not matter.
        settings = Settings(
            kafka_bootstrap_servers=seen.addresses or ("nowhere:9092",), kafka_log_level="error"
        )
        self._anybody = bool(seen.by_name)
        partitions = {p.topic for p in seen.cluster.partitions} if seen.by_name else set[str]()
        specs = topics.load_text("prod", self._facts.topics_file)
        least = self._configs(lambda: ClusterAdmin(settings).least_in_sync(sorted(partitions)))
        declared = {
            name: self._configs(partial(_differences, settings, name, spec))
            for name, spec in specs.items()
        }
        age = self._ask(partial(_age_s, settings, seen))
        groups = {**{"service consumer": self._console_group()}, **bridges.groups()}
        lags = {
            needed: self._ask(partial(self._lag, settings, group))
            for needed, group in groups.items()
        }
        self._topics(seen, partitions, declared, least)
        self._ticks(age, bridges)
        for needed, question in lags.items():
            after = [needed, _TOPIC, "offline partitions"]
            self._checks.run(f"lag of {groups[needed]}", question.answer, after=after)

    def _topics(
        self,
        seen: brokers.Views,
        partitions: set[str],
        declared: dict[str, Question[str]],
        least: Question[dict[str, int]],
    ) -> None:
        nobody = [f"{name} answers" for name in seen.away] if not seen.by_name else []
        for name, question in declared.items():
            self._checks.run(f"topic {name}", partial(_exists, name, partitions), after=nobody)
            self._checks.run(
                f"topic {name} as declared", question.answer,
                after=[f"topic {name}", "ZooKeeper quorum"],
            )  # fmt: skip
        brokers.check_least(self._checks, seen, least)

    def _ticks(self, age: Question[float], bridges: Bridges) -> None:
        held_up = [
            check.name
            for check in self._checks.done
            if check.name in _HOLDS_TICKS_UP and check.root != "ZooKeeper quorum"
        ]
        after = ["service producer", _TOPIC, *held_up]
        self._checks.run("newest tick", partial(self._age, age), after=after)
        bridges.check(self._checks, self._limits.tick_age_s, ["newest tick"])

    def _ask(self, ask: Callable[[], T]) -> Question[T]:
        return Question(ask if self._anybody else _unasked, self._deadline)

    def _configs(self, ask: Callable[[], T]) -> Question[T]:
        """Ask about configs, but not while ZooKeeper has no quorum.

        The brokers read them from ZooKeeper: asked without it, each question holds one of their
        eight request threads until ZooKeeper is back, and soon nobody is answered any more.
        """
        quorum = next(c for c in self._checks.done if c.name == "ZooKeeper quorum")
        return self._ask(ask if quorum.status is Status.PASS else _unasked)

    def _age(self, age: Question[float]) -> str:
        limit_s, advice = (
            self._limits.tick_age_s,
            f"docker service logs {self._facts.stack}_producer",
        )
        try:
            age_s = age.answer()
        except CheckFailed as error:
            raise CheckFailed(f"{error}: {advice}") from error
        if age_s > limit_s:
            raise CheckFailed(
                f"expected at most {limit_s:g} s old, observed {age_s:.1f} s: {advice}"
            )
        return f"{age_s:.1f} s old"

    def _lag(self, settings: Settings, group: str) -> str:
        try:
            admin = ClusterAdmin(settings)
            return probes.group_lag(admin, group, settings.kafka_topic, self._limits.lag)
        except CheckFailed as error:
            raise CheckFailed(
                f"{error}: its logs, and its node's load, say why it is slow "
                f"(docker stack ps {self._facts.stack})"
            ) from error

    def _console_group(self) -> str:
        service = self._facts.services.get("consumer")
        environment = service.environment if service else {}
        return environment.get("CONSUMER_GROUP") or "console-consumers"


def _unasked() -> NoReturn:
    raise CheckFailed("not asked: no broker answers, or ZooKeeper has no quorum")


def _exists(name: str, found: set[str]) -> None:
    if name not in found:
        raise CheckFailed("expected the topic, observed none: scripts/create-prod-topics.sh apply")


def _differences(settings: Settings, name: str, spec: topics.TopicSpec) -> str:
    if found := topic_plan.differences(ClusterAdmin(settings), name, spec):
        raise CheckFailed(
            f"not as declared: {found}: scripts/create-prod-topics.sh plan, then apply"
        )
    return f"{spec.partitions} partitions, {spec.replication_factor} replicas"


def _age_s(settings: Settings, seen: brokers.Views) -> float:
    count = sum(p.topic == settings.kafka_topic for p in seen.cluster.partitions)
    return max(0.0, probes.newest_tick_age_s(settings, count))  # clocks of two machines
