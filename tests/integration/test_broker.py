"""The local Kafka: a real broker that comes back on its ports and keeps its data."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from stockstream.local.broker import Broker, PortTaken
from stockstream.local.ports import free_port
from support.kafka import create_topic


def test_broker_on_a_taken_port_says_so(tmp_path: Path) -> None:
    """Kafka ends where its port is taken; the error names the port, not a stack trace."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is taken"):
            Broker(tmp_path, port).start()


def _write(broker: Broker, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all"})
    producer.produce(topic, value)
    assert producer.flush(120) == 0


def _read(broker: Broker, topic: str, count: int) -> set[bytes]:
    options = {"group.id": "reader", "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, **options})
    consumer.subscribe([topic])
    values = {record.value() for record in consumer.consume(count, 120)}
    consumer.close()
    return values


def test_broker_after_stop_and_kill_keeps_address_and_data(
    broker_factory: Callable[[], Broker],
) -> None:
    """What was acknowledged is there after a clean stop and after a SIGKILL, at one address."""
    broker = broker_factory()
    topic = create_topic(broker.bootstrap)
    _write(broker, topic, b"first")
    broker.stop()
    assert not broker.part.running
    broker.start()
    _write(broker, topic, b"second")
    broker.kill()
    assert not broker.part.running
    broker.start()
    assert _read(broker, topic, 2) == {b"first", b"second"}
