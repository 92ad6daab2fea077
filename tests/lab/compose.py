"""Both compose programs: v2, built with Go where the machine has none, and Debian's 1.29."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.engine import Engine
from stockstream import config

VERSION = "2.40.3"

_MODULE = f"""module lab

go 1.23

require github.com/docker/compose/v2 v{VERSION}
"""
# Never compiled: it only makes `go mod tidy` look up what the program imports.
_PIN = """//go:build pin

package lab

import _ "github.com/docker/compose/v2/cmd"
"""


def ensure_v2(engine: Engine) -> None:
    """Make `docker compose` work: as the machine has it, else built once (about three minutes)."""
    if _works(engine):
        return
    docker_config = config.cache_dir() / "lab" / f"docker-{VERSION}"
    plugin = docker_config / "cli-plugins/docker-compose"
    if not plugin.exists():
        assert shutil.which("go"), "neither compose v2 nor Go to build it: install one of them"
        plugin.parent.mkdir(parents=True, exist_ok=True)
        _build(plugin)
    engine.environment["DOCKER_CONFIG"] = str(docker_config)
    assert _works(engine), f"{plugin} does not run"


def _works(engine: Engine) -> bool:
    return engine.run(["docker", "compose", "version"], check=False).returncode == 0


def _build(plugin: Path) -> None:
    with TemporaryDirectory(prefix="stockstream-compose-") as sources:
        Path(sources, "go.mod").write_text(_MODULE)
        Path(sources, "pin.go").write_text(_PIN)
        partial = plugin.with_suffix(f".{os.getpid()}")
        for arguments in (
            ["mod", "tidy"],
            ["build", "-ldflags", f"-X github.com/docker/compose/v2/internal.Version=v{VERSION}",
             "-o", str(partial), "github.com/docker/compose/v2/cmd"],
        ):  # fmt: skip
            environment = {**os.environ, "GOFLAGS": "-mod=mod"}
            done = subprocess.run(
                ["go", *arguments], cwd=sources, env=environment, capture_output=True, text=True,
                timeout=1500,
            )  # fmt: skip
            assert done.returncode == 0, f"go {arguments[0]}: {done.stderr[-4000:]}"
        partial.rename(plugin)
