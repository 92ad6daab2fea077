"""Which partition a symbol goes to: the Java client's murmur2, so that all producers agree."""

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


def partition_for(symbol: str, partitions: int) -> int:
    """Return the partition of `symbol` on a topic of `partitions` partitions.

    It is librdkafka's `murmur2_random`, and Kafka's own default, for a key that is not empty.
    """
    return (_murmur2(symbol.encode()) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    """Return the 32-bit hash of org.apache.kafka.common.utils.Utils.murmur2, unsigned."""
    whole = len(data) & ~3
    h = _SEED ^ len(data)
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _MULTIPLIER & _MASK
        k = (k ^ k >> 24) * _MULTIPLIER & _MASK
        h = h * _MULTIPLIER & _MASK ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _MASK
    h = (h ^ h >> 13) * _MULTIPLIER & _MASK
    return h ^ h >> 15
