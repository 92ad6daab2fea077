"""ZooKeeper's members: what each says of itself, whether they have a quorum, who is in sync."""

import socket
from collections.abc import Mapping
from functools import partial

import msgspec

from stockstream.ops.checks import CheckFailed, Checks
from stockstream.ops.swarm.placement import NETWORK, ZOOKEEPERS
from stockstream.ops.swarm.question import Deadline, Question

PORT = 2181
_TIMEOUT_S = 5.0
_QUORUM = len(ZOOKEEPERS) // 2 + 1


class Member(msgspec.Struct, frozen=True):
    """What a member says: `state` is leader, follower, or "" where it serves nobody."""

    state: str
    synced_followers: int = 0

    @property
    def serves(self) -> bool:
        return bool(self.state)


def ask(host: str, timeout_s: float = _TIMEOUT_S) -> Member:
    """Send `mntr` to a member, and read what it says.

    Raises:
        CheckFailed: it cannot be reached, or refuses to say.
    """
    try:
        with socket.create_connection((host, PORT), timeout_s) as connection:
            connection.sendall(b"mntr")
            with connection.makefile("rb") as answer:
                said = answer.read().decode(errors="replace")
    except OSError as error:
        raise CheckFailed(
            f"no answer from {host}:{PORT} ({error.strerror or error}): docker service logs of it"
        ) from error
    return read(said)


def read(said: str) -> Member:
    """Understand the answer to `mntr`.

    Raises:
        CheckFailed: it is none.
    """
    facts = dict(line.split("\t", 1) for line in said.splitlines() if "\t" in line)
    if "zk_server_state" in facts:
        synced = facts.get("zk_synced_followers", "0").partition(".")[0]
        return Member(facts["zk_server_state"], int(synced))
    if "not currently serving requests" in said:
        return Member("")
    raise CheckFailed(
        f"expected its state, observed {said[:100]!r}: allow mntr in KAFKA_OPTS of the stack file"
    )


def questions(deadline: Deadline) -> dict[str, Question[Member]]:
    """Ask all members at once."""
    return {name: Question(partial(ask, name), deadline) for name in ZOOKEEPERS}


def check(checks: Checks, asked: Mapping[str, Question[Member]]) -> None:
    """Check each member, then what they are together."""
    for name, question in asked.items():
        checks.run(
            f"{name} answers", partial(_member, question), after=[f"service {name}", NETWORK]
        )
    # Those whose service is down are not waited for: the services' checks have named them.
    known = {
        name: member
        for name, question in asked.items()
        if (member := question.answer_or_none()) is not None
    }
    checks.run("ZooKeeper quorum", lambda: quorum(known), after=[NETWORK])
    checks.run("ZooKeeper followers in sync", lambda: in_sync(known), after=["ZooKeeper quorum"])


def _member(question: Question[Member]) -> str:
    return question.answer().state or "it answers, but serves nobody: there is no quorum"


def quorum(members: Mapping[str, Member]) -> str:
    """Two of three serve, and exactly one of them leads."""
    leaders = [name for name, member in members.items() if member.state == "leader"]
    serving = [name for name, member in members.items() if member.serves]
    if len(leaders) != 1 or len(serving) < _QUORUM:
        away = sorted(set(ZOOKEEPERS) - set(members)) or ["none"]
        raise CheckFailed(
            f"expected one leader and {_QUORUM} members that serve, observed "
            f"{' and '.join(leaders) or 'no leader'} and {len(serving)}; away: {', '.join(away)}: "
            "bring a member back, docs/runbooks/zookeeper-no-quorum.md"
        )
    return f"{leaders[0]} leads, {len(serving)} of {len(ZOOKEEPERS)} serve"


def in_sync(members: Mapping[str, Member]) -> str:
    """Each follower that answers is in sync with the leader."""
    synced = max(member.synced_followers for member in members.values())
    behind = [name for name, member in members.items() if not member.serves]
    followers = sum(member.state == "follower" for member in members.values())
    if behind or synced < followers:
        raise CheckFailed(
            f"expected {followers + len(behind)} followers in sync, observed {synced}"
            f"{'; no state from ' + ', '.join(behind) if behind else ''}: "
            "it catches up by itself; where it does not, docker service update --force it"
        )
    return f"{synced} in sync"
