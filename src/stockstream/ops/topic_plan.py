"""From the topics that are to those that are declared: the steps, and what is refused and why."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from stockstream.errors import TopicMissing
from stockstream.kafka_admin import ClusterAdmin, TopicLayout
from stockstream.ops.topics import TopicSpec
from stockstream.partitioner import partition_for

#: Configs that say how long records are kept; less of one drops records.
_RETENTION = ("retention.ms", "retention.bytes", "local.retention.ms", "local.retention.bytes")


class Step(msgspec.Struct, frozen=True):
    """One change of one topic; `refusal` says why it is not made, "" where it is."""

    topic: str
    change: str
    refusal: str = ""
    configs: Mapping[str, str | None] = {}
    partitions: int = 0

    def __str__(self) -> str:
        if self.refusal:
            return f"{self.topic}: refused: {self.change}: {self.refusal}"
        return f"{self.topic}: {self.change}"


class Permissions(msgspec.Struct, frozen=True):
    """What may be done although it reorders or loses data."""

    rekey: bool = False
    data_loss: bool = False


def plan(
    admin: ClusterAdmin, specs: Mapping[str, TopicSpec], symbols: Iterable[str], may: Permissions
) -> list[Step]:
    """Return what has to be done; an empty list where all is as declared.

    `symbols` are the keys whose moves are told where partitions are added.

    Raises:
        KafkaUnavailable: no broker answered in time.
    """
    steps: list[Step] = []
    for name, spec in specs.items():
        try:
            found = admin.layout(name)
        except TopicMissing:
            steps.append(Step(name, f"create with {spec.partitions} partitions"))
            continue
        steps += _partitions(name, spec.partitions, found.partitions, symbols, may)
        steps += _replicas(name, spec, found)
        steps += _configs(name, spec, found, may)
    return steps


def carry_out(admin: ClusterAdmin, steps: Iterable[Step]) -> Iterator[str]:
    """Make the changes that are not refused, of topics that exist; yield a line on each.

    Raises:
        KafkaError: Kafka refused one.
    """
    for step in steps:
        if step.partitions:
            admin.add_partitions(step.topic, step.partitions)
        elif step.configs:
            admin.change_configs(step.topic, step.configs)
        yield str(step)


def _partitions(
    name: str, wanted: int, found: int, symbols: Iterable[str], may: Permissions
) -> Iterator[Step]:
    change = f"partitions {found} -> {wanted}"
    if wanted < found:
        why = "Kafka cannot take partitions away; delete the topic with its ticks, and apply again"
        yield Step(name, change, why)
    elif wanted > found:
        moving = [s for s in symbols if partition_for(s, wanted) != partition_for(s, found)]
        why = (
            f"{', '.join(moving) or 'no configured symbol, but perhaps others'} would move to "
            "another partition, and the order of their ticks would break there; allow it with "
            "--allow-rekey"
        )
        yield Step(name, change, "" if may.rekey else why, partitions=wanted)


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
        observed = found.configs.get(config, "")
        if value == observed and config in found.set_configs:
            continue
        change = f"{config} {observed or '(default)'} -> {value or '(the default)'}"
        why = ""
        if _loses(config, observed, value) and not may.data_loss:
            why = "ticks that are kept now would be dropped; allow it with --allow-data-loss"
        yield Step(name, change, why, configs={config: value})


def _loses(config: str, observed: str, wanted: str | None) -> bool:
    """Whether the change may drop records; a limit of -1 is none."""
    if config == "cleanup.policy":
        return wanted != observed
    if config not in _RETENTION:
        return False
    if wanted is None:  # what the broker's default is worth is not known here
        return True
    return _limit(wanted) < _limit(observed)


def _limit(value: str) -> float:
    return float("inf") if int(value) < 0 else int(value)
