"""What the live checks ask: Kafka, and the bridge over WebSocket, in words for a check."""

import json
import socket
import time
import uuid

import msgspec

from stockstream import tick
from stockstream.config import Settings
from stockstream.kafka.cluster_admin import ClusterAdmin
from stockstream.kafka.publisher import Publisher
from stockstream.kafka.reader import Reader
from stockstream.ops.checks import CheckFailed
from stockstream.records import Records


class _Message(msgspec.Struct):
    event: str
    data: msgspec.Raw = msgspec.Raw()


def resolve(host: str) -> str:
    """Return the host's addresses."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise CheckFailed(f"no address for {host}: {error.strerror or error}") from error
    return ", ".join(sorted(map(str, found)))


def connect(address: str, timeout_s: float = 5) -> None:
    """Open a TCP connection to host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
    except OSError as error:
        raise CheckFailed(f"no connection to {address}: {error.strerror or error}") from error


def newest_tick_age_s(settings: Settings, partitions: int, timeout_s: float = 10) -> float:
    """Return the age of the newest tick on the topic, by its own timestamp or its arrival.

    A tick that claims to be from the future is no younger than its record.
    """
    reader = Reader(settings, settings.kafka_topic)
    try:
        ends = {p: reader.watermarks(p) for p in range(partitions)}
        last = {p: high - 1 for p, (low, high) in ends.items() if high > low}
        if not last:
            raise CheckFailed("no tick on the topic")
        records = Records(settings.max_clock_ahead)
        found = _times_s(reader, records, last, timeout_s)
        if not found:
            raise CheckFailed("expected a tick as the newest record, observed others only")
        return time.time() - max(found)
    finally:
        reader.close()


def _times_s(
    reader: Reader, records: Records, offsets: dict[int, int], timeout_s: float
) -> list[float]:
    """Return the time of each tick from `offsets` on, once every partition has given a record."""
    reader.assign(offsets)
    deadline, waiting, found = time.monotonic() + timeout_s, set(offsets), list[float]()
    while waiting:
        if time.monotonic() > deadline:
            raise CheckFailed(f"{len(waiting)} partitions gave no record: {reader.error}")
        for partition, _, stored in records.read(reader.read(0.5)):
            waiting.discard(partition)
            if stored is not None:
                found.append(stored.time_ms / 1000)
    return found


def round_trip(settings: Settings, timeout_s: float = 20) -> str:
    """Write a record to a topic of its own, read it back, and delete the topic again."""
    admin, topic = ClusterAdmin(settings), f"validate-{uuid.uuid4()}"
    admin.create(topic, 1, 1, {})
    try:
        started = time.monotonic()
        _write(settings, topic, topic.encode(), timeout_s)
        _read(settings, topic, topic.encode(), timeout_s)
        return f"{(time.monotonic() - started) * 1000:.0f} ms"
    finally:
        admin.delete(topic)


def _write(settings: Settings, topic: str, value: bytes, timeout_s: float) -> None:
    publisher = Publisher(settings, topic)
    publisher.send(0, b"", [value])
    if not publisher.flush(timeout_s):
        publisher.drop_all()
        raise CheckFailed(f"a record was not acknowledged within {timeout_s:g} s")


def _read(settings: Settings, topic: str, value: bytes, timeout_s: float) -> None:
    reader = Reader(settings, topic)
    try:
        reader.assign({0: 0})
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if any(record.value() == value for record in reader.read(0.5)):
                return
        raise CheckFailed(f"the record did not come back within {timeout_s:g} s: {reader.error}")
    finally:
        reader.close()


def group_lag(admin: ClusterAdmin, group: str, topic: str, limit: int) -> str:
    """Return how far the group is behind on the topic, in records."""
    behind = admin.lag(group, topic)
    if not behind:
        raise CheckFailed(f"expected {group} to have committed, observed nothing")
    if sum(behind.values()) > limit:
        raise CheckFailed(f"expected at most {limit} records, observed {sum(behind.values())}")
    return f"{sum(behind.values())} records"


def tick_over_websocket(url: str, timeout_s: float, limit_s: float) -> str:
    """Subscribe to every symbol and wait for a live tick; return its symbol and age."""
    # Only the machine that validates needs a client; the image does without.
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect as open_websocket

    deadline = time.monotonic() + timeout_s
    where = url.replace("http", "ws", 1) + "/ws"
    try:
        with open_websocket(where, open_timeout=5, proxy=None) as client:
            client.send(json.dumps({"event": "subscribe", "data": {"symbols": "*"}}))
            while (left_s := deadline - time.monotonic()) > 0:
                message = msgspec.json.decode(client.recv(left_s), type=_Message)
                if message.event == "stock-tick":
                    return _fresh(msgspec.json.decode(message.data, type=tick.Tick), limit_s)
    except TimeoutError:
        pass
    except (OSError, WebSocketException) as error:
        raise CheckFailed(f"{where}: {type(error).__name__}: {error}") from error
    except ValueError as error:
        raise CheckFailed(
            f"{where}: expected a bridge's message, observed another: {error}"
        ) from error
    raise CheckFailed(f"expected a tick within {timeout_s:g} s, observed none")


def _fresh(found: tick.Tick, limit_s: float) -> str:
    age_s = time.time() - found.timestamp / 1000
    if age_s > limit_s:
        raise CheckFailed(f"expected a tick of the last {limit_s:g} s, observed {age_s:.1f} s")
    return f"{found.symbol}, {age_s * 1000:.0f} ms old"
