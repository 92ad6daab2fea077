"""When the next member may be restarted, and which one: what roll.sh asks between two of them."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, TypeVar

from stockstream.errors import StockstreamError
from stockstream.ops.checks import CheckFailed
from stockstream.ops.swarm import brokers, ensemble
from stockstream.ops.swarm.brokers import Views
from stockstream.ops.swarm.ensemble import Member
from stockstream.ops.swarm.metadata import elect_preferred_leaders, view_from
from stockstream.ops.swarm.placement import BROKERS, ZOOKEEPERS

T = TypeVar("T")

Kind = Literal["zookeeper", "kafka"]

_RETRY_S = 1.0


class NotSettled(StockstreamError):
    """The members are not complete; restarting another one could end the service."""


def wait(
    kind: Kind, timeout_s: float, one_may_miss: bool, report: Callable[[str], None]
) -> list[str]:
    """Wait until all members are there and in sync; return the order to restart them in.

    With `one_may_miss`, a single member that is away is no obstacle once the time is over: it comes
    first, for nothing is lost with it. So a roll that a bad setting has stopped can be run again.

    Raises:
        NotSettled: they are not complete after `timeout_s`.
    """
    look = _zookeeper if kind == "zookeeper" else _kafka
    deadline, told = time.monotonic() + timeout_s, ""
    while True:
        order, missing, problem = look()
        if not problem:
            return order
        if time.monotonic() > deadline:
            break
        if problem != told:
            report(f"waiting: {problem}")
            told = problem
        time.sleep(_RETRY_S)
    if one_may_miss and len(missing) == 1:
        report(f"{missing[0]} is away, and goes first")
        return [*missing, *(name for name in order if name not in missing)]
    raise NotSettled(f"not complete after {timeout_s:g} s: {problem}")


def elect() -> None:
    """Give each partition back to its preferred leader: a restarted broker leads none.

    Raises:
        NotSettled: the brokers are not complete, or do not agree on the controller.
        KafkaError: the controller refused it.
    """
    seen = Views(_ask(BROKERS, lambda name: view_from(name, brokers.PORT)))
    if problem := judge_kafka(seen)[2]:
        raise NotSettled(problem)
    elect_preferred_leaders(brokers.broker_name(seen.cluster.controller), brokers.PORT)


def order_of(names: tuple[str, ...], last: str | None) -> list[str]:
    """Return the members with the one that leads at the end: its move costs the most."""
    return sorted(names, key=lambda name: (name == last, name))


def _zookeeper() -> tuple[list[str], list[str], str]:
    members = _ask(ZOOKEEPERS, partial(ensemble.ask, timeout_s=3.0))
    return judge_zookeeper({name: found for name, found in members.items() if found.serves})


def judge_zookeeper(serving: Mapping[str, Member]) -> tuple[list[str], list[str], str]:
    """Return the order, the members that are away, and what keeps the next one from a restart."""
    leader = next((name for name, member in serving.items() if member.state == "leader"), None)
    missing = [name for name in ZOOKEEPERS if name not in serving]
    order, problem = order_of(ZOOKEEPERS, leader), ""
    try:
        ensemble.quorum(serving)
        ensemble.in_sync(serving)
    except CheckFailed as error:
        return order, [*missing, *ZOOKEEPERS], str(error)  # no quorum: none may be taken away
    if missing:
        problem = f"expected {len(ZOOKEEPERS)} members, {', '.join(missing)} does not serve"
    return order, missing, problem


def _kafka() -> tuple[list[str], list[str], str]:
    found = _ask(BROKERS, lambda name: view_from(name, brokers.PORT, 3.0))
    return judge_kafka(Views(found))


def judge_kafka(seen: Views) -> tuple[list[str], list[str], str]:
    """Return the order, the brokers that are away, and what keeps the next one from a restart."""
    if not seen.by_name:
        return list(BROKERS), list(BROKERS), "no broker answers"
    order = order_of(BROKERS, brokers.broker_name(seen.cluster.controller))
    try:
        brokers.registered(seen)
        brokers.controller(seen)
    except CheckFailed as error:
        return order, [*seen.away, *BROKERS], str(error)
    lacking = seen.lacking() + seen.leaderless()
    problem = (
        f"{len(lacking)} partitions lack a replica in sync, as {lacking[0]}" if lacking else ""
    )
    if seen.away:
        problem = f"{', '.join(seen.away)} does not answer{'; ' if problem else ''}{problem}"
        # Only what the missing broker itself explains may be missing when it goes first.
        if not seen.explained(lacking):
            return order, [*seen.away, *BROKERS], problem
    return order, seen.away, problem


def _ask(names: tuple[str, ...], ask: Callable[[str], T]) -> dict[str, T]:
    found = {}
    for name in names:
        try:
            found[name] = ask(name)
        except (CheckFailed, StockstreamError):
            continue
    return found
