"""The image's bill of materials: what cyclonedx-py found in it, and the dashboard's libraries.

`python bill.py PYTHON_BOM PACKAGE_LOCK` prints it. scripts/lib/sbom.Dockerfile runs this file by
itself, so it imports nothing of ours.
"""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

_INSTALLED = "node_modules/"


def with_npm(bill: dict[str, Any], lock: dict[str, Any]) -> dict[str, Any]:
    """Return the bill (CycloneDX as JSON has it) with the packages of a package-lock.json.

    The dashboard is a part of the root component, so that depends on them.
    """
    libraries = sorted(_libraries(lock), key=lambda each: str(each["bom-ref"]))
    references = [each["bom-ref"] for each in libraries]
    root = bill["metadata"]["component"]["bom-ref"]
    graph = {entry["ref"]: dict(entry) for entry in bill.get("dependencies", [])}
    entry = graph.setdefault(root, {"ref": root})
    entry["dependsOn"] = sorted({*entry.get("dependsOn", []), *references})
    graph |= {reference: {"ref": reference} for reference in references}
    return {
        **bill,
        "components": [*bill.get("components", []), *libraries],
        "dependencies": [graph[name] for name in sorted(graph)],
    }


def _libraries(lock: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, entry in lock["packages"].items():
        if _INSTALLED not in path or entry.get("dev"):
            continue
        name = path.rpartition(_INSTALLED)[2]
        group, _, own_name = name.rpartition("/")
        purl = f"pkg:npm/{quote(name)}@{entry['version']}"
        algorithm, _, digest = entry["integrity"].partition("-")
        yield {
            "bom-ref": purl,
            "type": "library",
            **({"group": group} if group else {}),
            "name": own_name,
            "version": entry["version"],
            "purl": purl,
            "licenses": [{"license": {"id": entry["license"]}}],
            "hashes": [
                {
                    "alg": algorithm.upper().replace("SHA", "SHA-"),
                    "content": base64.b64decode(digest).hex(),
                }
            ],
        }


def _checked(text: str) -> str:
    """Return the bill's text where it keeps to the schema of its version, else end with 1."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    if problem := JsonStrictValidator(version).validate_str(text):
        sys.exit(f"bill.py: {problem}")
    return text


if __name__ == "__main__":
    given, locked = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:])
    print(_checked(json.dumps(with_npm(given, locked), indent=2)))  # noqa: T201
