"""Every command in the Phase 1 documents is run as it stands there, on the running stack."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.stack import Stack
from stockstream.config import ROOT
from support.waiting import wait_for

_CODE = re.compile(r"^```sh\n(.*?)^```|`([^`\n]+)`", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(
    r"docker compose -f |\./scripts/|curl |docker stats --|[A-Z_]+=\S+ docker compose -f "
)
#: Not run here: the web UI's image is the registry's.
_NOT_HERE = ("--profile tools",)
#: `logs -f` and the like go on for ever: this is how long they are watched.
_WATCHED_S = 3


def commands(document: str) -> Iterator[str]:
    """Yield the commands of the blocks and of the text, in the order of the document."""
    text = (ROOT / "docs" / document).read_text()
    before, heading, table = text.partition("## Commands that people know")
    # What is known from elsewhere stands in the table's left column.
    ours = "\n".join(line.rpartition(" | ")[2] for line in table.splitlines())
    for block, inline in _CODE.findall(before + heading + ours):
        for command in block.splitlines() or [inline]:
            if (block or _COMMAND.match(command)) and not any(n in command for n in _NOT_HERE):
                yield command


def documented() -> list[tuple[str, str]]:
    """Return each document's commands, the repeated ones once."""
    documents = ("phase1-setup.md", "troubleshooting.md")
    return [(name, command) for name in documents for command in dict.fromkeys(commands(name))]


@pytest.fixture(scope="module")
def read_from(stack: Stack) -> set[str]:
    """The documents whose first command was run: each starts with everything up."""
    return set()


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the documented backup lies, and is put back from."""
    return tmp_path_factory.mktemp("backup")


def test_documents_have_commands() -> None:
    """The commands are found at all, those of the table included."""
    found = [command for _, command in documented()]
    assert len(found) > 30
    assert any(" logs -f " in command for command in found)


@pytest.mark.parametrize(("document", "command"), documented())
def test_documented_command_works(
    stack: Stack, read_from: set[str], backup: Path, document: str, command: str
) -> None:
    """The command ends with exit code 0, in the order and on the stack of the documents."""
    if document not in read_from:
        read_from.add(document)
        wait_for(lambda: stack.compose("up", "-d") is not None)
    # The tests' ports may be others than the documented ones, where those are taken.
    shown = command.replace("localhost:8080", f"localhost:{stack.bridge_port}")
    follows = " logs -f " in command
    run = ["timeout", str(_WATCHED_S)] if follows else []
    variables = stack.variables | {
        "KAFKA_BOOTSTRAP_SERVERS": f"localhost:{stack.kafka_port}",
        "TMPDIR": str(backup),
    }

    def attempt() -> str:
        done = stack.engine.run(
            [*run, "bash", "-c", f"cd {ROOT} && {shown}"], check=False, **variables
        )
        assert done.returncode == (124 if follows else 0), done.stdout + done.stderr
        return done.stdout + done.stderr

    wait_for(attempt, lambda said: said is not None)
