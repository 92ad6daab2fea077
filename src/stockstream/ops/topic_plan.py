"""From the topics that are to those that are declared: the steps, and what is refused and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from stockstream.errors import TopicMissing
from stockstream.kafka.cluster_admin import ClusterAdmin, TopicLayout
from stockstream.ops.topics import RETENTION, TopicSpec
from stockstream.partitioner import partition_for

#: The symbols of a topic with this many partitions: those that would move are told.
Symbols = Callable[[str, int], Iterable[str]]


_DROPPED = "ticks that are kept now would be dropped"


class Step(msgspec.Struct, frozen=True):
    """One change of one topic; `refusal` says why it is not made, "" where it is.

    `spec` is there where the topic has to be created.
    """

    topic: str
    change: str
    refusal: str = ""
    configs: Mapping[str, str | None] = {}
    partitions: int = 0
    spec: TopicSpec | None = None

    def __str__(self) -> str:
        if self.refusal:
            return f"{self.topic}: refused: {self.change}: {self.refusal}"
        return f"{self.topic}: {self.change}"


class Permissions(msgspec.Struct, frozen=True):
    """What may be done although it reorders or loses data."""

    rekey: bool = False
    data_loss: bool = False


def _no_symbols(topic: str, partitions: int) -> Iterable[str]:
    return ()


def plan(
    admin: ClusterAdmin,
    specs: Mapping[str, TopicSpec],
    may: Permissions,
    symbols: Symbols = _no_symbols,
) -> list[Step]:
    """Return what has to be done; an empty list where all is as declared.

    Raises:
        KafkaUnavailable: no broker answered in time.
    """
    steps: list[Step] = []
    for name, spec in specs.items():
        try:
            found = admin.layout(name)
        except TopicMissing:
            steps.append(Step(name, f"create with {spec.partitions} partitions", spec=spec))
            continue
        steps += _partitions(name, spec.partitions, found.partitions, symbols, may)
        steps += _replicas(name, spec, found)
        steps += _configs(name, spec, found, may)
    return steps


def differences(admin: ClusterAdmin, name: str, spec: TopicSpec) -> str:
    """Return in what the topic is not as declared, "" where it is.

    Raises:
        KafkaUnavailable: no broker answered in time.
    """
    steps = plan(admin, {name: spec}, Permissions(rekey=True, data_loss=True))
    return ", ".join(step.change for step in steps)


def _partitions(
    name: str, wanted: int, found: int, symbols: Symbols, may: Permissions
) -> Iterator[Step]:
    change = f"partitions {found} -> {wanted}"
    if wanted < found:
        why = "Kafka cannot take partitions away; delete the topic with its ticks, and apply again"
        yield Step(name, change, why)
    elif wanted > found:
        why = "" if may.rekey else _moves(name, wanted, found, symbols)
        yield Step(name, change, why, partitions=wanted)


def _moves(name: str, wanted: int, found: int, symbols: Symbols) -> str:
    known = symbols(name, found)
    moving = [s for s in known if partition_for(s, wanted) != partition_for(s, found)]
    return (
        f"{', '.join(moving) or 'no symbol of its newest ticks, but perhaps others'} would move to "
        "another partition, and the order of their ticks would break there; allow it with "
        "--allow-rekey"
    )


def _replicas(name: str, spec: TopicSpec, found: TopicLayout) -> Iterator[Step]:
    if spec.replication_factor != found.replication_factor:
        yield Step(
            name,
            f"replication factor {found.replication_factor} -> {spec.replication_factor}",
            "copies are moved with kafka-reassign-partitions, never by this script",
        )


def _configs(name: str, spec: TopicSpec, found: TopicLayout, may: Permissions) -> Iterator[Step]:
    wanted: dict[str, str | None] = dict(spec.kafka_configs())
    undeclared = {config: None for config in found.set_configs if config not in wanted}
    for config, value in {**wanted, **undeclared}.items():
        observed = found.configs.get(config)
        if value == observed and config in found.set_configs:
            continue
        change = f"{config} {observed or '(default)'} -> {value or '(the default)'}"
        yield Step(name, change, _refusal(config, observed, value, may), {config: value})


def _refusal(config: str, observed: str | None, wanted: str | None, may: Permissions) -> str:
    if observed is None:
        return "the broker has no config of this name"
    loss = _loss(config, observed, wanted)
    return f"{loss}; allow it with --allow-data-loss" if loss and not may.data_loss else ""


def _loss(config: str, observed: str, wanted: str | None) -> str:
    """Return how the change may lose ticks; what the broker's default (None) is, is not known."""
    if config == "cleanup.policy" and wanted != observed:
        return _DROPPED
    if config in RETENTION and (wanted is None or _limit(wanted) < _limit(observed)):
        return _DROPPED
    if config == "min.insync.replicas" and int(wanted or 1) < int(observed):
        return "ticks would be acknowledged with fewer copies, and lost with those"
    unclean = config == "unclean.leader.election.enable"
    if unclean and observed == "false" and (wanted or "").lower() != "false":
        return "a broker that has missed acknowledged ticks could lead, and they would be lost"
    return ""


def _limit(value: str) -> float:
    """Return a retention as a number; -1 is none."""
    return float("inf") if int(value) < 0 else int(value)
