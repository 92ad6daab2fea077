"""The negative control: where Kafka does lose acknowledged ticks, the same ledger tells which."""

from datetime import UTC, datetime

from lab.bench import BOOTSTRAP, Bench
from lab.swarm import BROKERS, STACK, Swarm
from support.traffic import FAULTLESS
from support.waiting import wait_for

TOPIC = "unsafe"
#: One copy acknowledges, one copy is enough, and any copy may lead: what the stack rules out.
UNSAFE = ("min.insync.replicas=1", "unclean.leader.election.enable=true")
SYMBOLS = ("A", "B", "C", "D", "E")
#: Ticks of each symbol that all brokers have, and that only the leader has.
SAFE, DOOMED = 20, 100


def test_ledger_reports_exactly_the_acknowledged_ticks_that_are_lost(
    stack: Swarm, bench: Bench
) -> None:
    """500 ticks that only the leader has are gone with it, and are told; no other is."""
    wait_for(bench.cluster, lambda seen: seen.whole)
    bench.ask("support.topic", BOOTSTRAP, TOPIC, *UNSAFE)
    wait_for(bench.cluster, lambda seen: len(seen.in_sync(TOPIC)) == len(BROKERS))
    write(bench, SAFE, first=1)
    there = SAFE * len(SYMBOLS)
    # What one copy has acknowledged may be read once the others have it too.
    wait_for(lambda: audit(bench, SAFE), lambda told: told == {**FAULTLESS, "ticks": there})

    leader = bench.cluster().leader(TOPIC)
    assert leader
    followers = sorted(set(BROKERS) - {leader})
    started = datetime.now(UTC).isoformat()
    with stack.paused(*followers):
        wait_for(bench.cluster, lambda seen: seen.in_sync(TOPIC) == [leader])
        write(bench, DOOMED, first=SAFE + 1)
        stack.kill(leader)
        stack.docker("service", "scale", "--detach", f"{STACK}_{leader}=0")
    try:
        wait_for(bench.cluster, lambda seen: seen.leader(TOPIC) not in (None, leader))
        lost = list(range(SAFE + 1, SAFE + DOOMED + 1))
        wanted = {**FAULTLESS, "lost": dict.fromkeys(SYMBOLS, lost), "ticks": there}
        wait_for(lambda: audit(bench, SAFE + DOOMED), lambda told: told == wanted)
        # The counter that test_c_load prints sees a session that has expired.
        assert all(stack.expired_sessions(broker, started) for broker in followers)
        print(f"\n{len(lost) * len(SYMBOLS)} acknowledged ticks reported lost")
    finally:
        stack.docker("service", "scale", "--detach", f"{STACK}_{leader}=1")
    wait_for(bench.cluster, lambda seen: seen.whole)


def write(bench: Bench, each: int, first: int) -> None:
    """Write `each` ticks of each symbol, and see that the leader has acknowledged them."""
    told = bench.ask(
        "support.load", BOOTSTRAP, TOPIC, ",".join(SYMBOLS), "--acks", "1", "--partitions", "1",
        "--first", str(first), "--count", str(each * len(SYMBOLS)),
    )  # fmt: skip
    assert told == {"acked": dict.fromkeys(SYMBOLS, first + each - 1), "unanswered": 0}


def audit(bench: Bench, acked: int) -> dict[str, object]:
    """Return what the ledger says where `acked` is each symbol's last acknowledged sequence."""
    given = dict.fromkeys(SYMBOLS, acked)
    found: dict[str, object] = bench.ask("support.audit", BOOTSTRAP, TOPIC, given=given)
    assert found.pop("repeated") == {}
    return found
