"""The brokers: each asked by itself, then what they are together: controller, partitions, leaders.

What a dead broker explains (its partitions lack a replica) follows from it and is no finding of
its own; what living brokers lack is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from stockstream.errors import StockstreamError
from stockstream.ops.checks import CheckFailed, Checks
from stockstream.ops.swarm.metadata import ClusterView, Partition, view_from
from stockstream.ops.swarm.placement import BROKERS, NETWORK
from stockstream.ops.swarm.question import Deadline, Question

PORT = 9092
#: How many partitions a line names.
_SHOWN = 5
#: How many leaderships more than its share a broker may have before a note says so.
_UNEVEN = 3

_RUNBOOK = "docs/runbooks/under-replicated.md"


class Views(msgspec.Struct, frozen=True):
    """What the brokers that answer say, by their names."""

    by_name: Mapping[str, ClusterView]

    @property
    def away(self) -> list[str]:
        """The brokers that do not answer."""
        return [name for name in BROKERS if name not in self.by_name]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where clients find those that answer."""
        return tuple(f"{name}:{PORT}" for name in self.by_name)

    @property
    def cluster(self) -> ClusterView:
        """The controller's own view where it answers: it is the first to know.

        Else the fullest one: a broker that has just started knows of nothing.
        """
        for name, view in self.by_name.items():
            if broker_name(view.controller) == name:
                return view
        return max(self.by_name.values(), key=lambda view: len(view.partitions))

    def leaderless(self) -> list[Partition]:
        """Return the partitions that have no leader, or one that does not answer."""
        return [p for p in self.cluster.partitions if p.leader < 0 or self._is_away(p.leader)]

    def lacking(self) -> list[Partition]:
        """Return the partitions of which a replica is not in sync."""
        return [p for p in self.cluster.partitions if set(p.isr) != set(p.replicas)]

    def below(self, least: Mapping[str, int]) -> list[Partition]:
        """Return the partitions that take no tick: fewer replicas in sync than `least` of them."""
        return [p for p in self.cluster.partitions if len(p.isr) < least.get(p.topic, 1)]

    def explained(self, partitions: Iterable[Partition]) -> bool:
        """Whether a broker that is away is the reason in every case."""
        return all(
            all(self._is_away(replica) for replica in set(p.replicas) - set(p.isr))
            if p.leader >= 0 and not self._is_away(p.leader)
            else any(self._is_away(replica) for replica in p.replicas)
            for p in partitions
        )

    def _is_away(self, identity: int) -> bool:
        return broker_name(identity) not in self.by_name


def broker_name(identity: int) -> str:
    """Return the name of the broker with this id."""
    return f"kafka-{identity}"


def questions(deadline: Deadline) -> dict[str, Question[ClusterView]]:
    """Ask each broker by itself, all at once."""
    return {name: Question(partial(view_from, name, PORT), deadline) for name in BROKERS}


def views(asked: Mapping[str, Question[ClusterView]]) -> Views:
    """Return what was answered."""
    answers = {name: question.answer_or_none() for name, question in asked.items()}
    return Views({name: view for name, view in answers.items() if view is not None})


def check(checks: Checks, asked: Mapping[str, Question[ClusterView]]) -> Views:
    """Check each broker, then what they are together; return what they say."""
    for name, question in asked.items():
        look = partial(_answers, name, question)
        checks.run(f"{name} answers", look, after=[f"service {name}", NETWORK])
    seen = views(asked)
    nobody = [] if seen.by_name else [f"{name} answers" for name in BROKERS]
    checks.run("brokers registered", lambda: registered(seen), after=nobody)
    checks.run("controller", lambda: controller(seen), after=[*nobody, "ZooKeeper quorum"])
    if nobody:
        for name in ("offline partitions", "under-replicated partitions", "leaders balanced"):
            checks.run(name, lambda: None, after=nobody)
        return seen
    _run_partitions(checks, "offline partitions", seen, seen.leaderless)
    _run_partitions(checks, "under-replicated partitions", seen, seen.lacking)
    checks.run("leaders balanced", lambda: balance(seen))
    return seen


def check_least(checks: Checks, seen: Views, asked: Question[dict[str, int]]) -> None:
    """Check that no partition is below its min.insync.replicas."""
    name = "partitions below min ISR"
    if not seen.by_name or asked.answer_or_none() is None:
        after = ["ZooKeeper quorum", *(f"{name} answers" for name in seen.away)]
        checks.run(name, lambda: str(asked.answer()), after=after)
        return
    _run_partitions(checks, name, seen, lambda: seen.below(asked.answer()))


def _answers(name: str, question: Question[ClusterView]) -> str:
    try:
        view = question.answer()
    except (CheckFailed, StockstreamError) as error:
        raise CheckFailed(
            f"{error}: docker service logs of it; docs/runbooks/broker-down.md"
        ) from error
    return f"{len(view.brokers)} brokers, controller {view.controller}"


def registered(seen: Views) -> str:
    """Each broker that answers is known to each other one."""
    for name, view in seen.by_name.items():
        known = {broker_name(identity) for identity in view.brokers}
        if missing := sorted(set(seen.by_name) - known):
            raise CheckFailed(
                f"expected {name} to know {', '.join(seen.by_name)}, observed "
                f"{', '.join(sorted(known)) or 'nobody'}: {missing[-1]} registers itself once "
                "ZooKeeper answers it; where it does not, docker service update --force it"
            )
    return f"{', '.join(seen.by_name)}"


def controller(seen: Views) -> str:
    """All name the same controller, and it answers."""
    named = {view.controller for view in seen.by_name.values()}
    if len(named) > 1 or not named <= {int(n.rpartition("-")[2]) for n in seen.by_name}:
        said = ", ".join(f"{name} names {v.controller}" for name, v in seen.by_name.items())
        raise CheckFailed(
            f"expected one controller that answers, observed {said}: an election follows the end "
            "of the old one's ZooKeeper session, 9 s; docs/runbooks/broker-down.md"
        )
    return f"kafka-{named.pop()}, named by {len(seen.by_name)} brokers"


def balance(seen: Views) -> str:
    """Say how many partitions each broker leads; uneven is a note, no failure."""
    leads = Counter({name: 0 for name in seen.by_name})
    leads.update(broker_name(p.leader) for p in seen.cluster.partitions if p.leader >= 0)
    said = ", ".join(f"{name} leads {count}" for name, count in sorted(leads.items()))
    if max(leads.values()) - min(leads.values()) > _UNEVEN:
        return f"note: {said}; Kafka evens it out within 5 minutes"
    return said


def _run_partitions(
    checks: Checks, name: str, seen: Views, find: Callable[[], list[Partition]]
) -> None:
    found = find()
    after = [f"{away} answers" for away in seen.away] if found and seen.explained(found) else []
    checks.run(name, lambda: _none_of(found, len(seen.cluster.partitions)), after=after)


def _none_of(found: list[Partition], of: int) -> str:
    if not found:
        return f"none of {of}"
    named = ", ".join(
        f"{p} (leader {p.leader if p.leader >= 0 else 'none'}, in sync "
        f"{sorted(p.isr)} of {sorted(p.replicas)})"
        for p in found[:_SHOWN]
    )
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise CheckFailed(f"expected none, observed {len(found)}: {named}{more}; {_RUNBOOK}")
