"""The producer on a real Kafka: every sequence once, whatever happens to it."""

import os
import re
import signal
import time
from collections.abc import Callable

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from stockstream import tick
from stockstream.config import Settings
from stockstream.local.broker import Broker
from stockstream.local.part import Part
from stockstream.partitioner import partition_for
from stockstream.tick import Tick
from support.kafka import create_topic
from support.ledger import Entry, assert_faultless, doubled, highest, missing, read_ledger
from support.waiting import wait_for

Start = Callable[..., Part]
SYMBOLS = Settings().stock_symbols
#: 500 ticks/s of the five default symbols.
FAST = "0.01"


class Market:
    """Producers on one topic, and what they have written there."""

    def __init__(self, bootstrap: str, topic: str, service_factory: Start) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self._start = service_factory

    def producer(self, interval: str = FAST, variant: str = "", **variables: str) -> Part:
        """Start one more producer."""
        return self._start(
            "producer",
            variant=variant,
            KAFKA_BOOTSTRAP_SERVERS=self.bootstrap,
            KAFKA_TOPIC=self.topic,
            TICK_INTERVAL=interval,
            **variables,
        )

    def entries(self) -> list[Entry]:
        return read_ledger(self.bootstrap, self.topic)

    def wait_for_ticks(self, more: int = 100, symbols: tuple[str, ...] = SYMBOLS) -> None:
        """Wait until each symbol has this many ticks more than now."""
        before = highest(self.entries())

        def lacking() -> dict[str, int]:
            now = highest(self.entries())
            grown = {s: now.get(s, 0) - before.get(s, 0) for s in symbols}
            return {symbol: more - n for symbol, n in grown.items() if n < more}

        wait_for(lacking, lambda found: not found)

    def write(self, partition: int, *values: bytes) -> None:
        """Write records as another client would."""
        producer = ck.Producer({"bootstrap.servers": self.bootstrap})
        for value in values:
            producer.produce(self.topic, value, partition=partition)
        assert producer.flush(60) == 0


@pytest.fixture
def market(kafka: Broker, topic: str, service_factory: Start) -> Market:
    return Market(kafka.bootstrap, topic, service_factory)


def log_of(part: Part) -> str:
    return part.log.read_text(errors="replace")


def wait_for_log(part: Part, text: str) -> None:
    wait_for(lambda: log_of(part), lambda seen: text in seen)


def share_of(part: Part) -> set[str]:
    """Return the symbols that a producer said it makes, last."""
    said = re.findall(r"INFO .*: makes (.*)", log_of(part))
    return set(said[-1].split(", ")) & set(SYMBOLS) if said else set()


def a_tick(symbol: str, sequence: int, price: float = 100.0, timestamp: int = 1) -> bytes:
    return tick.encode(Tick(symbol, price, 1, timestamp, sequence))


def test_producer_restarted_goes_on_from_the_newest_ticks(market: Market) -> None:
    """After a SIGTERM, and after a SIGKILL, prices and sequences go on without hole or repeat."""
    for end in (Part.stop, Part.kill, Part.stop):
        producer = market.producer()
        market.wait_for_ticks()
        end(producer)
    assert_faultless(market.entries())


def test_producer_stopped_delivers_all_and_exits_0(market: Market) -> None:
    """SIGTERM ends it with every tick acknowledged, and the log says how many."""
    producer = market.producer()
    market.wait_for_ticks()
    assert producer.stop() == 0
    count = len(market.entries())
    assert f"{count} ticks made, {count} acknowledged" in log_of(producer)


def test_producers_joining_leaving_and_killed_share_without_hole_or_repeat(market: Market) -> None:
    """Replicas come and go under 500 ticks/s: no sequence is missing or doubled."""
    first = market.producer()
    market.wait_for_ticks()
    second = market.producer()
    wait_for_log(second, "makes ")
    third = market.producer()
    wait_for_log(third, "makes ")
    fourth = market.producer()
    producers = [first, second, third, fourth]
    # Three partitions: three make ticks, one stands by.
    wait_for(lambda: [share_of(p) for p in producers], lambda shares: shares.count(set()) == 1)
    assert set.union(*map(share_of, producers)) == set(SYMBOLS)
    market.wait_for_ticks()
    assert first.stop() == 0
    market.wait_for_ticks()
    second.kill()
    market.wait_for_ticks()
    assert third.stop() == 0
    market.wait_for_ticks()
    assert fourth.stop() == 0
    assert_faultless(market.entries())


def test_producer_frozen_repeats_at_most_what_was_under_way(market: Market) -> None:
    """One that hangs beyond its session and wakes up makes no tick that another has made.

    What its client had already taken over when it froze may still be sent: one run of ticks.
    """
    frozen = market.producer()
    market.wait_for_ticks()
    other = market.producer()
    wait_for_log(other, "makes ")
    market.wait_for_ticks()
    os.kill(frozen.pid, signal.SIGSTOP)
    market.wait_for_ticks()
    os.kill(frozen.pid, signal.SIGCONT)
    wait_for_log(frozen, "starts over: the group went on without this replica")
    market.wait_for_ticks()
    assert frozen.stop() == 0
    assert other.stop() == 0
    entries = market.entries()
    assert missing(entries) == {}
    for sequences in doubled(entries).values():
        assert sequences == list(range(sequences[0], sequences[-1] + 1))


def test_producer_broker_killed_and_restarted_loses_and_repeats_nothing(
    broker_factory: Callable[[], Broker], service_factory: Start
) -> None:
    """A broker that dies in the middle of 1,000 ticks/s costs no acknowledged tick."""
    broker = broker_factory()
    market = Market(broker.bootstrap, create_topic(broker.bootstrap), service_factory)
    producer = market.producer(interval="0.005")
    market.wait_for_ticks(500)
    for _ in range(2):
        before = market.entries()
        broker.kill()
        broker.start()
        market.wait_for_ticks(500)
        assert set(before) <= set(market.entries())
    assert producer.stop() == 0
    assert_faultless(market.entries())


def test_producer_broker_frozen_pauses_and_repeats_nothing(
    broker_factory: Callable[[], Broker], service_factory: Start
) -> None:
    """While the group's coordinator is silent no ticks are made; what was under way lands once."""
    broker = broker_factory()
    market = Market(broker.bootstrap, create_topic(broker.bootstrap), service_factory)
    producer = market.producer()
    market.wait_for_ticks()
    os.kill(broker.part.pid, signal.SIGSTOP)
    wait_for_log(producer, "paused: the group's coordinator has not answered for 3 s")
    os.kill(broker.part.pid, signal.SIGCONT)
    market.wait_for_ticks()
    assert producer.stop() == 0
    assert_faultless(market.entries())


@pytest.mark.parametrize(
    "moment", ["paused: ", "starts over: the group went on without this replica"]
)
def test_producer_stopped_without_kafka_reports_what_was_not_delivered(
    broker_factory: Callable[[], Broker], service_factory: Start, moment: str
) -> None:
    """SIGTERM with Kafka gone ends it within its bound, with 1 and the number of lost ticks."""
    broker = broker_factory()
    market = Market(broker.bootstrap, create_topic(broker.bootstrap), service_factory)
    producer = market.producer()
    market.wait_for_ticks()
    os.kill(broker.part.pid, signal.SIGSTOP)
    wait_for_log(producer, moment)
    assert producer.stop() == 1
    assert re.search(r"stockstream: [1-9]\d* ticks were not delivered", log_of(producer))
    os.kill(broker.part.pid, signal.SIGCONT)


def test_producer_waits_for_kafka_and_for_its_topic(
    broker_factory: Callable[[], Broker], service_factory: Start
) -> None:
    """Started before Kafka, then before the topic, it says so, and goes on once they are there."""
    broker = broker_factory()
    topic = create_topic(broker.bootstrap)
    broker.stop()
    market = Market(broker.bootstrap, topic, service_factory)
    early = market.producer()
    wait_for_log(early, "waiting: no broker answers at")
    nowhere = Market(broker.bootstrap, "later", service_factory)
    earlier = nowhere.producer()
    broker.start()
    market.wait_for_ticks()
    wait_for_log(earlier, "waiting: topic later does not exist")
    assert (early.running, earlier.running) == (True, True)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic("later", 3, 1)])["later"].result(60)
    nowhere.wait_for_ticks()
    assert (early.stop(), earlier.stop()) == (0, 0)


def test_producer_stopped_while_waiting_exits_0(service_factory: Start, free_port: int) -> None:
    """SIGTERM ends the wait for a Kafka that is not there; nothing was lost."""
    producer = Market(f"127.0.0.1:{free_port}", "any", service_factory).producer()
    wait_for_log(producer, "waiting: ")
    assert producer.stop() == 0


def test_producer_newest_tick_in_another_partition_is_found(market: Market) -> None:
    """A symbol goes on from its highest sequence, also where that lies away from its home."""
    now = time.time_ns() // 1_000_000
    home = {symbol: partition_for(symbol, 3) for symbol in SYMBOLS}
    away = {symbol: (partition + 1) % 3 for symbol, partition in home.items()}
    # AAPL: only away. MSFT: older ones at home, the newest away. TSLA: the newest at home.
    market.write(away["AAPL"], a_tick("AAPL", 7, 50.0, now))
    market.write(home["MSFT"], a_tick("MSFT", 3, 50.0, now - 60_000))
    market.write(away["MSFT"], a_tick("MSFT", 9, 50.0, now))
    market.write(away["TSLA"], a_tick("TSLA", 3, 50.0, now - 60_000))
    market.write(home["TSLA"], a_tick("TSLA", 5, 50.0, now))
    producer = market.producer()
    market.wait_for_ticks()
    assert producer.stop() == 0
    entries = market.entries()
    assert doubled(entries) == {}
    made = {s: min(e.tick.sequence for e in mine(entries, s, home[s], now)) for s in SYMBOLS}
    assert made == {"AAPL": 8, "MSFT": 10, "TSLA": 6, "GOOGL": 1, "AMZN": 1}


def mine(entries: list[Entry], symbol: str, partition: int, since_ms: int) -> list[Entry]:
    """Return what the producer under test has made of a symbol."""
    return [
        e
        for e in entries
        if (e.tick.symbol, e.partition) == (symbol, partition) and e.tick.timestamp > since_ms
    ]


def test_producer_poison_at_the_ends_is_passed_over(market: Market) -> None:
    """Records that are no ticks, also behind the newest tick, do not hide it."""
    home = partition_for("AAPL", 3)
    deep = a_tick("AAPL", 99)[:-1] + b',"x":' + b"[" * 1000 + b"]" * 1000 + b"}"
    junk = [b"", b"{", b"null", b"\xff" * 100, a_tick("AAPL", 99).replace(b"99", b"-1"), deep]
    market.write(home, a_tick("AAPL", 4), *junk * 300)
    producer = market.producer()
    market.wait_for_ticks()
    assert producer.stop() == 0
    assert min(e.tick.sequence for e in market.entries() if e.tick.symbol == "AAPL") == 4
    assert doubled(market.entries()) == {}
    assert 5 in {e.tick.sequence for e in market.entries() if e.tick.symbol == "AAPL"}


def test_producer_symbol_whose_ticks_have_expired_starts_at_1(market: Market) -> None:
    """Where retention has taken all of a symbol's ticks, it starts anew; the others go on."""
    home = partition_for("GOOGL", 3)  # the one symbol of its partition
    market.write(home, a_tick("GOOGL", 41), a_tick("GOOGL", 42))
    market.write(partition_for("AAPL", 3), a_tick("AAPL", 42))
    admin = AdminClient({"bootstrap.servers": market.bootstrap})
    end = ck.TopicPartition(market.topic, home, ck.OFFSET_END)
    for deleted in admin.delete_records([end]).values():
        deleted.result(60)
    producer = market.producer()
    market.wait_for_ticks()
    assert producer.stop() == 0
    first = {
        s: min(e.tick.sequence for e in market.entries() if e.tick.symbol == s) for s in SYMBOLS
    }
    assert (first["GOOGL"], first["AAPL"]) == (1, 42)


def test_producer_topic_that_grows_moves_its_symbols_without_hole_or_repeat(market: Market) -> None:
    """When partitions are added, a symbol goes on at its new home, once."""
    producers = [market.producer(), market.producer()]
    market.wait_for_ticks()
    admin = AdminClient({"bootstrap.servers": market.bootstrap})
    admin.create_partitions([NewPartitions(market.topic, 6)])[market.topic].result(60)
    moved = [s for s in SYMBOLS if partition_for(s, 6) != partition_for(s, 3)]
    assert moved
    for symbol in moved:
        place = symbol, partition_for(symbol, 6)
        wait_for(
            lambda place=place: place in {(e.tick.symbol, e.partition) for e in market.entries()}
        )
    market.wait_for_ticks()
    assert [producer.stop() for producer in producers] == [0, 0]
    assert_faultless(market.entries())


def test_producer_records_refused_for_good_leave_no_hole(market: Market) -> None:
    """When Kafka refuses what it took before, the producer starts over from the newest tick."""
    producer = market.producer()
    market.wait_for_ticks()
    set_topic_config(market, "max.message.bytes", "10")
    wait_for_log(producer, "starts over: ")
    set_topic_config(market, "max.message.bytes", "1000000")
    market.wait_for_ticks()
    assert producer.stop() == 0
    assert_faultless(market.entries())


def set_topic_config(market: Market, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, market.topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": market.bootstrap})
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(60)


def test_partition_for_agrees_with_librdkafka(market: Market) -> None:
    """librdkafka's own murmur2_random puts each key where partition_for says."""
    keys = [*SYMBOLS, "BRK.B", "^GSPC", "BTC-USD", *(f"S{n}" for n in range(300))]
    found: dict[str, int] = {}

    def keep(error: object, record: ck.Message) -> None:
        assert error is None
        found[(record.key() or b"").decode()] = record.partition() or 0

    options = {"partitioner": "murmur2_random", "sticky.partitioning.linger.ms": 0}
    producer = ck.Producer({"bootstrap.servers": market.bootstrap, **options})
    for key in keys:
        producer.produce(market.topic, b"", key, on_delivery=keep)
    assert producer.flush(60) == 0
    assert found == {key: partition_for(key, 3) for key in keys}


@pytest.mark.parametrize("variant", ["forgetful", "selfish"])
def test_producer_broken_variant_fails_the_check(market: Market, variant: str) -> None:
    """One that forgets its ticks, and one that ignores the group, make sequences twice."""
    first = market.producer(variant=variant)
    market.wait_for_ticks()
    second = market.producer(variant=variant)
    wait_for(lambda: doubled(market.entries()))
    first.stop()
    second.stop()
    with pytest.raises(AssertionError):
        assert_faultless(market.entries())


def test_producer_careless_variant_fails_the_check(
    broker_factory: Callable[[], Broker], service_factory: Start
) -> None:
    """One that gives up unacknowledged records leaves holes when the broker is away."""
    broker = broker_factory()
    market = Market(broker.bootstrap, create_topic(broker.bootstrap), service_factory)
    producer = market.producer(interval="0.005", variant="careless")
    market.wait_for_ticks(500)
    os.kill(broker.part.pid, signal.SIGSTOP)
    wait_for_log(producer, "gave up a record")
    os.kill(broker.part.pid, signal.SIGCONT)
    wait_for(lambda: missing(market.entries()))
    producer.stop()


def test_producer_full_queue_pauses_the_market_and_drops_nothing(market: Market) -> None:
    """As fast as it goes, with a queue of seven records: every tick is there once."""
    producer = market.producer(interval="0", variant="tiny_queue")
    market.wait_for_ticks(1000)
    assert producer.stop() == 0
    assert "starts over" not in log_of(producer)
    assert_faultless(market.entries())
