"""A part: a child process that tells why it ended, and leaves nothing behind."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from stockstream.errors import LocalError
from stockstream.local import part as part_module
from stockstream.local.part import Part
from support.waiting import wait_for

FOR_EVER = "sleep 1000"

PARENT = """
import sys, time
from pathlib import Path
from stockstream.local import part

part._LEASH = Path(sys.argv[1])
child = part.Part("clock", ["sleep", "1000"], Path(sys.argv[2]))
child.start()
print(child.pid, flush=True)
time.sleep(1000)
"""

NO_LEASH = "import os, sys; os.execvp(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Callable[[str], Part]]:
    """Return a function that starts a shell command as a part named `clock`."""
    started: list[Part] = []

    def start(command: str) -> Part:
        part = Part("clock", ["sh", "-c", command], tmp_path / "clock.log")
        part.start()
        started.append(part)
        return part

    yield start
    for each in started:
        each.kill()


def _wait_until_ended(part: Part) -> None:
    wait_for(lambda: part.exit_code, lambda code: code is not None)


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_part_that_has_ended_is_named_with_its_last_lines(part: Callable[[str], Part]) -> None:
    """The error names the part, its exit code, its log and the log's last lines."""
    clock = part("for i in $(seq 20); do echo line $i; done; exit 3")
    _wait_until_ended(clock)
    with pytest.raises(LocalError) as caught:
        clock.check()
    first, *rest = str(caught.value).splitlines()
    assert first == f"clock has ended (exit code 3); the last lines of {clock.log}:"
    assert rest == [f"line {i}" for i in range(11, 21)]


def test_part_that_runs_passes_the_check(part: Callable[[str], Part]) -> None:
    """A part that runs is no error."""
    clock = part(FOR_EVER)
    clock.check()
    assert clock.running


def test_part_takes_a_sigterm(part: Callable[[str], Part]) -> None:
    """The signals that are held while a part starts are not held in the part."""
    clock = part(f"kill -TERM $$; {FOR_EVER}")
    _wait_until_ended(clock)
    assert clock.exit_code == -signal.SIGTERM


def test_part_stop_kills_what_does_not_listen(part: Callable[[str], Part]) -> None:
    """A part that ignores SIGTERM is killed after the time it was given."""
    clock = part(f"trap '' TERM; echo ready; {FOR_EVER}")
    wait_for(lambda: clock.log.read_text())
    assert clock.stop(timeout_s=0.5) == -signal.SIGKILL


def test_part_stop_leaves_no_child(part: Callable[[str], Part]) -> None:
    """What a part has started, and left, ends with it."""
    clock = part(f"{FOR_EVER} & {FOR_EVER} & wait")
    children = wait_for(lambda: psutil.Process(clock.pid).children(), lambda found: len(found) == 2)
    clock.stop()
    wait_for(lambda: [child for child in children if _runs(child)], lambda left: not left)


def _orphan(leash: Path, directory: Path) -> psutil.Process:
    """Return the part of a process that was killed."""
    command = [sys.executable, "-c", PARENT, str(leash), str(directory / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    return child


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of the end")
def test_part_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """A killed parent takes its parts with it; without the leash they go on for ever."""
    orphan = _orphan(part_module._LEASH, tmp_path)
    wait_for(lambda: _runs(orphan), lambda runs: not runs)
    (tmp_path / "leash.py").write_text(NO_LEASH)
    orphan = _orphan(tmp_path / "leash.py", tmp_path)
    with pytest.raises(AssertionError):
        wait_for(lambda: _runs(orphan), lambda runs: not runs, timeout_s=2)
    orphan.kill()


def test_part_stop_tells_the_exit_code(part: Callable[[str], Part]) -> None:
    """A part that ends well when asked to has the exit code 0."""
    clock = part(f"trap 'exit 0' TERM; echo ready; {FOR_EVER} & wait")
    wait_for(lambda: clock.log.read_text())
    assert clock.stop() == 0


def test_part_never_started_can_be_stopped(tmp_path: Path) -> None:
    """Stopping what was never started does nothing."""
    clock = Part("clock", ["true"], tmp_path / "clock.log")
    assert clock.stop() is None
    assert not clock.running
