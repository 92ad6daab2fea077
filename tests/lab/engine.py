"""The engine: the machine's own where one answers, else a dockerd that ends with the tests."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.waiting import wait_for


class Engine:
    """A Docker engine, and how commands reach it.

    `environment` is what every docker and compose command has to be run with.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {**environment, "DOCKER_BUILDKIT": "0"}

    def run(
        self, command: Sequence[str], *, check: bool = True, timeout_s: float = 300, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command against this engine; with `check`, its failure shows what it said."""
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**self.environment, **extra},
        )
        if check and done.returncode:
            shown = f"{' '.join(command)}: exit code {done.returncode}"
            raise AssertionError(f"{shown}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done

    def docker(self, *arguments: str, check: bool = True, timeout_s: float = 300) -> str:
        """Return what `docker ARGUMENTS` prints."""
        return self.run(["docker", *arguments], check=check, timeout_s=timeout_s).stdout.strip()

    def answers(self) -> bool:
        """Say whether there is an engine at all."""
        return self.run(["docker", "info"], check=False).returncode == 0


def obstacle() -> str | None:
    """Return why no engine can be had here, or None."""
    if not shutil.which("docker"):
        return "docker is not installed"
    if Engine(os.environ).answers():
        return None
    if os.geteuid() != 0:
        return "no Docker engine answers, and only root can start one"
    if not shutil.which("dockerd"):
        return "no Docker engine answers, and dockerd is not installed"
    return None


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Give the machine's engine, or one of our own that is gone afterwards, data and all."""
    if (ambient := Engine(os.environ)).answers():
        yield ambient
        return
    home = Path(tempfile.mkdtemp(prefix="stockstream-engine-"))
    process = _start(home)
    engine = Engine({**os.environ, "DOCKER_HOST": f"unix://{home}/docker.sock"})
    try:
        wait_for(lambda: process.poll() is not None or engine.answers())
        assert process.poll() is None, f"dockerd ended:\n{_log(home)}"
        yield engine
    finally:
        _stop(process)
        _unmount_below(home)
        shutil.rmtree(home)


def _start(home: Path) -> subprocess.Popen[bytes]:
    with (home / "dockerd.log").open("wb") as log:
        return subprocess.Popen(
            # It ends with the tests even where those are killed.
            ["setpriv", "--pdeathsig", "TERM", "dockerd",
             "--data-root", str(home / "data"), "--exec-root", str(home / "exec"),
             "--pidfile", str(home / "pid"), "--host", f"unix://{home}/docker.sock"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the engine; it stops its containers and its containerd by itself."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _unmount_below(home: Path) -> None:
    """Unmount what the engine left mounted: network namespaces, and layers after a hard end."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if (target := line.split()[1]).startswith(f"{home}/"):
            subprocess.run(["umount", "--lazy", target], check=True)


def _log(home: Path) -> str:
    return "\n".join((home / "dockerd.log").read_text().splitlines()[-20:])
