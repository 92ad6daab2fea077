"""From the declared topics to the cluster: all is known and planned before anything is changed."""

import time
from collections.abc import Iterable, Iterator, Mapping

from stockstream.config import Settings
from stockstream.kafka.cluster_admin import ClusterAdmin
from stockstream.kafka.reader import Reader
from stockstream.ops import topics
from stockstream.ops.topic_plan import Step
from stockstream.ops.topics import TopicSpec
from stockstream.records import Records
from stockstream.tails import read_tails

#: How far back from a partition's end symbols are looked for.
SYMBOL_RECORDS = 10_000


def wait_until_known(admin: ClusterAdmin, specs: Mapping[str, TopicSpec], deadline: float) -> None:
    """Wait for the brokers, and until they know the topics that are there; change nothing.

    A broker that has just started knows of no topic: its plan would be to create them all.

    Raises:
        KafkaUnavailable: they did not come by `deadline`, on time.monotonic().
        KafkaError: Kafka would not create a topic that is missing.
    """
    for name, spec in specs.items():
        copies = spec.replication_factor
        topics.wait_for_brokers(admin, name, copies, deadline)
        if not admin.create(name, spec.partitions, copies, spec.kafka_configs(), dry_run=True):
            topics.wait_for_topic(admin, name, deadline)


def carry_out(
    admin: ClusterAdmin,
    specs: Mapping[str, TopicSpec],
    steps: Iterable[Step],
    timeout_s: float = 120.0,
) -> Iterator[str]:
    """Make these changes, and yield a line on each, and on each topic that needs none.

    Kafka is asked about all of the changes before the first is made.

    Raises:
        KafkaError: Kafka refused one, or a created topic was not known within `timeout_s`.
    """
    deadline, mine = time.monotonic() + timeout_s, list(steps)
    for step in (step for step in mine if not step.spec):
        _change(admin, step, dry_run=True)
    changing = {step.topic for step in mine}
    for name in (name for name in specs if name not in changing):
        yield topics.left_alone(admin.describe(name))
    for step in mine:
        if step.spec:
            yield topics.create(admin, step.topic, step.spec, deadline)
            continue
        _change(admin, step)
        yield str(step)


def _change(admin: ClusterAdmin, step: Step, dry_run: bool = False) -> None:
    if step.partitions:
        admin.add_partitions(step.topic, step.partitions, dry_run)
    else:
        admin.change_configs(step.topic, step.configs, dry_run)


def newest_symbols(settings: Settings, topic: str, partitions: int) -> list[str]:
    """Return the symbols of the topic's newest ticks, those of `SYMBOL_RECORDS` a partition.

    Raises:
        KafkaUnavailable: Kafka did not hand over the records.
    """
    reader = Reader(settings, topic)
    try:
        # No symbol is "", so that it reads as far as it may.
        records = Records(settings.max_clock_ahead)
        return sorted(read_tails(reader, records, range(partitions), [""], SYMBOL_RECORDS).newest)
    finally:
        reader.close()
