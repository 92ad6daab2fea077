"""What librdkafka reports of its brokers (its STATISTICS.md), as far as we ask."""

import math

import msgspec


class Broker(msgspec.Struct):
    """A broker, or a role that some broker has."""

    source: str = ""  # "learned", "configured", or "logical": a role
    rxidle: int = -1  # microseconds since its last answer


class Report(msgspec.Struct):
    """The state of a client's brokers at one time."""

    ts: int  # microseconds, by a clock of librdkafka's own
    brokers: dict[str, Broker]

    @property
    def cut_off(self) -> bool:
        """Whether librdkafka has no broker left to connect to, and will never have one again.

        A broker of ZooKeeper's time answers for a moment after its start that the cluster has no
        brokers. librdkafka (2.13 to 2.16 at least, its issue 5301) believes it and drops those
        that it knows. While Kafka is merely away, it keeps them and tries to connect.
        """
        return not any(b.source in ("learned", "configured") for b in self.brokers.values())

    @property
    def heard_s_ago(self) -> float:
        """How long ago a broker was heard of last, in seconds; infinity where none ever was."""
        idle_us = [b.rxidle for b in self.brokers.values() if b.rxidle >= 0]
        return min(idle_us, default=math.inf) / 1e6


#: Reads the JSON that librdkafka hands to its `stats_cb`.
decode_report = msgspec.json.Decoder(Report).decode
