"""The one command: every service and tool is a subcommand of `stockstream`."""

import os
import sys

import click

from stockstream import __version__, config
from stockstream.errors import ConfigError, StockstreamError

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
    config.load()  # a bad value stops the start here, before gunicorn wraps it in a traceback
    settings_file = str(config.ROOT / "config/gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "-c", settings_file]
    os.execv(sys.executable, [*command, "stockstream.bridge.app:create_app()"])  # noqa: S606


def main() -> None:
    """Run the command; an error of ours is one clear line, and 1 (2: bad usage or setting)."""
    try:
        cli.main(prog_name="stockstream", standalone_mode=True)
    except StockstreamError as error:
        for line in str(error).splitlines():
            click.echo(f"stockstream: {line}", err=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
