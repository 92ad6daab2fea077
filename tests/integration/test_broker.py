"""The local Kafka: a real broker that comes back on its ports and keeps its data."""

from collections.abc import Callable

from confluent_kafka import Consumer, Producer

from stockstream.local.broker import Broker
from support.kafka import create_topic


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
