"""Every command in the Phase 2 documents is run as it stands there, on the running stack."""

import re
from collections.abc import Iterator

import pytest

from lab.swarm import FIRST, NODES, Swarm
from stockstream.config import ROOT
from support.waiting import wait_for

_CODE = re.compile(r"^```sh\n(.*?)^```|`(\./scripts/[^`]+|curl [^`]+|docker [^`]+)`", re.S | re.M)
#: Not run here, and why.
_NOT_HERE = {
    "docker swarm": "the lab has formed its Swarm with init and join",
    "docker save": "so the lab brings the images",
    "docker load": "so the lab brings the images",
    "build-image.sh": "tests/compose builds with it; there is no registry to push to",
    "docker node demote": "a node that is taken out does not come back",
    "docker node rm": "a node that is taken out does not come back",
    "--nodes n1,n2,n4": "there is no fourth node; test_b_health.py moves labels",
    "--availability drain": "its tasks would go, and not come back by themselves",
    "--allow-": "test_b_health.py needs them",
    "remove.sh": "test_b_health.py removes the stack",
    "roll.sh": "test_b_health.py and test_c_load.py roll the stack",
    "zookeeper-2=0": "its volumes would have to be deleted",
    " prune": "they delete what others have left on the machine",
}
#: Named in the text, not to be run as they stand.
_NAMES = ("docker service scale", "docker stack deploy", "docker run", "docker stack rm")


def documents() -> list[str]:
    return ["phase2-setup.md", "troubleshooting-swarm.md"] + sorted(
        f"runbooks/{path.name}" for path in (ROOT / "docs/runbooks").glob("*.md")
    )


def commands(document: str) -> Iterator[str]:
    """Yield the commands of the blocks and of the text, in the order of the document."""
    text = (ROOT / "docs" / document).read_text()
    for block, inline in _CODE.findall(text):
        for command in block.splitlines() or [" ".join(inline.split())]:
            if command not in _NAMES and not any(word in command for word in _NOT_HERE):
                yield command


def documented() -> list[tuple[str, str]]:
    """Return each command once, with the first document that has it."""
    found: dict[str, str] = {}
    for name in documents():
        for command in commands(name):
            found.setdefault(command, name)
    return [(name, command) for command, name in found.items()]


def test_documents_have_commands() -> None:
    """The commands are found at all: those of blocks, and those in the text."""
    found = [command for _, command in documented()]
    assert len(found) > 30
    assert "./scripts/deploy.sh --check" in found  # in a text
    assert "docker node ls" in found  # in a block


def test_runbooks_are_all_in_the_health_check_s_list() -> None:
    """The set-up guide leads to each runbook."""
    text = (ROOT / "docs/phase2-setup.md").read_text()
    for path in (ROOT / "docs/runbooks").glob("*.md"):
        assert f"(runbooks/{path.name})" in text.replace("\n", "")


@pytest.mark.parametrize(("document", "command"), documented())
def test_documented_command_works(stack: Swarm, document: str, command: str) -> None:
    """The command ends with exit code 0 on the stack, as soon as that is well."""
    here = command.replace("NODE_ADDRESS", stack.address(FIRST)).replace(" NODE", f" {NODES[1]}")

    def attempt() -> str:
        done = stack.engine_of(FIRST).run(
            ["bash", "-c", f"cd {ROOT} && {here}"], check=False, timeout_s=900
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    wait_for(attempt, lambda said: said is not None)
