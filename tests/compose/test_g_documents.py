"""Every command in the Phase 1 documents is run as it stands there, on the running stack."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from lab.stack import SERVICES, Stack
from stockstream.config import ROOT
from support.waiting import wait_for

_CODE = re.compile(r"^```sh\n(.*?)^```|`([^`\n]+)`", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(
    r"docker compose -f |\./scripts/|curl |docker stats --|[A-Z_]+=\S+ docker compose -f "
)
#: Not run here: the web UI's image is the registry's, which is asked for a digest too.
_NOT_HERE = ("--profile tools", "imagetools inspect")
#: These go on for ever: this is how long they are watched.
_FOLLOWS = " logs -f "
_WATCHED_S = 3
#: After these something starts, which takes its time.
_STARTS = re.compile(r" (up -d|start|restart)\b")


def commands(document: str) -> Iterator[str]:
    """Yield the commands of the blocks and of the text, in the order of the document."""
    text = (ROOT / "docs" / document).read_text().replace(backup_section(), "")
    before, heading, table = text.partition("## Commands that people know")
    # What is known from elsewhere stands in the table's left column.
    ours = "\n".join(line.rpartition(" | ")[2] for line in table.splitlines())
    for block, inline in _CODE.findall(before + heading + ours):
        for command in block.splitlines() or [inline]:
            if (block or _COMMAND.match(command)) and not any(n in command for n in _NOT_HERE):
                yield command


def backup_section() -> str:
    """Return the section whose commands have a test of their own."""
    text = (ROOT / "docs/troubleshooting.md").read_text()
    return text.partition("## Backup of the volumes")[2].partition("\n## ")[0]


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


def run(stack: Stack, backup: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as it stands, in the repository's directory."""
    # The tests have ports of their own.
    shown = command.replace("localhost:8080", f"localhost:{stack.bridge_port}")
    variables = stack.variables | {
        "KAFKA_BOOTSTRAP_SERVERS": f"localhost:{stack.kafka_port}",
        "TMPDIR": str(backup),
    }
    watched = ["timeout", str(_WATCHED_S)] if _FOLLOWS in command else []
    return stack.engine.run(
        [*watched, "bash", "-c", f"cd {ROOT} && {shown}"], check=False, **variables
    )


def wait_until_well(stack: Stack) -> None:
    """Wait until all is as the documents' reader finds it: healthy, and ticks come."""
    if set(stack.inspect()) >= set(SERVICES):
        stack.wait_until_healthy()
        wait_for(lambda: ticks_seen(stack) > 0)


def ticks_seen(stack: Stack) -> int:
    """Return how many ticks the bridge has had since its start."""
    with urllib.request.urlopen(f"http://localhost:{stack.bridge_port}/metrics") as answer:
        return json.load(answer)["messagesProcessed"]


@pytest.mark.parametrize(("document", "command"), documented())
def test_documented_command_works(
    stack: Stack, read_from: set[str], backup: Path, document: str, command: str
) -> None:
    """The command ends with exit code 0, in the order and on the stack of the documents."""
    if document not in read_from:
        read_from.add(document)
        wait_for(lambda: stack.compose("up", "-d") is not None)
        wait_until_well(stack)
    done = run(stack, backup, command)
    if _FOLLOWS in command:
        assert done.returncode == 124, done.stdout + done.stderr  # until it was ended
        assert done.stdout
    else:
        assert done.returncode == 0, done.stdout + done.stderr
    if _STARTS.search(command):
        wait_until_well(stack)


def test_documented_backup_brings_back_what_was_there(stack: Stack, backup: Path) -> None:
    """What was written after the backup is gone again, and what was there before has come back."""
    blocks = re.findall(r"```sh\n(.*?)```", backup_section(), re.DOTALL)
    save, restore = (block.splitlines() for block in blocks)
    stack.up()
    before = topics(stack)
    for command in save:
        assert run(stack, backup, command).returncode == 0
    stack.wait_until_healthy()
    admin = AdminClient({"bootstrap.servers": f"localhost:{stack.kafka_port}"})
    admin.create_topics([NewTopic("later", 1, 1)])["later"].result(60)
    assert topics(stack) == before | {"later"}
    stack.compose("down")
    for command in restore:
        assert run(stack, backup, command).returncode == 0
    stack.wait_until_healthy()
    wait_for(lambda: topics(stack), lambda seen: seen == before)
    wait_until_well(stack)


def topics(stack: Stack) -> set[str]:
    admin = AdminClient({"bootstrap.servers": f"localhost:{stack.kafka_port}"})
    return set(admin.list_topics(timeout=30).topics)
