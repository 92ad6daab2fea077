"""A restarted broker that says that the cluster has no brokers, which librdkafka believes."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition
from websockets.sync.client import ClientConnection

from stockstream import config
from stockstream.kafka.member import COORDINATOR_S, Member
from stockstream.kafka.reader import END, SILENT_S, Reader
from support.bridge import Bridge, hear, say
from support.forgetful import ForgetfulKafka
from support.ledger import assert_faultless, highest, read_ledger
from support.ticks import Ticker
from support.waiting import wait_for

#: A client that is not cut off asks at least every second.
QUIET_S = 10.0
#: librdkafka takes 12 s at least to end a client with a commit under way (`socket.timeout.ms`).
LET_GO_S = 12.0
#: A service shows a sign of life at least this often, whatever Kafka does.
HEARTBEAT_S = 5.0


@pytest.fixture
def way(kafka, topic: str) -> Iterator[ForgetfulKafka]:
    """Return a way to the Kafka that can be made to forget its brokers."""
    found = ForgetfulKafka(int(kafka.bootstrap.rpartition(":")[2]), topic)
    yield found
    found.close()


@pytest.fixture
def variables(way: ForgetfulKafka, topic: str) -> dict[str, str]:
    return {"KAFKA_BOOTSTRAP_SERVERS": way.bootstrap, "KAFKA_TOPIC": topic}


def forget(way: ForgetfulKafka, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Let every client hear that there are no brokers, and know them again."""
    told = way.told
    with way.forgetting():
        wait_for(lambda: way.told >= told + 4)
        meanwhile()


def forget_for_good(way: ForgetfulKafka) -> None:
    """Let the clients hear it until none asks any more, and then know the brokers again."""
    told = way.told  # before: a client may ask at once, and never again
    with way.forgetting():
        wait_for(lambda: way.told > told)
        wait_until_quiet(way)


def wait_until_quiet(way: ForgetfulKafka, quiet_s: float = QUIET_S) -> None:
    wait_for(lambda: time.monotonic() - way.asked_s, lambda seen_s: seen_s > quiet_s)


@contextlib.contextmanager
def joined(bridge: Bridge) -> Iterator[ClientConnection]:
    """Give a client that has its snapshot, and gets every tick from then on."""
    with bridge.connect() as client:
        say(client, "join", "stock-updates")
        hear(client, "snapshot")
        yield client


def test_bridge_that_was_cut_off_goes_on_behind_its_last_tick(
    bridge_factory, way: ForgetfulKafka, variables: dict[str, str], ticker: Ticker
) -> None:
    """Its clients stay, and get every tick once, also those of the time between."""
    bridge = bridge_factory(**variables)
    with joined(bridge) as client:
        ticker.round(["AAPL"])
        assert hear(client, "stock-tick")["sequence"] == 1
        forget(way, lambda: ticker.round(["AAPL", "TSLA"]))
        got = [hear(client, "stock-tick") for _ in range(2)]
        assert {(tick["symbol"], tick["sequence"]) for tick in got} == {("AAPL", 2), ("TSLA", 1)}
        bridge.wait_until_healthy()
        ticker.round(["AAPL"])
        assert hear(client, "stock-tick")["sequence"] == 3


def forget_with_a_commit_under_way(way: ForgetfulKafka) -> None:
    with way.without_coordinator():
        wait_for(lambda: way.ignored)  # a bridge commits every five seconds
        forget(way)


def test_bridge_that_was_cut_off_does_not_wait_for_its_commits(
    bridge_factory, way: ForgetfulKafka, variables: dict[str, str], ticker: Ticker
) -> None:
    """It goes on although a commit is under way, whose coordinator nobody knows any more."""
    with joined(bridge_factory(**variables)) as client:
        forget_with_a_commit_under_way(way)
        ticker.round(["AAPL"])
        assert hear(client, "stock-tick")["sequence"] == 1


def test_bridge_that_waits_for_its_commits_stays_cut_off(
    bridge_factory, way: ForgetfulKafka, variables: dict[str, str]
) -> None:
    """The control: a client that is closed tries its commits without end, and nothing is read."""
    bridge = bridge_factory(**variables, broken="waits_for_commits")
    bridge.wait_until_healthy()
    forget_with_a_commit_under_way(way)
    wait_for(bridge.health, lambda seen: seen[0] == 503)
    until_s = time.monotonic() + 3 * QUIET_S
    while time.monotonic() < until_s:
        assert bridge.health()[0] == 503
        time.sleep(1)


def test_producer_that_was_cut_off_goes_on_without_hole_or_repeat(
    service_factory, kafka, way: ForgetfulKafka, variables: dict[str, str], topic: str
) -> None:
    """It joins its group anew, and goes on from the newest ticks."""
    service_factory("producer", **variables, TICK_INTERVAL="0.01")
    wait_for(lambda: len(read_ledger(kafka.bootstrap, topic)) > 100)
    forget(way)
    before = sum(highest(read_ledger(kafka.bootstrap, topic)).values())
    entries = wait_for(
        lambda: read_ledger(kafka.bootstrap, topic),
        lambda entries: sum(highest(entries).values()) > before + 500,
    )
    assert_faultless(entries)


def test_consumer_that_was_cut_off_misses_nothing(
    service_factory, way: ForgetfulKafka, variables: dict[str, str], ticker: Ticker
) -> None:
    """It joins its group anew, and goes on from the group's positions."""
    part = service_factory("consumer", "--from-beginning", **variables)
    ticker.round(["AAPL"])
    wait_for(lambda: " AAPL " in part.log.read_text())
    forget(way)
    ticker.round(["TSLA"])
    wait_for(lambda: part.log.read_text(), lambda seen: " TSLA " in seen)


@pytest.mark.parametrize("command", ["producer", "consumer"])
def test_service_that_trusts_its_client_stays_cut_off(
    service_factory, way: ForgetfulKafka, variables: dict[str, str], ticker: Ticker, command: str
) -> None:
    """The control: without the look at its brokers, it never asks again."""
    part = service_factory(command, **variables, variant="trusting", TICK_INTERVAL="0.01")
    asked = "makes" if command == "producer" else " AAPL "

    def under_way() -> bool:
        ticker.round(["AAPL"])
        return asked in part.log.read_text()

    wait_for(under_way)
    forget_for_good(way)
    asked_s = way.asked_s
    wait_until_quiet(way, 2 * QUIET_S)
    assert way.asked_s == asked_s


def test_bridge_that_trusts_its_client_stays_cut_off(
    bridge_factory, way: ForgetfulKafka, variables: dict[str, str], ticker: Ticker
) -> None:
    """The control: without the look at its brokers, it never asks again."""
    bridge_factory(**variables, broken="trusts_its_client")
    forget_for_good(way)
    asked_s = way.asked_s
    wait_until_quiet(way, 2 * QUIET_S)
    assert way.asked_s == asked_s


@pytest.mark.parametrize(("silent_s", "replaced"), [(1.0, True), (SILENT_S, False)])
def test_reader_that_hears_nothing_gets_a_new_client(
    monkeypatch, free_port: int, silent_s: float, replaced: bool
) -> None:
    """Whatever the old one is stuck in; before the time is over, and without it, it stays."""
    monkeypatch.setattr("stockstream.kafka.reader.SILENT_S", silent_s)
    settings = config.load({"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"})
    reader = Reader(settings, "stock_ticks", statistics_s=0.1)
    reader.assign({0: 7})
    first = reader._consumer
    until_s = time.monotonic() + (120 if replaced else 5)
    while reader._consumer is first and time.monotonic() < until_s:
        assert reader.read(0.2) == []
    assert (reader._consumer is not first) == replaced
    assert [place.offset for place in reader._consumer.assignment()] == [7]
    reader.close()


class Anything:
    """A rebalance that takes every partition, from its end."""

    def __init__(self) -> None:
        self.held: set[int] = set()

    def assigned(self, partitions: set[int]) -> dict[int, int]:
        self.held |= partitions
        return dict.fromkeys(partitions, END)

    def revoked(self, partitions: set[int]) -> None:
        self.held -= partitions

    lost = revoked


def test_member_does_not_wait_for_a_coordinator_without_end(
    way: ForgetfulKafka, variables: dict[str, str], topic: str
) -> None:
    """Its commit holds up nothing, and its leave is given up; the control goes on for ever."""
    rebalance = Anything()
    member = Member(config.load(variables), topic, "members", rebalance)
    wait_for(lambda: (member.read(0.1), rebalance.held)[1], lambda held: len(held) == 3)
    with way.without_coordinator():
        member.commit({0: 0})
        for _ in range(10):
            member.read(0.1)
        assert member.commits_under_way == 1
        place = [TopicPartition(topic, 0, 0)]

        def commit() -> None:
            # It is closed meanwhile, which is told by the one or the other: who is through first.
            with contextlib.suppress(KafkaException, RuntimeError):
                member._consumer.commit(offsets=place, asynchronous=False)

        control = threading.Thread(target=commit, daemon=True)
        control.start()
        member.close()
        control.join(3 * COORDINATOR_S)
        assert control.is_alive()
    control.join(120)
    assert not control.is_alive()


def test_member_with_a_commit_under_way_goes_on_with_a_new_client_at_once(
    way: ForgetfulKafka, variables: dict[str, str], topic: str
) -> None:
    """To let go of the old one takes 12 to 45 s, which is none of the new one's business."""
    rebalance = Anything()
    member = Member(config.load(variables), topic, "members", rebalance)
    wait_for(lambda: (member.read(0.1), rebalance.held)[1], lambda held: len(held) == 3)
    with way.without_coordinator():
        member.commit({0: 0})
        wait_for(lambda: (member.read(0.1), way.ignored)[1])
        start_s = time.monotonic()
        member._renew()
        assert time.monotonic() - start_s < LET_GO_S / 2
    wait_for(lambda: (member.read(0.1), rebalance.held)[1], lambda held: len(held) == 3)
    member.close()


def test_consumer_whose_coordinator_is_silent_stays_alive_and_stops(
    service_factory, way: ForgetfulKafka, variables: dict[str, str], ticker: Ticker, tmp_path: Path
) -> None:
    """It shows its sign of life as often as promised, and ends on SIGTERM."""
    heartbeat = tmp_path / "heartbeat"
    part = service_factory("consumer", **variables, HEARTBEAT_FILE=str(heartbeat))

    def printed_more() -> bool:
        before = part.log.read_text().count(" AAPL ")
        ticker.round(["AAPL"])
        return part.log.read_text().count(" AAPL ") > before

    wait_for(printed_more)
    with way.without_coordinator():
        wait_for(lambda: printed_more() and way.ignored)
        until_s = time.monotonic() + 3 * HEARTBEAT_S
        while time.monotonic() < until_s:
            assert time.time() - heartbeat.stat().st_mtime < 3 * HEARTBEAT_S
            time.sleep(0.5)
        part.signal(signal.SIGTERM)
        wait_for(lambda: [part.exit_code], lambda seen: seen == [0])
