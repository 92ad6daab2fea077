"""`stockstream topics ...`, which create-topics.sh and create-prod-topics.sh call."""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TextIO

import click

from stockstream.ops.options import Seconds


def _which(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--file", "topics_file", type=click.File(encoding="utf-8"), hidden=True,
            help="The topics' file in the place of config/topics.yml; - is stdin.",
        ),
        click.option(
            "--phase", type=click.Choice(["dev", "prod"]), default="dev", show_default=True,
            help="Which part of config/topics.yml to take: one broker, or three.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def _permissions(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in (
        ("--allow-data-loss", "Shorten a retention, or weaken what keeps ticks from being lost."),
        ("--allow-rekey", "Add partitions, although symbols move to other ones."),
    ):
        command = click.option(name, is_flag=True, help=text)(command)
    return command


@click.group()
def topics() -> None:
    """Create and show the topics that config/topics.yml wants."""


@topics.command("describe")
@_which
@click.option(
    "--configs/--no-configs", default=True, show_default=True,
    help="With the topics' own configs, which the brokers read from ZooKeeper.",
)  # fmt: skip
def describe_topics(phase: str, topics_file: TextIO | None, configs: bool) -> None:
    """Show the topics as the cluster has them."""
    from stockstream.kafka.cluster_admin import ClusterAdmin
    from stockstream.ops import address, topics

    specs = topics.load_text(phase, topics_file.read() if topics_file else None)
    for line in topics.describe(ClusterAdmin(address.settings()), specs, configs):
        click.echo(line)


@topics.command("plan")
@_which
@_permissions
def plan_topics(
    phase: str, topics_file: TextIO | None, allow_rekey: bool, allow_data_loss: bool
) -> None:
    """Show what `apply` would do, and what it would refuse; nothing is changed."""
    from stockstream.kafka.cluster_admin import ClusterAdmin
    from stockstream.ops import address, topic_apply, topic_plan, topics

    settings, may = address.settings(), topic_plan.Permissions(allow_rekey, allow_data_loss)
    specs = topics.load_text(phase, topics_file.read() if topics_file else None)
    symbols = partial(topic_apply.newest_symbols, settings)
    steps = topic_plan.plan(ClusterAdmin(settings), specs, may, symbols)
    for step in steps:
        click.echo(step)
    if not steps:
        click.echo("nothing to do")
    sys.exit(any(step.refusal for step in steps))


@topics.command("apply")
@_which
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
    from stockstream.kafka.cluster_admin import ClusterAdmin
    from stockstream.ops import address, topic_apply, topic_plan, topics

    settings, may = address.settings(), topic_plan.Permissions(allow_rekey, allow_data_loss)
    admin = ClusterAdmin(settings)
    specs = topics.load_text(phase, topics_file.read() if topics_file else None)
    topic_apply.wait_until_known(admin, specs, time.monotonic() + timeout_s)
    symbols = partial(topic_apply.newest_symbols, settings)
    steps = topic_plan.plan(admin, specs, may, symbols)
    refused = [step for step in steps if step.refusal]
    for line in refused or topic_apply.carry_out(admin, specs, steps, timeout_s):
        click.echo(line)
    sys.exit(bool(refused))
