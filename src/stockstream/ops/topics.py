"""Topics as config/topics.yml wants them: the file, and the steps that make it so."""

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from stockstream import datafile
from stockstream.config import ROOT
from stockstream.errors import ConfigError, KafkaUnavailable, TopicMissing
from stockstream.kafka.admin import Admin, TopicInfo
from stockstream.kafka.cluster_admin import ClusterAdmin

#: Where the topics are written down.
FILE = ROOT / "config/topics.yml"

#: Configs that say how long records are kept.
RETENTION = ("retention.ms", "retention.bytes", "local.retention.ms", "local.retention.bytes")


class TopicSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one topic is to be; `configs` are Kafka's topic configs, by their own names."""

    partitions: Annotated[int, Meta(ge=1, le=10_000)]
    replication_factor: Annotated[int, Meta(ge=1, le=100)]
    configs: dict[str, str | int | float | bool] = {}

    def kafka_configs(self) -> dict[str, str]:
        """Return the configs as Kafka writes them."""
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.configs.items()
        }


Specs = dict[str, TopicSpec]


def load(phase: str, path: Path = FILE) -> Specs:
    """Return the topics of one phase, by name.

    Raises:
        ConfigError: the file or an entry cannot be used; the text names the entry.
    """
    return _specs(phase, datafile.read(path), str(path))


def load_text(phase: str, text: str | None, where: str = "config/topics.yml") -> Specs:
    """Return the same from the text of a file; without one, from the file that is installed here.

    Raises:
        ConfigError: the text or an entry cannot be used; the error names the entry.
    """
    return load(phase) if text is None else _specs(phase, datafile.parse(text, where), where)


def _specs(phase: str, phases: dict[str, object], where: str) -> Specs:
    if phase not in phases:
        raise ConfigError(f"{where}: expected the phase {phase!r}, found {', '.join(phases)}")
    topics = datafile.entries(phases[phase], f"{where}: {phase}")
    specs = {
        name: datafile.convert(content, TopicSpec, f"{where}: {phase}.{name}")
        for name, content in topics.items()
    }
    for name, spec in specs.items():
        _check_replicas(spec, f"{where}: {phase}.{name}")
        _check_retention(spec, f"{where}: {phase}.{name}")
    return specs


def apply(admin: Admin, specs: Specs, timeout_s: float = 120.0) -> Iterator[str]:
    """Create the topics that are missing, and yield a line on each; a running one is left alone.

    It waits until enough brokers for the replicas are there, and until a created topic is known.

    Raises:
        KafkaUnavailable: the brokers, or the new topic, did not come within `timeout_s`.
        KafkaError: Kafka refused the topic, for example an unknown config.
    """
    deadline = time.monotonic() + timeout_s
    for name, spec in specs.items():
        wait_for_brokers(admin, name, spec.replication_factor, deadline)
        yield create(admin, name, spec, deadline)


def create(admin: Admin, name: str, spec: TopicSpec, deadline: float) -> str:
    """Create the topic where it is missing, wait until it is known, and return a line on it.

    Raises:
        KafkaError: Kafka refused it, or no broker knew of it by `deadline`.
    """
    created = admin.create(name, spec.partitions, spec.replication_factor, spec.kafka_configs())
    found = wait_for_topic(admin, name, deadline)
    if not created:
        return left_alone(found)
    return f"{name}: created, {found.partitions} partitions, {_id(found)}"


def left_alone(found: TopicInfo) -> str:
    """Return a line on a topic that is not changed."""
    return f"{found.name}: is there, left alone, {found.partitions} partitions, {_id(found)}"


def describe(admin: ClusterAdmin, names: Iterable[str], configs: bool = True) -> Iterator[str]:
    """Yield lines on each topic as the cluster has it, a missing one included.

    Raises:
        KafkaUnavailable: no broker answered in time.
    """
    for name in names:
        try:
            found, copies = admin.describe(name), admin.copies(name)
        except TopicMissing:
            yield f"{name}: missing"
            continue
        replicas = min(len(each.replicas) for each in copies.values())
        yield f"{name}: {len(copies)} partitions, replication factor {replicas}, {_id(found)}"
        for number, each in copies.items():
            leader = "none" if each.leader is None else each.leader
            yield (
                f"  partition {number}: leader {leader}, replicas {_ids(each.replicas)}, "
                f"in sync {_ids(each.in_sync)}"
            )
        if configs:
            own = sorted(admin.layout(name).set_configs.items())
            yield f"  configs: {', '.join(f'{key}={value}' for key, value in own) or 'none set'}"


def _id(found: TopicInfo) -> str:
    return f"id {found.id or 'unknown'}"


def _ids(brokers: Iterable[int]) -> str:
    return ",".join(map(str, brokers)) or "none"


def _check_retention(spec: TopicSpec, where: str) -> None:
    for name in RETENTION:
        value = spec.kafka_configs().get(name, "0")
        if not re.fullmatch(r"-?\d+", value, re.ASCII):
            raise ConfigError(
                f"{where}: {name}={value}: expected a whole number of "
                f"{'ms' if name.endswith('.ms') else 'bytes'}, or -1 for no limit"
            )


def _check_replicas(spec: TopicSpec, where: str) -> None:
    """Refuse a minimum that the topic can never reach: every write would fail."""
    least = spec.configs.get("min.insync.replicas", 1)
    if not isinstance(least, int) or not 1 <= least <= spec.replication_factor:
        raise ConfigError(
            f"{where}: min.insync.replicas={least}: expected a number from 1 to the "
            f"replication_factor, {spec.replication_factor}"
        )


def wait_for_brokers(admin: Admin, name: str, wanted: int, deadline: float) -> None:
    """Wait until as many brokers answer as the topic has replicas.

    Raises:
        KafkaUnavailable: they did not by `deadline`, on time.monotonic().
    """
    while True:
        try:
            found, problem = admin.broker_count(), ""
        except KafkaUnavailable as error:
            found, problem = 0, f" ({error})"
        if found >= wanted:
            return
        if time.monotonic() > deadline:
            raise KafkaUnavailable(f"{name}: expected {wanted} brokers, observed {found}{problem}")
        time.sleep(0.5)


def wait_for_topic(admin: Admin, name: str, deadline: float) -> TopicInfo:
    """Return the topic once it is known: the controller makes it before all brokers know."""
    while True:
        try:
            return admin.describe(name)
        except (TopicMissing, KafkaUnavailable):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
