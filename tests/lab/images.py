"""The images that stand in for the registry's: built once, and kept in the user's cache.

No registry is asked: the base comes from debootstrap, Kafka and ZooKeeper from their published
jars. Each keeps the contract of the image whose place it takes (user, volumes, variables, tools).
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.maven import MavenContext

from lab.engine import Engine
from stockstream import config
from stockstream.local import jars

_SOURCES = Path(__file__).with_name("images")
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_SUITE = "bookworm"

#: What the image of the services is called here.
OURS = "stockstream-lab/stockstream:dev"


@dataclass(frozen=True)
class Images:
    """The stand-ins' names, as the variables and build arguments of ours take them."""

    python: str
    node: str
    kafka: str
    zookeeper: str
    host: str  # not a stand-in: a machine of the Swarm lab

    @property
    def all(self) -> tuple[str, ...]:
        return (self.python, self.node, self.kafka, self.zookeeper, self.host)

    @property
    def environment(self) -> dict[str, str]:
        """What the compose file and build-image.sh read instead of the registry's names."""
        return {
            "PYTHON_IMAGE": self.python,
            "NODE_IMAGE": self.node,
            "KAFKA_IMAGE": self.kafka,
            "ZOOKEEPER_IMAGE": self.zookeeper,
            # Not the developer's own, on whose engine the tests may run.
            "STOCKSTREAM_IMAGE": OURS,
            "STOCKSTREAM_BRIDGE_IMAGE": f"{OURS}-bridge",
        }


def provide(engine: Engine) -> Images:
    """Return the stand-ins, from the engine, from the cache, or built (about two minutes)."""
    tag = _fingerprint()
    images = Images(
        *(f"stockstream-lab/{n}:{tag}" for n in ("python", "node", "kafka", "zookeeper", "host"))
    )
    cached = config.cache_dir() / "lab" / f"images-{tag}.tar"
    if _present(engine, images):
        return images
    if cached.exists():
        engine.docker("load", "--input", str(cached))
        return images
    _build(engine, tag)
    cached.parent.mkdir(parents=True, exist_ok=True)
    for stale in cached.parent.glob("images-*.tar"):
        stale.unlink()
    partial = cached.with_suffix(f".{os.getpid()}")
    engine.docker("save", "--output", str(partial), *images.all)
    partial.rename(cached)
    return images


def _present(engine: Engine, images: Images) -> bool:
    command = ["docker", "image", "inspect", *images.all]
    return engine.run(command, check=False).returncode == 0


def _fingerprint() -> str:
    """Name what the images are made of, so that a change of it builds them anew."""
    digest = hashlib.sha256(f"{_SUITE} {jars.VERSION}".encode())
    for file in sorted(path for path in _SOURCES.rglob("*") if path.is_file()):
        digest.update(file.read_bytes())
    digest.update(_AUTHORITIES.read_bytes())
    return digest.hexdigest()[:12]


def _build(engine: Engine, tag: str) -> None:
    base = f"stockstream-lab/base:{tag}"
    with TemporaryDirectory(prefix="stockstream-images-") as temporary:
        scratch = Path(temporary)
        _import_base(engine, base, scratch / "rootfs")
        authorities = {_AUTHORITIES.name: _AUTHORITIES}
        _image(engine, scratch, tag, "python", {"BASE": base}, authorities)
        _image(engine, scratch, tag, "node", {"BASE": base}, {**authorities, **_node_files()})
        _image(engine, scratch, tag, "host", {"BASE": base})
        shutil.rmtree(scratch / "rootfs")
        _collect_jars(scratch / "jars")
        jvm = _image(engine, scratch, tag, "jvm", {"BASE": base}, {"jars": scratch / "jars"})
        _image(engine, scratch, tag, "kafka", {"JVM": jvm})
        _image(engine, scratch, tag, "zookeeper", {"JVM": jvm})


def _import_base(engine: Engine, name: str, rootfs: Path) -> None:
    """Make a Debian with the machine's package sources."""
    engine.run(["debootstrap", "--variant=minbase", _SUITE, str(rootfs)], timeout_s=600)
    shutil.rmtree(rootfs / "var/cache/apt/archives")
    for source in Path("/etc/apt").glob("sources.list*"):
        if source.is_dir():
            shutil.copytree(source, rootfs / "etc/apt" / source.name, dirs_exist_ok=True)
        else:
            shutil.copy(source, rootfs / "etc/apt")
    with subprocess.Popen(["tar", "-C", str(rootfs), "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(
            ["docker", "import", "-", name], stdin=tar.stdout, env=engine.environment, check=True
        )


def _image(
    engine: Engine,
    scratch: Path,
    tag: str,
    name: str,
    arguments: Mapping[str, str],
    files: Mapping[str, Path] | None = None,
) -> str:
    """Build images/NAME with `files` (path in the context: source) beside its Dockerfile."""
    context = scratch / f"context-{name}"
    shutil.copytree(_SOURCES / name, context)
    for target, source in (files or {}).items():
        place = context / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True)
        else:
            shutil.copy(source, place)
    image = f"stockstream-lab/{name}:{tag}"
    given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    # The host's network, so that the build sees the machine's name servers.
    command = ["docker", "build", "--quiet", "--network", "host", "--tag", image, *given]
    engine.run([*command, str(context)], timeout_s=900)
    return image


def _node_files() -> dict[str, Path]:
    """Return where the machine's node and npm are, by their place under the image's root."""
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node and npm, "node and npm are needed to make the node image: install them"
    package = Path(npm).resolve().parents[1]  # .../npm/bin/npm-cli.js
    return {"usr/bin/node": Path(node).resolve(), "usr/lib/npm": package}


def _collect_jars(directory: Path) -> None:
    """Copy Kafka's jars, and the one with its command line tools, which no broker needs."""
    directory.mkdir()
    for jar in jars.class_path().split(os.pathsep):
        shutil.copy(jar, directory)
    coordinate = f"org.apache.kafka:kafka-tools:{jars.VERSION}"
    context = MavenContext(repo_cache=directory.parent / "repository")
    shutil.copy(context.create_dependency(coordinate).artifact.resolve(), directory)
