"""Every script tells what it is for, and refuses what it does not know."""

import os
import re
import subprocess
from pathlib import Path

import click
import pytest

from stockstream.cli import local
from stockstream.config import ROOT

SCRIPTS = sorted((ROOT / "scripts").glob("*.sh"))
SOURCED = sorted((ROOT / "scripts").glob("*/*.sh"))


def _run(script: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([script, *options], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_has_header_run_bit_and_strict_mode(script: Path) -> None:
    """A script opens with purpose, usage and exit codes, can be run, and stops at errors."""
    text = script.read_text()
    header = text.split("\n\nset -Eeuo pipefail\n")[0]
    assert header.startswith("#!/usr/bin/env bash\n# ")
    assert f"\n# Usage: scripts/{script.name}" in header
    assert "\n# Exit codes: 0 " in header
    assert header != text
    assert script.stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("script", SOURCED, ids=lambda path: path.name)
def test_script_that_is_sourced_has_no_run_bit(script: Path) -> None:
    """What is only sourced cannot be run by mistake."""
    assert script.stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_help_shows_the_header(script: Path) -> None:
    """--help prints the usage and the exit codes, and nothing of the code."""
    done = _run(script, "--help")
    assert done.returncode == 0
    assert f"Usage: scripts/{script.name}" in done.stdout
    assert "Exit codes:" in done.stdout
    assert "pipefail" not in done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_wrong_option_exits_2_and_names_it(script: Path) -> None:
    """An option that it does not know is named, before anything is done."""
    done = _run(script, "--no-such-option")
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr


def test_run_local_offers_the_options_of_its_command() -> None:
    """The script and `stockstream local` know the same options."""
    shown = set(re.findall(r"^  (--\w+)", _run(SCRIPTS_BY_NAME["run-local.sh"], "-h").stdout, re.M))
    assert shown == {o.opts[0] for o in local.params if isinstance(o, click.Option)}


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        ("version_info", "no Python 3.11 or newer found (python3 is Python 3.9.2): install one"),
        ("ensurepip", "python cannot make a venv: install its venv package (Debian: apt install "),
    ],
)
def test_set_up_without_a_fit_python_says_what_to_install(
    tmp_path: Path, refused: str, said: str
) -> None:
    """A Python that is too old, or cannot make a venv, is told in one sentence, and 2."""
    stub = f"""#!/bin/sh
case "$*" in --version) echo Python 3.9.2 ;; *{refused}*) exit 1 ;; esac
"""
    for name in ("python", "python3", *(f"python3.{minor}" for minor in range(11, 15))):
        (tmp_path / name).write_text(stub)
        (tmp_path / name).chmod(0o755)
    command = f"source '{ROOT}/scripts/lib/setup.sh'; find_python"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command, "run-local.sh"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"run-local.sh: {said}")


SCRIPTS_BY_NAME = {script.name: script for script in SCRIPTS}
