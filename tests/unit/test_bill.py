"""The bill of materials: the dashboard's libraries beside what was found in the image."""

import json

import pytest

from stockstream.config import ROOT
from stockstream.ops import bill

LOCK = {
    "packages": {
        "": {"name": "page", "version": "0.1.0"},
        "node_modules/@scope/font": {
            "version": "5.3.0", "license": "OFL-1.1", "integrity": "sha512-AAEC",
        },
        "node_modules/chart.js/node_modules/color": {
            "version": "0.3.4", "license": "MIT", "integrity": "sha1-/w==",
        },
        "node_modules/tool": {
            "version": "1.0.0", "license": "MIT", "integrity": "sha1-/w==", "dev": True,
        },
    }
}  # fmt: skip
PYTHON = {
    "bomFormat": "CycloneDX",
    "metadata": {"component": {"bom-ref": "root", "name": "stockstream"}},
    "components": [{"bom-ref": "click", "name": "click"}],
    "dependencies": [{"ref": "root", "dependsOn": ["click"]}, {"ref": "click"}],
}


def test_bill_has_the_pages_libraries_with_their_hashes() -> None:
    """Scoped and nested ones too; what only builds the page is not in the image."""
    made = bill.with_npm(PYTHON, LOCK)
    assert [(c["name"], c.get("group"), c.get("purl")) for c in made["components"]] == [
        ("click", None, None),
        ("font", "@scope", "pkg:npm/%40scope/font@5.3.0"),
        ("color", None, "pkg:npm/color@0.3.4"),
    ]
    assert [c.get("hashes") for c in made["components"][1:]] == [
        [{"alg": "SHA-512", "content": "000102"}],
        [{"alg": "SHA-1", "content": "ff"}],
    ]


def test_bill_root_depends_on_both_kinds() -> None:
    """The page is a part of the one thing that the image is."""
    graph = {
        entry["ref"]: entry.get("dependsOn")
        for entry in bill.with_npm(PYTHON, LOCK)["dependencies"]
    }
    assert graph == {
        "root": ["click", "pkg:npm/%40scope/font@5.3.0", "pkg:npm/color@0.3.4"],
        "click": None,
        "pkg:npm/%40scope/font@5.3.0": None,
        "pkg:npm/color@0.3.4": None,
    }
    assert PYTHON["dependencies"] == [{"ref": "root", "dependsOn": ["click"]}, {"ref": "click"}]


@pytest.mark.parametrize("name", ["chart.js", "inter"])
def test_bill_takes_the_lock_of_the_repository(name: str) -> None:
    """Each entry there has all that a line needs."""
    lock = json.loads((ROOT / "static/package-lock.json").read_text())
    assert name in [each["name"] for each in bill.with_npm(PYTHON, lock)["components"]]
