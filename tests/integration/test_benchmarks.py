"""The benchmarks run as their page says, and measure something; the figures are not judged."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.fanout import Task, rows_of
from benchmarks.published import published
from benchmarks.words import message
from stockstream import config
from stockstream.bridge.protocol import parse
from support.ticks import SYMBOLS, Ticker

BENCHMARKS = config.ROOT / "tests/benchmarks"
PAGE = config.ROOT / "docs/performance.md"

pytestmark = [
    pytest.mark.skipif(
        shutil.which("cc") is None, reason="no C compiler: apt-get install build-essential"
    ),
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores"),
]


def run(kafka, name: str, *options: str) -> list[dict[str, Any]]:
    """Run a benchmark in a small way, on this Kafka or its own, and return its rows."""
    command = [sys.executable, str(BENCHMARKS), name, "--json"]
    command += ["--kafka", kafka.bootstrap] if kafka else []
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_positive(rows: list[dict[str, Any]], *columns: str) -> None:
    """Fail unless each row has a figure above 0 in each of these columns."""
    for row in rows:
        for column in columns:
            assert row[column] > 0, f"{column}: {row}"


def test_fanout_measures_every_server(kafka) -> None:
    """The bridge, with shared and own sets, the C loop and flask-sock deliver what was offered."""
    servers = "loop,bridge,own,flask-sock"
    small = ("--clients", "5", "--rate", "50", "--seconds", "1", "--warmup", "0.2")
    rows = run(kafka, "fanout", *small, "--servers", servers)
    assert [row["server"] for row in rows] == servers.split(",")
    check_positive(rows, "delivered/s", "last p50 ms", "ticks/read", "us/tick", "x loop")
    check_positive(rows, "server CPU %", "client CPU %", "its core %")
    for row in rows:
        assert row["skipped/s"] == 0
        assert 0 < row["p50 ms"] <= row["p99 ms"] <= row["max ms"] + 0.1, row
    assert rows[0]["x loop"] == 1


def test_fanout_compares_at_the_same_batch_size(kafka) -> None:
    """Whatever it costs to frame for each client alone, a burst of ticks comes as one batch."""
    small = ("--clients", "5", "--rate", "200", "--symbols", "20", "--burst", "50")
    servers = "bridge,own-live"
    rows = run(kafka, "fanout", *small, "--servers", servers, "--seconds", "1", "--warmup", "0.2")
    assert [row["server"] for row in rows] == servers.split(",")
    check_positive(rows[1:], "x shared", "p99 x shared")
    for row in rows:
        assert row["ticks/read"] > 2, row
        assert row["skipped/s"] == 0, row


def test_words_differ_where_they_say_so(tmp_path: Path) -> None:
    """Each client has a set or a rate of its own, also where the clients outnumber the symbols."""
    for way, symbols in (("own-live", 20), ("own-live", 9), ("rates", 20)):
        lines = Path(message(tmp_path, way, 20, symbols)[1:]).read_text().splitlines()
        assert len(lines) == len(set(lines)) == 20, way
        assert all(parse(line, 1_000).event == "subscribe" for line in lines)


def test_fanout_several_counts_of_clients_share_the_deliveries() -> None:
    """With --deliveries the rate falls as the clients become more; without it stays."""
    given = Namespace(
        clients="2,40", rate=7.0, deliveries=80.0, servers="loop", symbols=0, burst=0.0
    )
    assert list(rows_of(given)) == [Task(2, 40.0, "loop"), Task(40, 2.0, "loop")]
    given.deliveries = None
    assert list(rows_of(given)) == [Task(2, 7.0, "loop"), Task(40, 7.0, "loop")]


def test_slow_measures_with_and_without_stuck_clients(kafka) -> None:
    """The first row has none; those of the second are conflated to the end."""
    rows = run(kafka, "slow", "--stuck", "3", "--rate", "2000", "--seconds", "1", "--warmup", "0.2")
    assert [row["stuck"] for row in rows] == [0, 3]
    check_positive(rows, "ticks/s each", "p99 ms", "server CPU %", "memory MB")
    assert rows[1]["conflated"] >= 3


def test_idle_measures_memory_and_cpu() -> None:
    """A client that only stays costs something, and not a megabyte."""
    [row] = run(None, "idle", "--clients", "100", "--seconds", "1", "--warmup", "0.2")
    assert row["clients"] == 100
    assert 0 < row["KB each"] < 1000
    check_positive([row], "server CPU %")


def test_memory_measures_each_row(kafka) -> None:
    """What is invented, shared, withheld and stuck is all measured, each on a bridge of its own."""
    rows = run(kafka, "memory", "--clients", "10", "--rate", "2000", "--only", "symbol,stuck")
    assert [(row["what"], row["count"]) for row in rows] == [("stuck", 2), ("symbol", 100)]


def test_hostile_measures_both_sides(kafka) -> None:
    """Healthy clients are measured beside the same hostile ones at a sink and at the bridge."""
    few = ("--kinds", "join,malformed", "--hostile", "2", "--healthy", "3", "--rate", "200")
    rows = run(kafka, "hostile", *few, "--seconds", "1", "--warmup", "0.2", "--calm", "0")
    assert [(row["hostile"], row["to"]) for row in rows] == [
        ("join", "sink"), ("join", "bridge"), ("malformed", "sink"), ("malformed", "bridge"),
    ]  # fmt: skip
    check_positive(rows, "p99 ms", "p99 x sink", "sent KB/s", "server CPU %", "us/tick")
    for row in rows:
        assert 0 < row["p50 ms"] <= row["p99 ms"] <= row["max ms"] + 0.1, row
        assert row["missing %"] == row["healthy closed"] == 0, row
    assert not rows[0]["closed"]
    assert "with 1008" in rows[-1]["closed"]
    check_positive(rows[-1:], "errors/s", "connections/s")


def test_published_counts_the_ticks_of_a_time(kafka, topic: str, ticker: Ticker) -> None:
    """Ticks that were made before a time or after it are not counted."""
    moments_ms = []
    for count in (2, 3, 4):
        time.sleep(0.01)
        moments_ms.append(time.time_ns() // 1_000_000)
        for _ in range(count):
            ticker.round()
    assert published(kafka.bootstrap, topic, *moments_ms[:2]) == 2 * len(SYMBOLS)
    assert published(kafka.bootstrap, topic, moments_ms[1], moments_ms[2] + 600_000) == 35


def test_producer_measures_both_writers(kafka) -> None:
    """The producer and the bare loop write, and the ratio is that of their rates."""
    bare, made = run(kafka, "producer", "--seconds", "1", "--warmup", "100", "--rounds", "1")
    assert (bare["writer"], made["writer"]) == ("bare loop", "producer")
    check_positive([bare, made], "ticks/s", "CPU %", "us/tick")
    assert made["x bare"] == pytest.approx(made["ticks/s"] / bare["ticks/s"], abs=0.01)


def test_consumer_measures_every_reader(kafka) -> None:
    """Each of them prints the whole topic."""
    rows = run(kafka, "consumer", "--ticks", "30000")
    assert [row["reader"] for row in rows] == [
        "bare poll()", "bare consume()", "consumer", "consumer --json",
    ]  # fmt: skip
    check_positive(rows, "ticks/s", "CPU %", "us/tick")


def test_recovery_measures_who_goes_on_when() -> None:
    """The broker is killed and comes back; nobody gets a tick before Kafka has it."""
    [row] = run(None, "recovery", "--down", "1", "--rounds", "1")
    assert row["down s"] == 1
    check_positive([row], "Kafka's start s", "producer s", "client s")
    assert row["client behind producer s"] >= 0


def test_page_documented_commands_have_their_options() -> None:
    """Each benchmark has a command on docs/performance.md, and the options of that command."""
    commands = re.findall(r"^\.venv/bin/python tests/benchmarks (\w+)(.*)$", PAGE.read_text(), re.M)
    assert {name for name, _ in commands} == {*NAMES}
    for name, rest in commands:
        help_text = subprocess.run(
            [sys.executable, str(BENCHMARKS), name, "--help"],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
        for option in re.findall(r"--[a-z]+", rest):
            assert option in help_text, f"{name} {option}"
