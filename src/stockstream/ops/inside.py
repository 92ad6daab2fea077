"""`stockstream check`: Kafka as seen from where this runs, from the name to the newest tick."""

from functools import partial

from stockstream.config import Settings
from stockstream.kafka.admin import Admin, TopicInfo
from stockstream.ops import probes
from stockstream.ops.checks import CheckFailed, Checks


def check(checks: Checks, settings: Settings, limit_s: float) -> None:
    """Check the way to Kafka; the newest tick may be `limit_s` old."""
    for address in settings.kafka_bootstrap_servers:
        host = address.rpartition(":")[0].strip("[]")
        name, reachable = f"name {host}", f"connection {address}"
        checks.run(name, partial(probes.resolve, host))
        checks.run(
            reachable,
            partial(probes.connect, address),
            after=[name],
        )
    connections = [c.name for c in checks.done if c.name.startswith("connection ")]
    admin, found = Admin(settings), list[TopicInfo]()
    topic = f"topic {settings.kafka_topic}"
    # One broker of several may be away: it is enough that any answers.
    after = connections if len(checks.failed) == len(settings.kafka_bootstrap_servers) else ()
    checks.run("Kafka answers", lambda: f"{admin.broker_count()} brokers", after=after)
    checks.run(topic, lambda: _topic(admin, settings, found), after=["Kafka answers"])
    checks.run("newest tick", lambda: _age(settings, found[0], limit_s), after=[topic])


def _topic(admin: Admin, settings: Settings, found: list[TopicInfo]) -> str:
    found.append(admin.describe(settings.kafka_topic))
    return f"{found[0].partitions} partitions"


def _age(settings: Settings, topic: TopicInfo, limit_s: float) -> str:
    age_s = probes.newest_tick_age_s(settings, topic.partitions)
    if age_s > limit_s:
        raise CheckFailed(f"expected at most {limit_s:g} s old, observed {age_s:.1f} s")
    return f"{age_s:.1f} s old"
