"""The console consumer: what it prints, where it goes on, and how it ends."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from stockstream import config, tick
from stockstream.console.service import ConsoleConsumer
from stockstream.local.part import Part
from stockstream.stopping import Stop
from support.ticks import SYMBOLS, Ticker
from support.waiting import wait_for


@pytest.fixture
def ticker(kafka, topic: str) -> Ticker:
    """Return a writer of ticks to the test's topic."""
    return Ticker(kafka.bootstrap, topic)


@pytest.fixture
def variables(kafka, topic: str) -> dict[str, str]:
    """Return the variables of a consumer with a group of its own."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "KAFKA_TOPIC": topic,
        "CONSUMER_GROUP": f"console-{topic}",
    }


@pytest.fixture
def consumer_factory(service_factory, variables: dict[str, str]):
    """Return a function that starts `stockstream consumer` with these options, into a file."""
    return lambda *options: service_factory("consumer", *options, **variables)


def sequences(part: Part, symbol: str = "AAPL") -> list[int]:
    """Return the sequences of the symbol's lines, as printed so far."""
    words = [line.split() for line in part.log.read_text().splitlines()]
    return [int(word[4][1:]) for word in words if len(word) == 5 and word[1] == symbol]


def printed_json(part: Part) -> list[dict]:
    """Return the JSON lines that were printed so far."""
    lines = part.log.read_text().split("\n")[:-1]  # the last one may not be whole yet
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_consumer_in_a_pipe_prints_lines(consumer_factory, ticker: Ticker) -> None:
    """From the beginning: a line a tick, of every symbol, in the symbol's order."""
    ticker.round()
    part = consumer_factory("--from-beginning")
    wait_for(lambda: sequences(part) == [1])
    ticker.round()
    wait_for(
        lambda: [sequences(part, symbol) for symbol in SYMBOLS], lambda seen: seen == [[1, 2]] * 5
    )
    assert " AAPL 100.00 10 #1\n" in part.log.read_text()


def test_consumer_json_has_the_record_and_its_place(consumer_factory, ticker: Ticker) -> None:
    """--json with --symbols: these symbols only, with partition and offset."""
    ticker.round()
    part = consumer_factory("--from-beginning", "--json", "--symbols", "TSLA,AMZN")
    found = wait_for(lambda: printed_json(part), lambda seen: len(seen) == 2)
    assert {tick["symbol"] for tick in found} == {"TSLA", "AMZN"}
    assert found[0].keys() == {*tick.Tick.__struct_fields__, "partition", "offset"}
    ticker.round()
    wait_for(lambda: len(printed_json(part)) == 4)


def test_consumer_without_a_position_prints_what_is_new(consumer_factory, ticker: Ticker) -> None:
    """Without --from-beginning a new group begins with the next tick."""
    ticker.round(["AAPL"])
    part = consumer_factory()

    def printed_after_one_more() -> list[int]:
        ticker.round(["AAPL"])
        return sequences(part)

    first = wait_for(printed_after_one_more)[0]
    assert first > 1


def test_consumer_stopped_goes_on_where_it_was(consumer_factory, ticker: Ticker) -> None:
    """SIGTERM commits what was printed and exits 0; the next one goes on with the next tick."""
    ticker.round(["AAPL"])
    first = consumer_factory("--from-beginning")
    wait_for(lambda: sequences(first) == [1])
    first.signal(signal.SIGTERM)
    assert wait_for(lambda: [first.exit_code], lambda seen: seen != [None]) == [0]
    ticker.round(["AAPL"])
    second = consumer_factory()
    wait_for(lambda: sequences(second) == [2])
    second.signal(signal.SIGINT)
    assert wait_for(lambda: [second.exit_code], lambda seen: seen != [None]) == [0]


def test_consumer_killed_prints_again_but_misses_nothing(consumer_factory, ticker: Ticker) -> None:
    """After SIGKILL at any moment every tick has been printed at least once."""
    ticker.round(["AAPL"])
    first = consumer_factory("--from-beginning")
    wait_for(lambda: sequences(first) == [1])
    for _ in range(20):
        ticker.round(["AAPL"])
    wait_for(lambda: len(sequences(first)) > 5)
    first.kill()
    ticker.round(["AAPL"])
    second = consumer_factory()
    wait_for(lambda: sequences(second), lambda seen: seen and seen[-1] == 22)
    assert sorted({*sequences(first), *sequences(second)}) == list(range(1, 23))
    assert sequences(second) == list(range(sequences(second)[0], 23))


def test_consumers_of_a_group_hand_over_without_a_repeat(consumer_factory, ticker: Ticker) -> None:
    """One joins and leaves again while ticks come: each is printed once, by one of them."""
    first = consumer_factory()

    def tick_until(seen: Callable[[], bool]) -> None:
        def look() -> bool:
            ticker.round()
            return seen()

        wait_for(look)

    def all_of(part: Part) -> list[int]:
        return [sequence for symbol in SYMBOLS for sequence in sequences(part, symbol)]

    tick_until(lambda: all(len(sequences(first, symbol)) > 20 for symbol in SYMBOLS))
    started = {symbol: sequences(first, symbol)[0] for symbol in SYMBOLS}
    second = consumer_factory()
    tick_until(lambda: len(all_of(second)) > 100)
    second.signal(signal.SIGTERM)
    assert wait_for(lambda: [second.exit_code], lambda seen: seen != [None]) == [0]
    ticker.round()
    for symbol in SYMBOLS:
        last = ticker.sequences[symbol]
        wait_for(lambda symbol=symbol, last=last: sequences(first, symbol)[-1] == last)
        both = sorted(sequences(first, symbol) + sequences(second, symbol))
        assert both == list(range(started[symbol], last + 1))


class FailingDisplay:
    """Shows the first ticks, and then cannot show any more."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, ticks) -> None:
        """Fail from the third sequence on."""
        for stored in ticks:
            if stored.tick.sequence > 2:
                raise OSError("the screen is gone")
            self.shown.append(stored.tick.sequence)


def test_consumer_commits_only_what_was_shown(
    consumer_factory, ticker: Ticker, variables: dict[str, str]
) -> None:
    """A tick whose printing failed is printed by the next one: commits come after printing."""
    ticker.round(["AAPL"])
    display = FailingDisplay()
    settings = config.load(variables)
    consumer = ConsoleConsumer(settings, Stop(), display, from_beginning=True)

    def write_when_read(ticks) -> None:
        FailingDisplay.show(display, ticks)
        ticker.round(["AAPL"])

    display.show = write_when_read
    with pytest.raises(OSError, match="screen is gone"):
        consumer.run()
    assert display.shown == [1, 2]
    second = consumer_factory()
    wait_for(lambda: sequences(second) == [3])


def test_consumer_into_head_ends_quietly(ticker: Ticker, variables: dict[str, str]) -> None:
    """`| head -n 1` is no error: nothing on stderr, exit code 0."""
    ticker.round()
    command = [sys.executable, "-m", "stockstream", "consumer", "--from-beginning"]
    pipe = 'set -o pipefail; "$@" | head -n 1'
    environment = config.child_environment(**variables)
    with subprocess.Popen(
        ["bash", "-c", pipe, "bash", *command],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as shell:  # fmt: skip

        def ended() -> bool:
            ticker.round()  # a reader that is gone shows at the next write
            return shell.poll() is not None

        wait_for(ended)
        out, err = shell.communicate()
    assert (shell.returncode, len(out.splitlines()), err) == (0, 1, "")


def test_consumer_on_a_terminal_shows_a_live_table(
    ticker: Ticker, variables: dict[str, str]
) -> None:
    """On a terminal the symbols stand in a table that is redrawn in place."""
    ticker.round()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "stockstream", "consumer", "--from-beginning"]
    environment = config.child_environment(TERM="xterm", COLUMNS="100", **variables)
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs) as process:
        os.close(theirs)
        seen = b""

        def screen() -> bytes:
            nonlocal seen
            seen += os.read(ours, 65_536)
            return seen

        wait_for(screen, lambda text: all(symbol.encode() in text for symbol in SYMBOLS))
        ticker.round()
        wait_for(screen, lambda text: b"10 ticks" in text)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    os.close(ours)


def test_consumer_without_kafka_waits_and_says_so(service_factory, free_port: int) -> None:
    """Kafka's absence is a line in the log, and no reason to end."""
    part = service_factory("consumer", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}")
    wait_for(part.log.read_text, lambda text: "waiting: no broker answers at 127.0.0.1" in text)
    assert part.running
    part.signal(signal.SIGTERM)
    assert wait_for(lambda: [part.exit_code], lambda seen: seen != [None]) == [0]


def test_consumer_poison_records_are_skipped(consumer_factory, ticker: Ticker) -> None:
    """What is no tick is counted in the log, and the ticks around it are printed."""
    ticker.round(["AAPL"])
    for _ in range(100):
        ticker.record("AAPL", b"poison")
    ticker.round(["AAPL"])
    part = consumer_factory("--from-beginning")
    wait_for(lambda: sequences(part) == [1, 2])
    assert 1 <= part.log.read_text().count("are no ticks") < 10


def test_consumer_bad_symbol_is_refused(service_factory) -> None:
    """A symbol that cannot be one ends the command with 2 and a line that names it."""
    part = service_factory("consumer", "--symbols", "<b>")
    assert wait_for(lambda: [part.exit_code], lambda seen: seen != [None]) == [2]
    assert "STOCK_SYMBOLS=<b>: expected symbols such as" in part.log.read_text()
