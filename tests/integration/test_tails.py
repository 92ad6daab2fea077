"""The newest ticks, found from the ends of the partitions of a real Kafka."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping

import confluent_kafka as ck
import pytest

from stockstream import tails, tick
from stockstream.config import Settings, load
from stockstream.errors import KafkaError
from stockstream.kafka.reader import Reader, Record
from stockstream.local.broker import Broker
from stockstream.records import Records
from stockstream.tails import find_newest, read_tails
from stockstream.tick import Tick
from support.waiting import wait_for


class CountingReader(Reader):
    """Counts the records that it hands over."""

    count = 0

    def read(self, timeout_s: float, limit: int = 10_000) -> list[Record]:
        records = super().read(timeout_s, limit)
        self.count += len(records)
        return records


class Topic:
    """Writes ticks wherever a test wants them, and looks for the newest."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._name = name
        self._settings: Settings = load({"KAFKA_BOOTSTRAP_SERVERS": bootstrap})
        self._bootstrap = bootstrap
        self._producer = ck.Producer({"bootstrap.servers": bootstrap})

    def write(
        self, partition: int, symbol: str, sequences: Iterable[int], age_s: float = 0
    ) -> None:
        """Write these ticks, as if they were made `age_s` ago."""
        then_ms = int((time.time() - age_s) * 1000)
        for sequence in sequences:
            value = tick.encode(Tick(symbol, 100.0, 1, then_ms, sequence))
            self._producer.produce(self._name, value, symbol, partition, timestamp=then_ms)
        assert self._producer.flush(60) == 0

    def write_transaction(self, partition: int, commit: bool) -> None:
        """Write what is no tick in a transaction, which leaves its mark behind it."""
        producer = ck.Producer(
            {"bootstrap.servers": self._bootstrap, "transactional.id": str(uuid.uuid4())}
        )
        producer.init_transactions(60)
        producer.begin_transaction()
        producer.produce(self._name, b"no tick", partition=partition)
        if commit:
            producer.commit_transaction(60)
        else:
            producer.flush(60)
            producer.abort_transaction(60)

    def has_leaders(self) -> bool:
        try:
            self.read_tails([])
        except KafkaError:
            return False
        return True

    def find(self, homes: Mapping[str, int]) -> tuple[dict[str, int | None], int]:
        """Return the sequences that were found, and how many records were read for it."""
        reader = CountingReader(self._settings, self._name)
        settled: dict[str, int | None] = {}
        for batch in find_newest(reader, Records(60), homes, range(3)):
            assert not settled.keys() & batch.keys()
            settled |= {symbol: at.tick.sequence if at else None for symbol, at in batch.items()}
        reader.close()
        return settled, reader.count

    def read_tails(self, wanted: Iterable[str], limit: int | None = None) -> tails.Tails:
        reader = Reader(self._settings, self._name)
        found = read_tails(reader, Records(60), range(3), wanted, limit)
        reader.close()
        return found


@pytest.fixture
def ticks(kafka: Broker, topic_factory: Callable[..., str]) -> Topic:
    """Return a topic of three partitions, whose records get the times that a test gives them."""
    found = Topic(kafka.bootstrap, topic_factory(message_timestamp_type="CreateTime"))
    wait_for(lambda: found.has_leaders())  # not yet, right after its creation
    return found


def test_find_newest_on_an_empty_topic_settles_all_as_absent(ticks: Topic) -> None:
    """A symbol that has no tick is told apart from one that was not looked for."""
    assert ticks.find({"AAPL": 0, "GOOGL": 1}) == ({"AAPL": None, "GOOGL": None}, 0)


def test_find_newest_at_home_is_found(ticks: Topic) -> None:
    """Each symbol's highest sequence is found, whatever else is on its partition."""
    ticks.write(0, "AAPL", range(1, 31))
    ticks.write(0, "MSFT", range(1, 11))
    ticks.write(1, "GOOGL", range(1, 6))
    assert ticks.find({"AAPL": 0, "MSFT": 0, "GOOGL": 1})[0] == {"AAPL": 30, "MSFT": 10, "GOOGL": 5}


def test_find_newest_far_from_the_end_is_found(
    ticks: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rare symbol is found however many steps back it lies, also in the very first record."""
    monkeypatch.setattr(tails, "FIRST_STEP", 10)
    ticks.write(0, "RARE", [7])
    ticks.write(0, "AAPL", range(1, 1001))
    assert ticks.find({"RARE": 0, "AAPL": 0})[0] == {"RARE": 7, "AAPL": 1000}


def test_find_newest_away_from_home_is_found(ticks: Topic) -> None:
    """A newer tick on another partition counts, and so does one where home has none at all."""
    ticks.write(0, "AAPL", range(1, 4), age_s=100)
    ticks.write(2, "AAPL", range(4, 9), age_s=50)
    ticks.write(1, "MSFT", [5])
    ticks.write(0, "TSLA", [3], age_s=1000)
    ticks.write(2, "TSLA", [9])
    found, _ = ticks.find({"AAPL": 0, "MSFT": 0, "TSLA": 2, "NEW": 1})
    assert found == {"AAPL": 8, "MSFT": 5, "TSLA": 9, "NEW": None}


def test_find_newest_recent_tick_costs_no_reading_of_old_ones(ticks: Topic) -> None:
    """Other partitions are read from a little before the tick that was found, not a day of them."""
    for partition in range(3):
        ticks.write(partition, f"OLD{partition}", range(1, 5001), age_s=3600)
    ticks.write(0, "AAPL", range(1, 11))
    ticks.write(1, "MSFT", range(1, 11))
    found, count = ticks.find({"AAPL": 0})
    assert found == {"AAPL": 10}
    assert count < 2 * tails.FIRST_STEP


@pytest.mark.parametrize("commit", [True, False])
def test_find_newest_behind_a_transactions_mark_is_found(ticks: Topic, commit: bool) -> None:
    """A partition may end in what no reader is given; the search ends there all the same."""
    ticks.write(0, "AAPL", [4])
    ticks.write_transaction(0, commit)
    assert ticks.find({"AAPL": 0, "NEW": 0})[0] == {"AAPL": 4, "NEW": None}


def test_read_tails_gives_all_symbols_and_the_ends(ticks: Topic) -> None:
    """Whatever is met on the way is in the answer, with the ends that the live feed starts at."""
    ticks.write(0, "AAPL", range(1, 6))
    ticks.write(0, "OTHER", [3])
    ticks.write(2, "MSFT", [8])
    found = ticks.read_tails(["AAPL", "MSFT"])
    assert {s: at.tick.sequence for s, at in found.newest.items()} == {
        "AAPL": 5,
        "OTHER": 3,
        "MSFT": 8,
    }
    assert found.ends == {0: 6, 1: 0, 2: 1}


def test_read_tails_limit_bounds_how_far_back_it_goes(ticks: Topic) -> None:
    """A symbol that lies further back is left out."""
    ticks.write(0, "RARE", [1])
    ticks.write(0, "AAPL", range(1, 101))
    assert set(ticks.read_tails(["RARE", "AAPL"], limit=100).newest) == {"AAPL"}
    assert set(ticks.read_tails(["RARE", "AAPL"], limit=101).newest) == {"AAPL", "RARE"}
