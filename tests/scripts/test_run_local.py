"""scripts/run-local.sh from a clean clone: the real thing, with nothing but Python installed."""

import os
import pty
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.checkout import NO_NETWORK, Checkout, Script
from support.namespaces import with_small_disk, without_network
from support.waiting import wait_for

# The first start downloads Python, npm and Maven packages, a Node and a Java.
pytestmark = pytest.mark.timeout(900)

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def assert_nothing_runs(script: Script) -> None:
    """Wait until no process of the script is there, wherever it went."""
    wait_for(script.processes, lambda processes: not processes)


def test_run_local_clean_clone_shows_live_prices_until_ctrl_c(first_run: Any) -> None:
    """One command in a clean clone: the page, its libraries and live ticks; Ctrl-C ends it all."""
    assert "Starting Kafka" in first_run.output
    assert first_run.pages == {"/": 200, "/vendor/chart.js": 200, "/health": 200}
    assert {tick["symbol"] for tick in first_run.ticks} >= {"AAPL", "MSFT"}
    assert first_run.output.rstrip().endswith("Stopped.")
    assert first_run.exit_code == 0
    assert first_run.left == []


def test_run_local_second_start_needs_no_network_and_keeps_the_data(
    run_local: Callable[..., Any], first_run: Any
) -> None:
    """Without a network it starts at once, fetches nothing, and the topic is still the same."""
    run = run_local(prefix=without_network())
    assert run.script.output.startswith("Starting Kafka")
    assert "is there, left alone" in run.script.output
    assert run.topic_id == first_run.topic_id
    run.script.signal_group(INT)
    assert run.script.wait() == 0


def test_run_local_fresh_drops_the_data(run_local: Callable[..., Any], first_run: Any) -> None:
    """--fresh starts with a new topic; SIGTERM to the script alone ends it all."""
    run = run_local("--fresh", "--symbols", "NVDA", "--interval", "0.2")
    assert run.topic_id != first_run.topic_id
    run.script.signal_alone(TERM)
    assert run.script.wait() == 0
    assert_nothing_runs(run.script)


@pytest.mark.parametrize(
    ("name", "words"),
    [("Kafka", "kafka.Kafka"), ("producer", "stockstream producer"), ("bridge", "gunicorn")],
)
def test_run_local_dead_part_is_named_and_ends_all(
    run_local: Callable[..., Any], name: str, words: str
) -> None:
    """Whichever part dies, its name and last lines are shown, and nothing goes on without it."""
    run = run_local()
    part = run.script.part(words)
    part.kill()
    assert run.script.wait() == 1
    assert f"{name} has ended (killed by SIGKILL); the last lines of " in run.script.output
    assert f"/.local/logs/{name.lower()}.log:\n" in run.script.output
    assert_nothing_runs(run.script)


def test_run_local_killed_runner_leaves_no_process(run_local: Callable[..., Any]) -> None:
    """Even a SIGKILL of the runner ends what it has started."""
    run = run_local()
    run.script.signal_alone(signal.SIGKILL)
    assert_nothing_runs(run.script)


@pytest.mark.parametrize(
    ("moment", "signals"),
    [
        ("Starting Kafka", [TERM]),
        ("Starting the producer", [INT]),
        ("Waiting for the first tick", [INT, INT, TERM]),
    ],
    ids=["kafka", "producer", "tick"],
)
def test_run_local_signal_while_starting_leaves_no_process(
    launch_local: Callable[..., Any], moment: str, signals: list[signal.Signals]
) -> None:
    """A signal during the start, or several, ends it as cleanly as one later on."""
    script = launch_local().script
    script.wait_for_line(moment)
    script.signal_group(*signals)
    assert script.wait() == 0
    assert script.output.rstrip().endswith("Stopped.")
    assert_nothing_runs(script)


def test_run_local_signal_while_fetching_kafka_leaves_no_half_of_it(
    launch_local: Callable[..., Any], tmp_path: Path
) -> None:
    """A download that was interrupted is not taken for whole."""
    script = launch_local(XDG_CACHE_HOME=str(tmp_path)).script
    script.wait_for_line("Fetching Kafka")
    script.signal_group(INT)
    assert script.wait() == 0
    assert [path.name for path in (tmp_path / "stockstream").iterdir()] == ["kafka.lock"]


def test_run_local_closed_terminal_ends_it(launch_local: Callable[..., Any]) -> None:
    """When the terminal's window closes, nothing stays behind."""
    terminal, inside = pty.openpty()
    # What the leader of a session opens becomes the session's terminal.
    prefix = ["sh", "-c", f'exec "$@" <>{os.ttyname(inside)} >&0 2>&0', "sh"]
    script = launch_local(prefix=prefix).script
    shown = b""
    while b"Ctrl-C" not in shown:
        shown += os.read(terminal, 4096)
    os.close(inside)
    os.close(terminal)
    assert_nothing_runs(script)


def test_run_local_second_instance_says_that_one_runs(
    run_local: Callable[..., Any], launch_local: Callable[..., Any]
) -> None:
    """A second start in one checkout says where the first one is, and leaves it alone."""
    run = run_local()
    second = launch_local().script
    assert second.wait() == 2
    said = f"it already runs in this checkout: http://localhost:{run.port}, process "
    assert said in second.output
    run.script.signal_group(HUP)
    assert run.script.wait() == 0


def test_run_local_taken_port_is_one_sentence(checkout: Checkout) -> None:
    """A port that somebody has is refused at once, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = checkout.run("scripts/run-local.sh", "--port", str(port))
        assert script.wait() == 2
    sentence = f"stockstream: port {port} is taken: choose another one with --port\n"
    assert script.output == sentence


def test_run_local_bad_value_is_one_sentence(launch_local: Callable[..., Any]) -> None:
    """A value that makes no sense is refused before anything starts."""
    script = launch_local("--interval", "soon").script
    assert script.wait() == 2
    assert script.output.startswith("stockstream: TICK_INTERVAL=soon: expected seconds")


def test_run_local_without_kafka_falls_back_and_says_what_that_means(
    run_local: Callable[..., Any], tmp_path: Path
) -> None:
    """Without Kafka's jars and a network, ticks flow through librdkafka's in-process broker."""
    run = run_local(XDG_CACHE_HOME=str(tmp_path), **NO_NETWORK)
    assert "No real Kafka here: no network" in run.script.output
    assert "in-process broker: ticks stay in memory" in run.script.output
    run.script.signal_group(INT)
    assert run.script.wait() == 0


def test_run_local_set_up_without_network_is_one_sentence(untouched_clone: Checkout) -> None:
    """The first start says that it needs a network, where there is none."""
    script = untouched_clone.run("scripts/run-local.sh", **NO_NETWORK)
    assert script.wait() == 2
    last = script.output.splitlines()[-1]
    assert last.startswith("run-local.sh: no network: the first start downloads packages")


def test_run_local_set_up_on_a_full_disk_is_one_sentence(
    untouched_clone: Checkout, tmp_path: Path
) -> None:
    """The first start says that the disk is full, where it is."""
    small = tmp_path / "small disk"
    small.mkdir()
    prefix = with_small_disk(small, "8m", content=untouched_clone.path)
    script = untouched_clone.run(str(small / "scripts/run-local.sh"), prefix=prefix)
    assert script.wait(300) == 2
    assert script.output.splitlines()[-1].startswith("run-local.sh: the disk is full: make room")


def test_run_local_start_on_a_small_disk_is_one_sentence(
    launch_local: Callable[..., Any], checkout: Checkout
) -> None:
    """Too little room for Kafka's data is refused at once, with the figures."""
    prefix = with_small_disk(checkout.path / ".local", "8m")
    script = launch_local(prefix=prefix).script
    assert script.wait() == 2
    sentence = r"stockstream: .*/\.local has \d MiB left: expected at least 200; make room.*\n"
    assert re.fullmatch(sentence, script.output)


def test_run_local_disk_that_fills_up_is_named(
    run_local: Callable[..., Any], checkout: Checkout
) -> None:
    """When the disk fills up while it runs, that is what it says, and it ends."""
    run = run_local("--interval", "0", prefix=with_small_disk(checkout.path / ".local", "210m"))
    # The small disk is only in the script's own view of the file system.
    inside = Path(f"/proc/{run.script.part('kafka.Kafka').pid}/root{checkout.path}/.local")
    with (inside / "filler").open("wb") as filler:
        subprocess.run(["head", "-c", "1G", "/dev/zero"], stdout=filler, stderr=subprocess.DEVNULL)
    assert run.script.wait() == 1
    assert f"the disk of {checkout.path}/.local is full; " in run.script.output
    assert_nothing_runs(run.script)


def test_run_local_interrupted_set_up_recovers(
    checkout: Checkout, launch_local: Callable[..., Any]
) -> None:
    """A set-up that was ended in the middle leaves no process, and the next start mends it."""
    for stamp in (checkout.path / ".venv").glob("stockstream-*.stamp"):
        stamp.unlink()
    script = launch_local().script
    script.wait_for_line("Installing the Python packages")
    script.signal_alone(TERM)
    assert script.wait() == 143
    assert_nothing_runs(script)
    again = launch_local().script
    again.wait_for_line("Making .venv")
    again.wait_for_line("Ctrl-C")
    again.signal_group(INT)
    assert again.wait() == 0
