"""Waiting: a word now and then, and an end at once when asked."""

import os
import signal
import subprocess
import sys

from stockstream.waiting import Reminder


def test_reminder_is_due_at_once_then_not_again_for_its_time() -> None:
    """The first line is logged at once, the next one after the time that was given."""
    reminder = Reminder(every_s=3600)
    assert [reminder.due() for _ in range(3)] == [True, False, False]
    always = Reminder(every_s=0)
    assert [always.due() for _ in range(3)] == [True, True, True]


def test_stop_signal_during_a_wait_ends_it() -> None:
    """SIGTERM and SIGINT end a service that waits, with no other effect."""
    code = (
        "from stockstream.stopping import Stop; stop = Stop().on_signals();"
        "print('ready', flush=True); stop.wait(3600); print(stop.requested)"
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, number)
        assert process.communicate(timeout=120)[0] == b"True\n"
        assert process.returncode == 0
