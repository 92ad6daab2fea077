"""The one command: every service and tool is a subcommand of `stockstream`."""

import logging
import os
import sys

import click

from stockstream import __version__, config
from stockstream.errors import ConfigError, NotReady, StackError, StockstreamError
from stockstream.ops import commands
from stockstream.ops.swarm.commands import swarm
from stockstream.ops.topic_commands import topics

# Each command imports what it runs itself, so that `--help` answers at once and the bridge's
# gevent never reaches the others.


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Real-time stock ticks through Kafka to WebSocket clients.

    Settings come from the environment: see docs/configuration.md.
    """


@cli.command()
def bridge() -> None:
    """Fan the ticks out to WebSocket clients, and serve the dashboard."""
    from stockstream.bridge import memory
    from stockstream.bridge.openfiles import raise_limit

    settings = config.load()  # a bad value stops the start here, without gunicorn's traceback
    raise_limit(settings.max_clients)
    memory.check(settings, memory.limit_of_container())
    settings_file = str(config.ROOT / "config/gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "-c", settings_file]
    os.execv(sys.executable, [*command, "stockstream.bridge.app:create_app()"])  # noqa: S606


@cli.command()
def producer() -> None:
    """Make the ticks of the symbols that the group of producers gives this one."""
    from stockstream.producer.service import Producer
    from stockstream.stopping import Stop

    settings = config.load()
    start_logging(settings.log_level)
    if undelivered := Producer(settings, Stop(settings.heartbeat_file).on_signals()).run():
        raise StockstreamError(f"{undelivered} ticks were not delivered")


@cli.command()
@click.option("--symbols", metavar="AAPL,TSLA", help="Only these symbols.  [default: all]")
@click.option("--from-beginning", is_flag=True, help="All that the topic has.")
@click.option("--group", metavar="NAME", help="The consumer group.  [default: CONSUMER_GROUP]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def consumer(symbols: str | None, from_beginning: bool, group: str | None, as_json: bool) -> None:
    """Print the ticks: a live table on a terminal, lines in a pipe."""
    from stockstream.console import display
    from stockstream.console.service import ConsoleConsumer
    from stockstream.stopping import Stop

    given = {"STOCK_SYMBOLS": symbols, "CONSUMER_GROUP": group}
    settings = config.load(config.child_environment(**{k: v for k, v in given.items() if v}))
    start_logging(settings.log_level)
    wanted = settings.stock_symbols if symbols else ()
    stop = Stop(settings.heartbeat_file).on_signals()
    shown = display.choose(as_json)
    ConsoleConsumer(settings, stop, shown, wanted, from_beginning).run()


@cli.command()
@click.option("--port", metavar="PORT", help="Where the dashboard listens.")
@click.option("--symbols", metavar="SYMBOLS", help="The stocks, with commas between.")
@click.option("--interval", metavar="SECONDS", help="Time between two ticks of a stock.")
@click.option("--fresh", is_flag=True, help="Drop the ticks that earlier runs have left.")
def local(port: str | None, symbols: str | None, interval: str | None, fresh: bool) -> None:
    """Run everything on this machine, without Docker: Kafka, producer, bridge, dashboard."""
    try:
        from stockstream.local.run import run
    except ModuleNotFoundError as error:
        raise NotReady(
            f"{error.name} is not installed: pip install 'stockstream[local]'"
        ) from error

    options = {"WEBSOCKET_PORT": port, "STOCK_SYMBOLS": symbols, "TICK_INTERVAL": interval}
    given = {name: value for name, value in options.items() if value is not None}
    run(config.load(config.child_environment(**given)), config.ROOT / ".local", fresh)


def start_logging(level: str) -> None:
    """Write log lines of this level and above to stderr, where nothing else writes."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


for command in (
    topics, commands.validate_project, commands.validate_cluster, commands.check, swarm,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """Run the command; an error of ours is clear lines, and 1 (2: bad usage, setting, machine)."""
    try:
        cli.main(prog_name="stockstream", standalone_mode=True)
    except StockstreamError as error:
        if isinstance(error, ConfigError):  # a line for each bad value
            for line in str(error).splitlines():
                click.echo(f"stockstream: {line}", err=True)
            sys.exit(2)
        click.echo(f"stockstream: {error}", err=True)
        sys.exit(2 if isinstance(error, NotReady | StackError) else 1)
