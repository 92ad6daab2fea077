"""What the dashboard takes from npm."""

import json

from stockstream import config

STATIC = config.ROOT / "static"


def test_npm_lock_pins_everything_and_names_no_registry() -> None:
    """Each machine asks the registry that it is set up for, and gets the same bytes from it."""
    wanted = json.loads((STATIC / "package.json").read_text())["dependencies"]
    lock = json.loads((STATIC / "package-lock.json").read_text())["packages"]
    locked = {name: package for name, package in lock.items() if name}
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(package["integrity"].startswith("sha512-") for package in locked.values())
    assert not [name for name, package in locked.items() if "resolved" in package]
