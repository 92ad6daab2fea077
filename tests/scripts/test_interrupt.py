"""A script's first set-up is interrupted: what it has started ends with it."""

import os
import pty
import signal

import pytest

from support.checkout import Checkout
from support.waiting import wait_for

#: A Python whose pip begins to install, and goes on until it is ended.
SLOW_PIP = """#!/bin/sh
case "$*" in
*"pip install"*) exec sleep 6000 ;;
esac
"""


@pytest.fixture
def slow(untouched_clone: Checkout) -> Checkout:
    """Return a clone with a .venv where nothing is installed yet, and a slow pip."""
    python = untouched_clone.path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(SLOW_PIP)
    python.chmod(0o755)
    return untouched_clone


class Terminal:
    """A terminal with a script on it, as it stands while pip runs."""

    def __init__(self, checkout: Checkout, name: str) -> None:
        self._keys, inside = pty.openpty()
        # What the leader of a session opens becomes the session's terminal.
        prefix = ["sh", "-c", f'exec "$@" <>{os.ttyname(inside)} >&0 2>&0', "sh"]
        self.script = checkout.run(name, prefix=prefix)
        self.script.part("sleep 6000")
        os.close(inside)  # until the script has opened it, somebody has to

    def press_ctrl_c(self) -> str:
        """Press Ctrl-C, and return all that was shown at the script's end."""
        os.write(self._keys, b"\x03")
        shown = b""
        try:
            while more := os.read(self._keys, 4096):
                shown += more
        except OSError:  # nobody has the other end any more
            pass
        self.close()
        return shown.decode()

    def close(self) -> None:
        """Close the terminal's window."""
        os.close(self._keys)


@pytest.mark.parametrize("name", ["validate-project.sh", "create-topics.sh", "run-local.sh"])
def test_set_up_ctrl_c_ends_pip_too(slow: Checkout, name: str) -> None:
    """Ctrl-C on the terminal ends the script and the step that runs, which begins anew later."""
    terminal = Terminal(slow, f"scripts/{name}")
    assert "interrupted; the next start begins this step again" in terminal.press_ctrl_c()
    assert terminal.script.wait() == 130
    wait_for(terminal.script.processes, lambda processes: not processes)
    assert (slow.path / ".venv/stockstream.unfinished").exists()


def test_set_up_closed_terminal_ends_pip_too(slow: Checkout) -> None:
    """When the terminal's window closes, nothing stays behind."""
    terminal = Terminal(slow, "scripts/validate-project.sh")
    terminal.close()
    wait_for(terminal.script.processes, lambda processes: not processes)


def test_set_up_terminated_ends_pip_too(slow: Checkout) -> None:
    """`kill` of the script alone ends the step that runs."""
    script = slow.run("scripts/create-topics.sh")
    script.part("sleep 6000")
    script.signal_alone(signal.SIGTERM)
    assert script.wait() == 143
    wait_for(script.processes, lambda processes: not processes)


def test_set_up_in_a_checkout_that_cannot_be_written_says_so(untouched_clone: Checkout) -> None:
    """Where .local cannot be made, one sentence says so, and the exit code is 2."""
    (untouched_clone.path / ".local").write_text("in the way")
    script = untouched_clone.run("scripts/validate-project.sh")
    assert script.wait() == 2
    assert script.output == f"validate-project.sh: cannot write in {untouched_clone.path}\n"
