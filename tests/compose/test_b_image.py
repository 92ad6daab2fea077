"""Our image: small, non-root, fine with a read-only root, labelled, and built by its script."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine import Engine
from lab.images import OURS, Images
from stockstream import __version__
from stockstream.config import ROOT
from stockstream.local.part import Part
from stockstream.local.ports import free_port, listen_error
from support.waiting import wait_for

#: python:3.12-slim-bookworm is 130 MB; the image is to stay below 250 MB.
OURS_LIMIT_BYTES = (250 - 130) * 10**6


@pytest.fixture(scope="module")
def image(engine: Engine, stand_ins: Images) -> str:
    """The image as scripts/build-image.sh builds it."""
    built = engine.run([str(ROOT / "scripts/build-image.sh")], timeout_s=600)
    assert built.stdout.split() == [OURS, f"{OURS}-bridge"]
    return OURS


def inspect(engine: Engine, image: str) -> dict:
    return json.loads(engine.docker("image", "inspect", image))[0]


def test_image_adds_less_than_its_share_of_250_mb(
    engine: Engine, stand_ins: Images, image: str
) -> None:
    """What we put on top of the published base image leaves the whole below 250 MB."""
    ours = inspect(engine, image)["Size"] - inspect(engine, stand_ins.python)["Size"]
    assert 0 < ours < OURS_LIMIT_BYTES


def test_image_says_what_it_is_and_is_not_root(engine: Engine, image: str) -> None:
    """The OCI labels tell title, version and commit; the user is a number that is not 0."""
    found = inspect(engine, image)["Config"]
    labels = {k.removeprefix("org.opencontainers.image."): v for k, v in found["Labels"].items()}
    assert labels["title"] == "stockstream"
    assert labels["version"] == __version__
    assert labels["revision"] not in ("", "unknown")
    assert int(found["User"].partition(":")[0]) > 0


def start_cpu_s(engine: Engine, image: str, *python_options: str) -> float:
    """Return the CPU time until the bridge's application stands, which waits for nothing."""
    start = "from stockstream.bridge.app import create_app; create_app()"
    timed = f"TIMEFORMAT='%U %S'; time python {' '.join(python_options)} -c '{start}'"
    bare = ["docker", "run", "--rm", "--read-only", "--entrypoint", "bash", image, "-c", timed]
    return sum(map(float, engine.run(bare).stderr.split()))


def test_image_starts_in_less_than_2_s(engine: Engine, image: str) -> None:
    """The start takes well below 2 s of CPU, because the image brings its bytecode along.

    The control compiles at every start, as an image without bytecode does on a read-only root.
    """
    spent_s = start_cpu_s(engine, image)
    assert spent_s < 2.0
    assert start_cpu_s(engine, image, "-X", "pycache_prefix=/nowhere") > 2 * spent_s


def test_image_with_a_read_only_root_runs_every_command(engine: Engine, image: str) -> None:
    """Without root, capabilities and a writable file system, each command answers."""
    bare = ["docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", image]
    for command in ("producer", "consumer", "bridge", "topics", "check"):
        assert "Usage: stockstream" in engine.run([*bare, command, "--help"]).stdout


def test_image_has_the_dashboard_with_its_libraries(engine: Engine, image: str) -> None:
    """The page's libraries come from the build, and its build tools stay there."""
    listed = engine.docker("run", "--rm", "--entrypoint", "ls", image, "static", "static/vendor")
    assert "index.html" in listed
    assert "chart.js" in listed
    assert "node_modules" not in listed


def test_build_image_lists_what_is_in_the_image(engine: Engine, image: str) -> None:
    """The bill of materials names just the packages of the image, and the page's libraries."""
    bill = json.loads((ROOT / f".local/stockstream-{__version__}.cdx.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "stockstream",
    )
    listed = {(c["purl"].split("/")[0], c["name"], c["version"]) for c in bill["components"]}
    look = (
        "from importlib.metadata import distributions\n"
        "for each in distributions(): print(each.name, each.version)"
    )
    shown = engine.docker("run", "--rm", "--entrypoint", "python", image, "-c", look)
    installed = {tuple(line.split()) for line in shown.splitlines()} - {
        ("stockstream", __version__)
    }
    assert {each[1:] for each in listed if each[0] == "pkg:pypi"} == installed
    assert len(installed) > 20
    locked = json.loads((ROOT / "static/package-lock.json").read_text())["packages"].items()
    page = {(path.rpartition("/")[2], each["version"]) for path, each in locked if path}
    assert {each[1:] for each in listed if each[0] == "pkg:npm"} == page


def test_image_has_the_listed_packages_only(engine: Engine, image: str) -> None:
    """No pip, no build tool: what is installed is what requirements/image.txt has, and we."""
    look = "from importlib.metadata import distributions as d; print(*sorted(e.name for e in d()))"
    shown = engine.docker("run", "--rm", "--entrypoint", "python", image, "-c", look)
    listed = re.findall(r"^(\S+)==", (ROOT / "requirements/image.txt").read_text(), re.MULTILINE)
    plain = {re.sub(r"[-_.]+", "-", name).lower() for name in shown.split()}
    assert plain == {*listed, "stockstream"}


def test_image_bad_setting_stops_the_start_at_once(engine: Engine, image: str) -> None:
    """A bad value is named before anything starts."""
    command = ["docker", "run", "--rm", "--env", "TICK_INTERVAL=often", image, "producer"]
    ended = engine.run(command, check=False)
    assert ended.returncode == 2
    assert "TICK_INTERVAL=often: expected seconds" in ended.stderr


def test_build_image_with_buildkit_makes_the_same(engine: Engine, image: str) -> None:
    """Docker's newer builder, the default since 23, builds it too: here the engine's own has it."""
    names = {"STOCKSTREAM_IMAGE": f"{image}-kit", "STOCKSTREAM_BRIDGE_IMAGE": f"{image}-kit-bridge"}
    # Its own client can ask for it; a newer one needs a plugin for that.
    path = f"/usr/bin{os.pathsep}{os.environ['PATH']}"
    script = str(ROOT / "scripts/build-image.sh")
    built = engine.run([script], timeout_s=600, **names, PATH=path, DOCKER_BUILDKIT="1")
    assert "exporting layers" in built.stderr  # the older one says "Step 1/27"
    found, wanted = (inspect(engine, each)["Config"] for each in (f"{image}-kit", image))
    for key in ("User", "Entrypoint", "Cmd", "Env", "WorkingDir", "Labels"):
        assert found[key] == wanted[key]
    engine.docker("image", "rm", *names.values(), f"{image}-kit-sbom")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Return the address of a real registry of our own."""
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is not installed: apt-get install docker-registry")
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "version": "0.1",
        "http": {"addr": address},
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "images")}},
    }
    (tmp_path / "registry.yml").write_text(json.dumps(settings))  # JSON is YAML
    command = ["docker-registry", "serve", str(tmp_path / "registry.yml")]
    part = Part("registry", command, tmp_path / "registry.log")
    part.start()
    try:
        wait_for(lambda: part.check() or listen_error(int(address.rpartition(":")[2])))
        yield address
    finally:
        part.stop()


def test_build_image_push_puts_the_image_into_the_registry(
    engine: Engine, image: str, registry: str
) -> None:
    """What another machine pulls by the name that the script prints is the image."""
    script = str(ROOT / "scripts/build-image.sh")
    pushed = engine.run([script, "--push", f"{registry}/"], timeout_s=600).stdout.split()[-1]
    assert pushed == f"{registry}/stockstream:{__version__}"
    engine.docker("image", "rm", pushed)
    engine.docker("pull", pushed)
    assert inspect(engine, pushed)["Id"] == inspect(engine, image)["Id"]
    engine.docker("image", "rm", pushed)


def test_build_image_takes_a_base_by_digest(
    engine: Engine, stand_ins: Images, image: str, registry: str
) -> None:
    """A base image named by its digest in a registry makes the same image, from the cache here."""
    base = f"{registry}/python"
    engine.docker("tag", stand_ins.python, base)
    engine.docker("push", base)
    digests = inspect(engine, stand_ins.python)["RepoDigests"]
    by_digest = next(name for name in digests if name.startswith(f"{base}@sha256:"))
    engine.docker("image", "rm", base)
    names = {"STOCKSTREAM_IMAGE": f"{image}-pin", "STOCKSTREAM_BRIDGE_IMAGE": f"{image}-pin-bridge"}
    script = str(ROOT / "scripts/build-image.sh")
    engine.run([script], timeout_s=600, **names, PYTHON_IMAGE=by_digest)
    assert inspect(engine, f"{image}-pin")["Id"] == inspect(engine, image)["Id"]
    engine.docker("image", "rm", *names.values(), f"{image}-pin-sbom", by_digest)


def test_build_image_push_to_no_registry_fails(engine: Engine, image: str) -> None:
    """A push that does not work is a failure, and says where to."""
    script = str(ROOT / "scripts/build-image.sh")
    ended = engine.run([script, "--push", "127.0.0.1:1"], check=False, timeout_s=600)
    assert ended.returncode == 1
    assert "127.0.0.1:1" in ended.stderr
    engine.docker("image", "rm", f"127.0.0.1:1/stockstream:{__version__}")
