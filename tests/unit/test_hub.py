"""The hub alone: who gets what, with an outbox that only remembers."""

import pytest

from stockstream.bridge.client import Client
from stockstream.bridge.hub import Hub
from stockstream.bridge.stats import Stats
from stockstream.succession import NEW_RUN_MS
from stockstream.tick import Stored, Tick
from support.outbox import FakeOutbox


@pytest.fixture
def hub() -> Hub:
    """Return a hub whose stream is open."""
    made = Hub(("AAPL",), {}, Stats())
    made.open("epoch", {}, {0: 0})
    return made


@pytest.fixture
def client_factory(hub: Hub):
    """Return a function that connects a client and forgets its welcome."""

    def connect() -> Client:
        client = Client.__new__(Client)
        client.outbox, client.ended_by = FakeOutbox(), ""
        client.joined, client.symbols, client.group = False, 0, None
        client.max_rate = None
        hub.add(client)
        client.outbox.events()
        return client

    return connect


def stored(symbol: str, sequence: int, offset: int = 0, timestamp: int = 0) -> Stored:
    """Return a tick on partition 0."""
    return Stored(Tick(symbol, 1.0, 1, timestamp, sequence), 0, offset)


def ticks(client: Client) -> list[tuple[str, int]]:
    """Return the symbol and sequence of the ticks that the client was sent."""
    data = [event["data"] for event in client.outbox.events() if event["event"] == "stock-tick"]
    return [(tick["symbol"], tick["sequence"]) for tick in data]


def test_publish_writes_a_batch_once_to_each_client(hub: Hub, client_factory) -> None:
    """However many ticks a batch has, a client gets one write, of its symbols, in order."""
    some, everything, nothing = client_factory(), client_factory(), client_factory()
    hub.subscribe(some, frozenset({"A", "C"}))
    hub.join(everything)
    some.outbox.events(), everything.outbox.events()
    hub.publish([stored("A", 1), stored("B", 1), stored("C", 1), stored("A", 2)], {0: 4})
    assert [len(c.outbox.writes) for c in (some, everything, nothing)] == [1, 1, 0]
    assert ticks(some) == [("A", 1), ("C", 1), ("A", 2)]
    assert ticks(everything) == [("A", 1), ("B", 1), ("C", 1), ("A", 2)]


def test_subscribe_snapshot_has_only_what_is_new(hub: Hub, client_factory) -> None:
    """A second subscription does not repeat the symbols of the first."""
    hub.publish([stored("A", 1), stored("B", 1)], {0: 2})
    client = client_factory()
    for wanted, expected in (({"A"}, ["A"]), ({"A", "B"}, ["B"]), ({"A"}, [])):
        hub.subscribe(client, frozenset(wanted))
        [snapshot] = client.outbox.events()
        assert [tick["symbol"] for tick in snapshot["data"]["ticks"]] == expected
        assert snapshot["data"]["positions"] == {"0": 2}


def test_publish_repeat_is_dropped_but_a_new_run_is_not(hub: Hub, client_factory) -> None:
    """A sequence that is not above the last is a repeat, unless it is much later: then it counts.

    Both are counted, and a new run is told of, with the tick before it.
    """
    client, told = client_factory(), []
    hub.on_new_run = lambda found, last: told.append((found.tick.sequence, last.tick.sequence))
    hub.join(client)
    hub.publish([stored("A", 5), stored("A", 5), stored("A", 4), stored("A", 6)], {0: 4})
    assert ticks(client) == [("A", 5), ("A", 6)]
    hub.publish([stored("A", 1, timestamp=NEW_RUN_MS), stored("A", 2)], {0: 6})
    assert ticks(client) == [("A", 1), ("A", 2)]
    assert (told, hub._stats.new_runs, hub._stats.duplicates) == ([(1, 6)], 1, 2)


def test_publish_goes_on_after_a_tick_that_it_fails_on(
    hub: Hub, client_factory, monkeypatch
) -> None:
    """One tick that nobody thought of is told and left out; the others are published."""
    frame, faults = Hub._frame, []

    def fail(self: Hub, tick: Stored) -> bytes:
        if tick.tick.symbol == "B":
            raise ValueError("made to fail by the test")
        return frame(self, tick)

    monkeypatch.setattr(Hub, "_frame", fail)
    hub.on_fault = lambda tick, error: faults.append((tick.tick.symbol, str(error)))
    client = client_factory()
    hub.join(client)
    hub.publish([stored("A", 1), stored("B", 1), stored("C", 1)], {0: 3})
    assert ticks(client) == [("A", 1), ("C", 1)]
    assert faults == [("B", "made to fail by the test")]
    assert hub.newest.keys() == {"A", "C"}
    assert hub.positions == {0: 3}


def test_remove_leaves_no_trace_of_the_client(hub: Hub, client_factory) -> None:
    """Groups and routes go with their last member: a million visitors leave nothing behind."""
    clients = [client_factory() for _ in range(3)]
    for number, client in enumerate(clients):
        hub.subscribe(client, frozenset({"A", f"S{number}"}))
    hub.join(clients[0])
    for client in clients:
        hub.remove(client)
    hub.sweep_symbols()
    assert (hub.clients, hub.subscriptions.groups, hub.symbols.unknown) == (set(), {}, set())


def test_remove_of_clients_that_were_closed_leaves_their_followers_alone(
    hub: Hub, client_factory
) -> None:
    """A close takes a client out of its group first; the hub forgets it later, in any order."""
    closed = [client_factory() for _ in range(2)]
    for client in closed:
        hub.join(client)
    for client in closed:
        client.group.part(client)  # as their outboxes do before a Close
    hub.remove(closed[0])
    follower = client_factory()
    hub.join(follower)
    hub.remove(closed[1])
    follower.outbox.events()
    hub.publish([stored("A", 1)], {0: 1})
    assert ticks(follower) == [("A", 1)]


def test_open_again_tells_every_client_the_new_epoch(hub: Hub, client_factory) -> None:
    """A topic made anew begins with welcome and snapshot for those who wait."""
    subscriber, visitor = client_factory(), client_factory()
    hub.subscribe(subscriber, frozenset({"A"}))
    subscriber.outbox.events()
    hub.open("other", {"A": stored("A", 1)}, {0: 1})
    assert [event["event"] for event in subscriber.outbox.events()] == ["welcome", "snapshot"]
    assert [event["data"]["epoch"] for event in visitor.outbox.events()] == ["other"]
