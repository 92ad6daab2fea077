"""A directory for PATH with programs of our making in it, and links to some of the machine's."""

import shutil
from collections.abc import Iterable
from pathlib import Path


class Stubs:
    """The directory, and what its programs were asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path.with_name(f"{path.name}.log")
        path.mkdir()
        self._log.touch()

    def link(self, names: Iterable[str]) -> None:
        """Let the machine's own programs be found here."""
        for name in names:
            found = shutil.which(name)
            assert found, name
            (self.path / name).symlink_to(found)

    def add(self, name: str, code: str) -> None:
        """Put a program there: `code` is for sh, which has to do without any other program."""
        program = self.path / name
        program.write_text(f"#!/bin/sh\necho \"{name} $*\" >>'{self._log}'\n{code}\n")
        program.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """The command lines so far."""
        return self._log.read_text().splitlines()
