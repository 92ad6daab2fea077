"""Which partitions have a leader that answers, read in librdkafka's statistics."""

import time

import msgspec

#: Fetches are answered every 0.1 s; a leader that is silent for this long is away.
SILENCE_S = 10.0


class _Broker(msgspec.Struct):
    nodeid: int
    state: str
    rxidle: int  # us since the last byte received, -1: none yet


class _Partition(msgspec.Struct):
    partition: int
    leader: int
    hi_offset: int = -1  # the partition's end; below 0: not known yet


class _Topic(msgspec.Struct):
    partitions: dict[str, _Partition]


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker]
    topics: dict[str, _Topic]


_decode = msgspec.json.Decoder(_Statistics).decode


class Leaders:
    """When each partition's leader was last heard of, and where the partition then ended."""

    def __init__(self) -> None:
        self._heard_s: dict[int, float] = {}
        self.ends: dict[int, int] = {}

    def expect(self, partitions: int) -> None:
        """Watch this many partitions; a new one has SILENCE_S to answer."""
        for partition in range(partitions):
            self._heard_s.setdefault(partition, time.monotonic())

    def update(self, statistics: bytes, taken_s: float) -> None:
        """Take in librdkafka's statistics as they were at `taken_s` of the monotonic clock."""
        found = _decode(statistics)
        idle_us = {
            broker.nodeid: broker.rxidle
            for broker in found.brokers.values()
            if broker.state == "UP" and broker.rxidle >= 0
        }
        for topic in found.topics.values():
            for partition in topic.partitions.values():
                if partition.partition in self._heard_s and partition.hi_offset >= 0:
                    self.ends[partition.partition] = partition.hi_offset
                if partition.partition in self._heard_s and partition.leader in idle_us:
                    heard_s = taken_s - idle_us[partition.leader] / 1e6
                    self._heard_s[partition.partition] = heard_s

    def problem(self) -> str | None:
        """Return which partitions' leaders are silent, or None."""
        now_s = time.monotonic()
        silent = {p: now_s - s for p, s in self._heard_s.items() if now_s - s > SILENCE_S}
        if not silent:
            return None
        names = ", ".join(str(partition) for partition in sorted(silent))
        return f"no answer from the leader of partition {names} for {max(silent.values()):.0f} s"
