"""`stockstream swarm ...`: what the Phase 2 scripts run in a container of the stack's image."""

import sys
from typing import get_args

import click

from stockstream.ops.options import Seconds
from stockstream.ops.swarm.rolling import Kind


@click.group("swarm", hidden=True)
def swarm() -> None:
    """Serve the Phase 2 scripts: they hand over what Docker knows on stdin."""


@swarm.command("health")
@click.option("--stack", default="stockstream")
@click.option("--timeout", "timeout_s", type=Seconds(min=1), default=60.0)
@click.option("--max-tick-age", "tick_age_s", type=Seconds(min=0), default=30.0)
@click.option("--max-lag", "lag", type=click.IntRange(min=0), default=1_000)
@click.option("--json", "as_json", is_flag=True)
def health(stack: str, timeout_s: float, tick_age_s: float, lag: int, as_json: bool) -> None:
    """Check the whole stack; stdin has what `facts.read` takes."""
    from stockstream.ops import checks
    from stockstream.ops.swarm import facts
    from stockstream.ops.swarm.health import Health, Limits

    known = facts.read(sys.stdin, stack)
    limits = Limits(timeout_s, tick_age_s, lag)
    checks.run_and_exit(lambda found: Health(found, known, limits).look(), as_json)


@swarm.command("settle")
@click.argument("kind", type=click.Choice(get_args(Kind)))
@click.option("--timeout", "timeout_s", type=Seconds(min=0), default=300.0)
@click.option("--one-may-miss", is_flag=True)
def settle(kind: Kind, timeout_s: float, one_may_miss: bool) -> None:
    """Wait until all members are in sync; print them in the order to restart them in."""
    from stockstream.ops.swarm import rolling

    for name in rolling.wait(
        kind, timeout_s, one_may_miss, lambda line: click.echo(line, err=True)
    ):
        click.echo(name)


@swarm.command("elect")
def elect() -> None:
    """Give each partition back to its preferred leader."""
    from stockstream.ops.swarm import rolling

    rolling.elect()


@swarm.command("part")
@click.option("--only", "names", multiple=True)
@click.option("--without", "left_out", multiple=True)
@click.option("--preview-of", "stack")
def part(names: tuple[str, ...], left_out: tuple[str, ...], stack: str | None) -> None:
    """Print a part of the stack file on stdin, as a stack file."""
    from stockstream.ops.swarm import stack_part

    text = sys.stdin.read()
    if stack:
        written = stack_part.preview(text, stack)
    elif names:
        written = stack_part.only(text, names)
    else:
        written = stack_part.without(text, left_out)
    click.echo(written)


@swarm.command("changes")
@click.argument("stack")
@click.argument("preview")
def changes(stack: str, preview: str) -> None:
    """Print what the previewed services would change; stdin has a spec a line."""
    from stockstream.ops.swarm import stack_part

    for line in stack_part.changes(sys.stdin, stack, preview):
        click.echo(line)


@swarm.command("host")
@click.option("--port", type=click.IntRange(1, 65535))
@click.option("--disk-gib", "least_gib", type=float, default=5.0)
def host(port: int | None, least_gib: float) -> None:
    """Check the machine that this container runs on."""
    from stockstream.ops import checks
    from stockstream.ops.swarm import host as machine

    found = checks.Checks(lambda check: click.echo(str(check)))
    if port is not None:
        found.run("port on this node", lambda: machine.port_is_free(port))
    found.run("disk on this node", lambda: machine.disk_has_room(least_gib))
    sys.exit(found.exit_code)
