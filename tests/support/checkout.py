"""A clean clone of this repository, on a machine that has Python and nothing else of ours."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from stockstream.config import ROOT
from support.waiting import wait_for

#: What a bare machine does not have.
ABSENT = ("java", "node", "npm")

#: A proxy that nobody runs: for a program that asks it, there is no network.
NO_NETWORK = dict.fromkeys(
    ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
)


class Script:
    """A script that runs, in a process group of its own as a terminal would start it."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        self._home = environment["HOME"]
        # What a background job starts ignores Ctrl-C, what nohup starts the end of the terminal,
        # and bash then cannot trap it.
        heeding = ["env", "--default-signal=INT,HUP", *command]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                heeding,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd="/",
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def wait_for_line(self, text: str, timeout_s: float = 300.0) -> None:
        """Wait until it has printed `text`, or fail as soon as it has ended without."""

        def look() -> str:
            ended = self._process.poll() is not None
            output = self.output
            if ended and text not in output:
                raise RuntimeError(f"it has ended without {text!r}:\n{output}")
            return output

        wait_for(look, lambda output: text in output, timeout_s)

    def signal_group(self, *numbers: signal.Signals) -> None:
        """Send signals to its process group, as Ctrl-C on a terminal does."""
        for number in numbers:
            os.killpg(self._process.pid, number)

    def signal_alone(self, number: signal.Signals) -> None:
        """Send a signal to the script's own process, as `kill` does."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 120.0) -> int:
        """Return its exit code."""
        return self._process.wait(timeout_s)

    def processes(self) -> list[psutil.Process]:
        """Return what runs of it, wherever it went: its HOME is nobody else's."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def part(self, words: str) -> psutil.Process:
        """Return its process with these words in the command line, the oldest of several."""
        found = wait_for(lambda: [p for p in self.processes() if words in " ".join(p.cmdline())])
        return min(found, key=lambda process: process.create_time())

    def end(self) -> None:
        """Leave nothing of it behind."""
        for process in self.processes():
            process.kill()
        self._process.wait()

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            return alive and process.environ().get("HOME") == self._home
        except psutil.Error:
            return False


class Checkout:
    """The files that a clone would hold, in `path`, and a HOME with nothing in it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "a clone"  # with a blank, as paths of users have
        self.home = directory / "home"
        self._directory = directory
        self._scripts: list[Script] = []
        self.home.mkdir()
        copy_files(self.path)
        self.environment = _bare_environment(self.home, directory / "bin")

    def run(self, *command: str, prefix: Sequence[str] = (), **variables: str) -> Script:
        """Start a command, the first word of which is a path in the checkout."""
        script = Script(
            [*prefix, str(self.path / command[0]), *command[1:]],
            {**self.environment, **variables},
            self._directory / f"output-{len(self._scripts)}",
        )
        self._scripts.append(script)
        return script

    def end(self) -> None:
        """Leave no process behind."""
        for script in self._scripts:
            script.end()


def copy_files(destination: Path) -> None:
    """Copy what git tracks, and what it would track after `git add`."""
    # As in CI, the checkout may belong to another user.
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (source := ROOT / name).is_file():
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, destination / name)


def _bare_environment(home: Path, stubs: Path) -> dict[str, str]:
    """Return this environment without our variables, and without a Java or Node that works."""
    stubs.mkdir()
    for command in ABSENT:
        (stubs / command).write_text("#!/bin/sh\nexit 127\n")
        (stubs / command).chmod(0o755)
    ours = (str(ROOT), os.environ.get("VIRTUAL_ENV", str(ROOT)))
    path = [each for each in os.environ["PATH"].split(os.pathsep) if not each.startswith(ours)]
    dropped = (
        "JAVA_HOME", "KAFKA_", "PYTHONPATH", "STOCK_", "TICK_", "WEBSOCKET_", "XDG_", "VIRTUAL_ENV",
    )  # fmt: skip
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return {**kept, "HOME": str(home), "PATH": os.pathsep.join([str(stubs), *path])}
