"""The programs that start a stack file, asked what they think of it: no engine is needed."""

import shutil
import subprocess
from pathlib import Path

from stockstream.ops.checks import CheckFailed, CheckSkipped

_TIMEOUT_S = 60


def compose_config(file: Path) -> str:
    """Ask compose itself, v2 where both are there.

    Raises:
        CheckFailed: it refuses the file.
        CheckSkipped: there is no compose on this machine.
    """
    for program in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(program[0]) and _run([*program, "version"]).returncode == 0:
            return _asked(program, ["-f", str(file), "config", "--quiet"])
    raise CheckSkipped("neither docker compose nor docker-compose is installed")


def stack_config(file: Path) -> str:
    """Ask the client that deploys the file, where it can tell without deploying.

    Raises:
        CheckFailed: it refuses the file.
        CheckSkipped: there is no such client on this machine.
    """
    program = ["docker", "stack", "config"]
    if shutil.which("docker") and "docker stack config" in _run([*program, "--help"]).stdout:
        return _asked(program, ["-c", str(file)])
    raise CheckSkipped("no docker client with `docker stack config` is installed")


def _asked(program: list[str], arguments: list[str]) -> str:
    done = _run([*program, *arguments])
    if done.returncode:
        raise CheckFailed(f"{' '.join(program)}: {done.stderr.strip()}")
    return " ".join(program)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise CheckFailed(f"{' '.join(command)}: no answer within {_TIMEOUT_S} s") from error
