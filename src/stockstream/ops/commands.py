"""The operator's commands, which scripts/ call: the validators."""

from pathlib import Path

import click

from stockstream import config
from stockstream.ops.options import Seconds


@click.command("validate-project")
@click.argument("scope", type=click.Choice(["phase1", "phase2", "all"]), default="all")
@click.option("--online", is_flag=True, help="Ask the links that lead outside, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--root", type=click.Path(path_type=Path), default=config.ROOT, hidden=True)
def validate_project(scope: str, online: bool, as_json: bool, root: Path) -> None:
    """Check the repository and its stack files, without starting anything."""
    from stockstream.ops import checks, project

    checks.run_and_exit(lambda found: project.validate(found, scope, root, online), as_json)


@click.command("validate-cluster")
@click.option(
    "--timeout", "timeout_s", type=Seconds(min=0), default=60.0, show_default=True,
    help="Seconds to wait for all that is not yet as it should be.",
)  # fmt: skip
@click.option(
    "--max-tick-age", "tick_age_s", type=Seconds(min=0), default=30.0, show_default=True,
    help="Seconds that a live tick may be old.",
)  # fmt: skip
@click.option(
    "--max-lag", "lag", type=click.IntRange(min=0), default=1_000, show_default=True,
    help="Records that a consumer group may be behind.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def validate_cluster(timeout_s: float, tick_age_s: float, lag: int, as_json: bool) -> None:
    """Check the running Phase 1 stack, from its containers to a tick in a browser."""
    from stockstream.ops import checks, cluster, containers

    project = containers.project_of(cluster.FILE.parent, config.compose_project())
    limits = cluster.Limits(timeout_s, tick_age_s, lag)
    checks.run_and_exit(lambda found: cluster.Cluster(found, project, limits).validate(), as_json)


@click.command("check")
@click.option(
    "--max-tick-age", "tick_age_s", type=Seconds(min=0), default=30.0, show_default=True,
    help="Seconds that the newest tick may be old.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(tick_age_s: float, as_json: bool) -> None:
    """Check Kafka as it is seen from here: name, connection, topic, the newest tick's age."""
    from stockstream.ops import checks, inside

    settings = config.load()
    checks.run_and_exit(lambda found: inside.check(found, settings, tick_age_s), as_json)
