"""The operator's commands, which scripts/ call: validators, and topics that change."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click

from stockstream import config
from stockstream.ops.options import Seconds

phase_option = click.option(
    "--phase", type=click.Choice(["dev", "prod"]), default="dev", show_default=True,
    help="Which part of config/topics.yml to take: one broker, or three.",
)  # fmt: skip


topics_option = click.option(
    "--file", "topics_file", type=click.File(encoding="utf-8"), hidden=True,
    help="The topics' file in the place of config/topics.yml; - is stdin.",
)  # fmt: skip


def _permissions(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in (
        ("--allow-data-loss", "Shorten a retention, although it drops ticks."),
        ("--allow-rekey", "Add partitions, although symbols move to other ones."),
    ):
        command = click.option(name, is_flag=True, help=text)(command)
    return command


@click.command("plan")
@phase_option
@topics_option
@_permissions
def plan_topics(
    phase: str, topics_file: TextIO | None, allow_rekey: bool, allow_data_loss: bool
) -> None:
    """Show what `apply` would do, and what it would refuse; nothing is changed."""
    from stockstream.kafka_admin import ClusterAdmin
    from stockstream.ops import topic_plan, topics

    settings, may = config.load(), topic_plan.Permissions(allow_rekey, allow_data_loss)
    specs = topics.load_text(phase, topics_file.read() if topics_file else None)
    steps = topic_plan.plan(ClusterAdmin(settings), specs, settings.stock_symbols, may)
    for step in steps:
        click.echo(step)
    if not steps:
        click.echo("nothing to do")
    sys.exit(any(step.refusal for step in steps))


@click.command("apply")
@phase_option
@topics_option
@_permissions
@click.option(
    "--timeout", "timeout_s", type=Seconds(min=0), default=120.0, show_default=True,
    help="Seconds to wait for the brokers.",
)  # fmt: skip
def apply_topics(
    phase: str,
    topics_file: TextIO | None,
    allow_rekey: bool,
    allow_data_loss: bool,
    timeout_s: float,
) -> None:
    """Create the topics that are missing, and change what differs.

    Where a change would lose or reorder ticks, nothing is changed, and the exit code is 1.
    """
    from stockstream.kafka_admin import ClusterAdmin
    from stockstream.ops import topic_plan, topics

    settings, may = config.load(), topic_plan.Permissions(allow_rekey, allow_data_loss)
    admin, specs = (
        ClusterAdmin(settings),
        topics.load_text(phase, topics_file.read() if topics_file else None),
    )
    for line in topics.apply(admin, specs, timeout_s):
        click.echo(line)
    steps = topic_plan.plan(admin, specs, settings.stock_symbols, may)
    refused = [step for step in steps if step.refusal]
    for change in refused or topic_plan.carry_out(admin, steps):
        click.echo(change)
    sys.exit(bool(refused))


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
