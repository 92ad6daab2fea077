"""The commands refuse a number of seconds that never ends."""

import click
import pytest
from click.testing import CliRunner

from stockstream.cli import cli

COMMANDS = [
    ("validate-cluster", "--timeout"),
    ("validate-cluster", "--max-tick-age"),
    ("check", "--max-tick-age"),
    ("topics apply", "--timeout"),
    ("swarm health", "--timeout"),
    ("swarm health", "--max-tick-age"),
    ("swarm settle kafka", "--timeout"),
]


@pytest.mark.parametrize(("command", "option"), COMMANDS)
@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "-1", "86401", "1e300", "soon"])
def test_seconds_that_are_none_end_with_2(command: str, option: str, seconds: str) -> None:
    """What is no bound, or has no end, is refused before anything is asked; the option is named."""
    done = CliRunner().invoke(cli, [*command.split(), option, seconds])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.output


def test_seconds_every_option_of_them_is_tried() -> None:
    """An option in seconds that is new has to stand above."""
    found = {(name, option) for name, option in seconds_options(cli)}
    assert found == {(command.removesuffix(" kafka"), option) for command, option in COMMANDS}


def seconds_options(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return each command's options whose variable ends in _s: a time."""
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += seconds_options(command, (*path, name))
        found += [
            (" ".join((*path, name)), option.opts[0])
            for option in command.params
            if (option.name or "").endswith("_s")
        ]
    return found
