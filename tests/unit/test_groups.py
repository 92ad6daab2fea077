"""Paced clients: who gets which tick when, and whether every tick is accounted for."""

import random

import pytest

from stockstream.bridge import paced, protocol
from stockstream.bridge.client import Client
from stockstream.bridge.hub import Hub
from stockstream.bridge.paced import PacedGroup
from stockstream.bridge.rounds import Round
from stockstream.bridge.stats import Stats
from stockstream.tick import Stored, Tick
from support.outbox import FakeOutbox

SYMBOLS = "ABC"


class Clock:
    """A time that the test moves."""

    now_s = 1000.0

    def monotonic(self) -> float:
        """Return the time, in s."""
        return self.now_s


class Visitor:
    """A paced client, with all that it has to be told since its snapshot."""

    def __init__(
        self, hub: Hub, rate: float, published: dict[str, int], symbols: str = SYMBOLS
    ) -> None:
        self.client = Client.__new__(Client)
        self.client.outbox, self.client.joined, self.client.group = FakeOutbox(), False, None
        self.client.symbols, self.client.max_rate = 0, None
        hub.add(self.client)
        if symbols == SYMBOLS:
            hub.join(self.client, rate)
        else:
            hub.subscribe(self.client, symbols, max_rate=rate)
        self.client.outbox.events()
        self.symbols = symbols
        self.reached = {symbol: published[symbol] for symbol in symbols}
        self.start = sum(self.reached.values())
        self.received = self.told = 0
        self.heard_s: dict[str, list[float]] = {symbol: [] for symbol in symbols}

    def hear(self, now_s: float) -> None:
        """Take what has come; fail where a tick is late or came twice."""
        for event in self.client.outbox.events():
            data = event["data"]
            if event["event"] == "conflated":
                self.told += data["skipped"]
            else:
                assert data["sequence"] > self.reached.get(data["symbol"], 0), data
                self.reached[data["symbol"]] = data["sequence"]
                self.received += 1
                self.heard_s[data["symbol"]].append(now_s)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """Return the clock by which the groups go."""
    made = Clock()
    monkeypatch.setattr(paced, "time", made)
    return made


def pace_many(clock: Clock, seed: int, rate: float) -> None:
    """Fail unless clients that come and go at random each get an exact account."""
    chance = random.Random(seed)
    hub = Hub((), {}, Stats())
    hub.open("epoch", {}, {0: 0})
    published = dict.fromkeys(SYMBOLS, 0)
    present: list[Visitor] = []
    for offset in range(400):
        clock.now_s += chance.random() * 0.2
        hub.release(clock.now_s)
        if chance.random() < 0.05:
            symbols = chance.choice((SYMBOLS, "A", "BC", "CA"))
            present.append(Visitor(hub, rate, published, symbols))
        if chance.random() < 0.04 and present:
            part(hub, present.pop(chance.randrange(len(present))), published, clock)
        symbol = chance.choice(SYMBOLS)
        published[symbol] += 1
        hub.publish([Stored(Tick(symbol, 1.0, 1, 0, published[symbol]), 0, offset)], {0: offset})
        for visitor in present:
            visitor.hear(clock.now_s)
    for _ in range(100):  # nothing more is published: all that is withheld comes
        clock.now_s += 1
        hub.release(clock.now_s)
    for visitor in present:
        visitor.hear(clock.now_s)
        check(visitor, published, 1 / rate)
    assert hub.release(clock.now_s) is None, "it never rests"


def part(hub: Hub, visitor: Visitor, published: dict[str, int], clock: Clock) -> None:
    """Let a client leave the group: it gets at once what it has to its credit."""
    hub.unsubscribe_all(visitor.client)
    visitor.hear(clock.now_s)
    check(visitor, published, interval_s=0)
    hub.remove(visitor.client)


def check(visitor: Visitor, published: dict[str, int], interval_s: float) -> None:
    """Fail unless it got the newest ticks, all are accounted for, and none came too soon."""
    made = {symbol: published[symbol] for symbol in visitor.symbols}
    assert visitor.reached == made
    assert visitor.received + visitor.told == sum(made.values()) - visitor.start
    for times in visitor.heard_s.values():
        gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
        assert all(gap >= interval_s - 1e-9 for gap in gaps), gaps


@pytest.mark.parametrize("rate", [0.5, 2, 50])
def test_pace_clients_that_come_and_go_get_the_newest_and_an_exact_count(
    clock: Clock, rate: float
) -> None:
    """One tick in an interval at most, the newest at the end, and no tick unaccounted for."""
    for seed in range(30):
        pace_many(clock, seed, rate)


@pytest.mark.parametrize("fault", ["add", "_skip", "release", "_skipped_of"])
def test_pace_with_a_fault_is_noticed(clock: Clock, monkeypatch, fault: str) -> None:
    """A group that forgets what newcomers had, miscounts, or gives all at once, fails."""
    faults = {
        "add": add_without_history,
        "_skip": skip_uncounted,
        "release": release_all,
        "_skipped_of": skipped_of_all,
    }
    monkeypatch.setattr(PacedGroup, fault, faults[fault])
    with pytest.raises(AssertionError):
        for seed in range(30):
            pace_many(clock, seed, 2)


def add_without_history(self: PacedGroup, client: Client) -> None:
    """Forget that the newcomer's snapshot had the withheld ticks."""
    self._wanted = self.wanted | client.wanted
    self.members[client] = client.wanted
    self._known[client] = self._skipped_of(client.wanted)


def skip_uncounted(self: PacedGroup, number: int) -> None:
    """Leave a tick out without a word."""
    del self._withheld[number]


def release_all(self: PacedGroup, now_s: float) -> None:
    """Give what is withheld before its time, and as often as asked."""
    numbers = list(self._withheld)
    ready = Round([tick for _, tick in self._withheld.values()], numbers)
    self._withheld.clear()
    self._queue.clear()
    self._write(ready, now_s)


def skipped_of_all(self: PacedGroup, symbols: int) -> int:
    """Tell each member of the ticks that were left out for any."""
    return sum(digits.bit_count() << bit for bit, digits in enumerate(self._skipped))


def test_pace_members_share_their_frames(clock: Clock) -> None:
    """However many clients have one rate, a tick is withheld, joined and timed once."""
    hub = Hub((), {}, Stats())
    hub.open("epoch", {}, {0: 0})
    visitors = [Visitor(hub, 1, dict.fromkeys(SYMBOLS, 0)) for _ in range(3)]
    for sequence in range(1, 5):
        hub.publish([Stored(Tick("A", 1.0, 1, 0, sequence), 0, sequence)], {0: sequence + 1})
    [group] = hub.subscriptions.paced.values()
    assert len(group._withheld) == 1
    clock.now_s += 1
    hub.release(clock.now_s)
    written = [visitor.client.outbox.writes[-1] for visitor in visitors]
    assert written[0] is written[1] is written[2]
    assert written[0].startswith(protocol.conflated(2))
