"""A short part of each fuzz: `python tests/fuzz` does as many cases as one likes."""

import random
import subprocess
import sys

import pytest

from fuzz import frames, messages, records
from stockstream import config, tick
from support.bridge import Bridge
from support.ticks import Ticker

CASES = 300


def any_seed() -> int:
    """Return a seed of this run; each fuzz prints its own."""
    return random.randrange(1 << 32)


@pytest.fixture
def listener(bridge_factory) -> Bridge:
    """Return a bridge that listens to more messages than a client could otherwise send."""
    return bridge_factory(**messages.VARIABLES)


def test_fuzz_of_frames_harms_nothing(bridge: Bridge, ticker: Ticker) -> None:
    """Whatever frames come, the answers are a WebSocket's, and a healthy client gets its ticks."""
    frames.fuzz(bridge, ticker, CASES, any_seed())


def test_fuzz_of_frames_notices_a_bridge_that_fails(bridge_factory, ticker: Ticker) -> None:
    """A bridge that raises where it refuses a message leaves a traceback."""
    with pytest.raises(AssertionError, match="Traceback"):
        frames.fuzz(bridge_factory(broken="raises_when_it_refuses"), ticker, CASES, 1)


def test_fuzz_of_messages_harms_nothing(listener: Bridge, ticker: Ticker) -> None:
    """Each message is followed, or answered with a documented error."""
    messages.fuzz(listener, ticker, CASES, any_seed())


def test_fuzz_of_messages_notices_a_bridge_that_fails(bridge_factory, ticker: Ticker) -> None:
    """A bridge that raises where it refuses a message leaves a traceback."""
    broken = bridge_factory(broken="raises_when_it_refuses", **messages.VARIABLES)
    with pytest.raises(AssertionError, match="Traceback"):
        messages.fuzz(broken, ticker, CASES, 1)


def test_fuzz_of_records_ends_in_a_tick_or_a_record_error() -> None:
    """The decoder raises nothing else, and both ends are seen."""
    seen = records.fuzz_decoder(10 * CASES, any_seed())
    assert seen.keys() == {"tick", "refused"}


def test_fuzz_of_records_notices_a_decoder_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that lets another exception out fails the same check."""

    def fail(value: bytes | None) -> tick.Tick:
        raise ValueError("made to fail by the test")

    monkeypatch.setattr(tick, "decode", fail)
    with pytest.raises(AssertionError, match="ValueError"):
        records.fuzz_decoder(1, 1)


def test_fuzz_of_records_harms_nothing(bridge: Bridge, ticker: Ticker) -> None:
    """Whatever stands on the topic, a healthy client gets the ticks before, between and after."""
    records.fuzz(bridge, ticker, 2 * CASES, any_seed())


def test_fuzz_of_records_notices_a_feed_that_ends(bridge_factory, ticker: Ticker) -> None:
    """A bridge whose feed ends at a record that is no tick fails the same check."""
    with pytest.raises(AssertionError):
        records.fuzz(bridge_factory(broken="trusts_records"), ticker, CASES, 1)


def test_fuzz_prints_its_seed_and_what_came() -> None:
    """The command runs as the documents say, and the same seed means the same cases."""
    command = [sys.executable, str(config.ROOT / "tests/fuzz"), "messages"]
    done = subprocess.run(
        [*command, "--cases", "20", "--seed", "7"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "messages: 20 cases, seed 7" in done.stdout, done.stdout + done.stderr
    assert "longest stall" in done.stdout, done.stdout + done.stderr
    first, again = (messages.message(random.Random(7)) for _ in range(2))
    assert first == again
