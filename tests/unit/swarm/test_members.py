"""ZooKeepers and brokers, judged: alone, together, and as what may be restarted next."""

import pytest

from stockstream.ops.checks import CheckFailed
from stockstream.ops.swarm import brokers, ensemble, rolling
from stockstream.ops.swarm.brokers import Views
from stockstream.ops.swarm.ensemble import Member
from stockstream.ops.swarm.metadata import ClusterView, Partition

LEADER, FOLLOWER, ALONE = Member("leader", 2), Member("follower"), Member("")
ALL = frozenset({1, 2, 3})


def view(
    *isr: int, controller: int = 1, leader: int = 1, known: frozenset[int] = ALL
) -> ClusterView:
    partition = Partition("stock_ticks", 0, leader, (1, 2, 3), isr or (1, 2, 3))
    return ClusterView(known, controller, (partition,))


def views(*numbers: int, **how: object) -> Views:
    return Views({f"kafka-{n}": view(**how) for n in numbers})  # type: ignore[arg-type]


MNTR = """zk_version\t3.8.4-9316c2a7a97e1666d8f4593f34dd6fc36ecc436c, built on 2024-02-12 22:16 UTC
zk_server_state\tleader
zk_followers\t2.0
zk_synced_followers\t2.0
"""


def test_ensemble_reads_what_a_member_says() -> None:
    """A leader knows how many follow in sync; one without a quorum serves nobody."""
    assert ensemble.read(MNTR) == LEADER
    assert ensemble.read("zk_server_state\tfollower\n") == FOLLOWER
    assert ensemble.read("This ZooKeeper instance is not currently serving requests\n") == ALONE
    with pytest.raises(CheckFailed, match="allow mntr"):
        ensemble.read("mntr is not executed because it is not in the whitelist.\n")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ((ALONE, None, None), "observed no leader and 0; away: zookeeper-2, zookeeper-3"),
        ((LEADER, None, None), "observed zookeeper-1 and 1"),
        ((LEADER, LEADER, FOLLOWER), "observed zookeeper-1 and zookeeper-2 and 3"),
        ((FOLLOWER, FOLLOWER, None), "observed no leader"),
    ],
)
def test_quorum_needs_one_leader_and_a_majority(
    members: tuple[Member | None, ...], said: str
) -> None:
    """No leader, two of them, or one alone is no quorum."""
    found = {f"zookeeper-{n}": m for n, m in enumerate(members, start=1) if m}
    with pytest.raises(CheckFailed, match=said):
        ensemble.quorum(found)


def test_quorum_is_there_with_two_of_three() -> None:
    """One member may be away."""
    assert "2 of 3" in ensemble.quorum(
        {"zookeeper-1": Member("leader", 1), "zookeeper-2": FOLLOWER}
    )


def test_in_sync_misses_a_follower_that_is_behind() -> None:
    """A follower that answers and is not in sync is named by the leader's count."""
    members = {"zookeeper-1": Member("leader", 1), "zookeeper-2": FOLLOWER, "zookeeper-3": FOLLOWER}
    with pytest.raises(CheckFailed, match="expected 2 followers in sync, observed 1"):
        ensemble.in_sync(members)
    with pytest.raises(CheckFailed, match="no state from zookeeper-3"):
        ensemble.in_sync({**members, "zookeeper-3": ALONE})


def test_brokers_that_agree_pass() -> None:
    """Three brokers know each other and name a controller that answers."""
    seen = views(1, 2, 3)
    assert brokers.registered(seen) == "kafka-1, kafka-2, kafka-3"
    assert brokers.controller(seen) == "kafka-1, named by 3 brokers"
    assert not seen.leaderless() + seen.lacking() + seen.below({"stock_ticks": 2})


def test_registered_names_who_is_not_known() -> None:
    """A broker that answers, and that another one does not know, is not registered."""
    seen = Views({"kafka-1": view(known=frozenset({1})), "kafka-2": view()})
    with pytest.raises(CheckFailed, match="expected kafka-1 to know .* observed kafka-1"):
        brokers.registered(seen)


@pytest.mark.parametrize(
    "seen",
    [
        Views({"kafka-1": view(), "kafka-2": view(controller=2)}),
        views(2, 3),
        views(1, 2, 3, controller=-1),
    ],
    ids=["two", "one that is away", "none"],
)
def test_controller_has_to_be_one_that_answers(seen: Views) -> None:
    """Two controllers, a dead one, or none at all is told with who names whom."""
    with pytest.raises(CheckFailed, match="kafka-2 names"):
        brokers.controller(seen)


def test_partitions_lacking_a_dead_broker_are_explained() -> None:
    """What a broker that is away explains follows from it; what a living one lacks does not."""
    without_3 = Views({"kafka-1": view(1, 2), "kafka-2": view(1, 2)})
    assert without_3.explained(without_3.lacking())
    without_2 = Views({"kafka-1": view(1, 3), "kafka-2": view(1, 3)})
    assert without_2.lacking() and not without_2.explained(without_2.lacking())


def test_partition_led_by_a_dead_broker_has_no_leader() -> None:
    """Until another one is elected, the metadata still names the dead one."""
    seen = views(1, 2, leader=3)
    assert seen.leaderless() and seen.explained(seen.leaderless())
    orphan = views(1, 2, 3, leader=-1)
    assert orphan.leaderless() and not orphan.explained(orphan.leaderless())


def test_partition_below_its_minimum_takes_no_tick() -> None:
    """One replica in sync is less than the topic's two."""
    seen = Views({"kafka-1": view(1)})
    assert [str(p) for p in seen.below({"stock_ticks": 2})] == ["stock_ticks-0"]


def test_balance_that_is_uneven_is_a_note() -> None:
    """A broker that leads nothing is told, and fails nothing."""
    parts = tuple(Partition("t", n, 1, (1, 2, 3), (1, 2, 3)) for n in range(9))
    uneven = ClusterView(ALL, 1, parts)
    said = brokers.balance(Views({f"kafka-{n}": uneven for n in (1, 2, 3)}))
    assert said.startswith("note: kafka-1 leads 9, kafka-2 leads 0")


def test_roll_takes_the_leader_last() -> None:
    """The member that leads, or controls, is restarted after the others."""
    serving = {"zookeeper-1": LEADER, "zookeeper-2": FOLLOWER, "zookeeper-3": FOLLOWER}
    assert rolling.judge_zookeeper(serving) == (
        ["zookeeper-2", "zookeeper-3", "zookeeper-1"], [], ""
    )  # fmt: skip
    assert rolling.judge_kafka(views(1, 2, 3, controller=2)) == (
        ["kafka-1", "kafka-3", "kafka-2"], [], ""
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "missing"),
    [
        (Views({"kafka-1": view(1, 2), "kafka-2": view(1, 2)}), ["kafka-3"]),
        (Views({"kafka-1": view(1), "kafka-2": view(1)}), None),
        (Views({f"kafka-{n}": view(1, 2) for n in (1, 2, 3)}), []),
        (Views({"kafka-1": view(1)}), ["kafka-2", "kafka-3"]),
        (Views({}), None),
    ],
    ids=["one away", "one away, another behind", "one behind", "two away", "all away"],
)
def test_roll_waits_while_a_broker_is_missing(seen: Views, missing: list[str] | None) -> None:
    """It never goes on without full ISR; a single broker that is away is told apart."""
    _, away, problem = rolling.judge_kafka(seen)
    assert problem
    assert away == missing if missing is not None else len(away) > 1


def test_roll_waits_while_a_zookeeper_is_missing() -> None:
    """With one away it says which; without a quorum none may be taken for the one to go first."""
    one_away = {"zookeeper-1": Member("leader", 1), "zookeeper-2": FOLLOWER}
    _, away, problem = rolling.judge_zookeeper(one_away)
    assert (away, bool(problem)) == (["zookeeper-3"], True)
    _, away, problem = rolling.judge_zookeeper({})
    assert len(away) > 1
    assert problem
