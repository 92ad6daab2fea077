"""The partitioner agrees with the Java client's."""

from collections import Counter

import pytest

from stockstream.config import Settings
from stockstream.partitioner import partition_for


@pytest.mark.parametrize(
    ("key", "hashed"),
    # The vectors of Kafka's own UtilsTest.testMurmur2, as unsigned numbers.
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_partition_for_kafkas_own_vectors(key: str, hashed: int) -> None:
    """Kafka's published hashes give the same partition, on any number of partitions."""
    for partitions in (1, 3, 7, 1000):
        assert partition_for(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


def test_partition_for_default_symbols_spread_over_all_partitions() -> None:
    """The five default symbols lie 2/1/2 on the three partitions, as the design says."""
    spread = Counter(partition_for(symbol, 3) for symbol in Settings().stock_symbols)
    assert [spread[partition] for partition in range(3)] == [2, 1, 2]
