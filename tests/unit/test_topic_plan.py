"""A plan for a broker that is not as ours are."""

from stockstream.kafka.cluster_admin import ClusterAdmin, TopicLayout
from stockstream.ops.topic_plan import Permissions, plan
from stockstream.ops.topics import TopicSpec


class OldBroker(ClusterAdmin):
    """Answers for a broker that knows retention.ms and nothing else."""

    def __init__(self) -> None: ...

    def layout(self, topic: str) -> TopicLayout:
        """Return a topic with the one config, set for it."""
        return TopicLayout(1, 1, {"retention.ms": "5"}, {"retention.ms": "5"})


def test_plan_config_that_the_broker_does_not_know_is_refused() -> None:
    """A retention that the broker lacks has no value to compare with, and cannot be set."""
    configs: dict[str, str | int | float | bool] = {"retention.ms": 5, "local.retention.ms": 5}
    everything = Permissions(rekey=True, data_loss=True)
    (step,) = plan(OldBroker(), {"ticks": TopicSpec(1, 1, configs)}, everything)
    assert str(step) == (
        "ticks: refused: local.retention.ms (default) -> 5: the broker has no config of this name"
    )
