"""What every client of ours is created with, and its errors in our words."""

from typing import Any

import confluent_kafka as ck

from stockstream.config import Settings
from stockstream.errors import KafkaError, KafkaUnavailable, TopicMissing

#: librdkafka takes syslog's numbers.
LOG_LEVELS = {"error": 3, "warning": 4, "info": 6, "debug": 7}

_E = ck.KafkaError
_UNAVAILABLE = {
    _E._TRANSPORT, _E._TIMED_OUT, _E._ALL_BROKERS_DOWN, _E._RESOLVE, _E._WAIT_COORD,
    _E.LEADER_NOT_AVAILABLE, _E.NOT_LEADER_FOR_PARTITION, _E.BROKER_NOT_AVAILABLE,
    _E.REQUEST_TIMED_OUT, _E.COORDINATOR_NOT_AVAILABLE, _E.COORDINATOR_LOAD_IN_PROGRESS,
    _E.NOT_COORDINATOR,
}  # fmt: skip
_MISSING = {_E.UNKNOWN_TOPIC_OR_PART, _E._UNKNOWN_TOPIC, _E._UNKNOWN_PARTITION}


def translate(error: Any) -> KafkaError:
    """Return our error for librdkafka's KafkaError or KafkaException."""
    cause = error.args[0] if isinstance(error, ck.KafkaException) else error
    if not isinstance(cause, ck.KafkaError):
        return KafkaError(str(cause))
    if cause.code() in _UNAVAILABLE:
        return KafkaUnavailable(cause.str())
    if cause.code() in _MISSING:
        return TopicMissing(cause.str())
    return KafkaError(cause.str())


def client_options(settings: Settings) -> dict[str, Any]:
    """Return what every client of ours is created with."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "client.id": "stockstream",
        "log_level": LOG_LEVELS[settings.kafka_log_level],
        "log.connection.close": False,
        # Back within a second of the broker's return; the default's 10 s is a long gap.
        "reconnect.backoff.max.ms": 1000,
        # With its default, all brokers down means a new set of brokers and no back-off: 20 tries
        # and log lines a second. Our brokers keep their names.
        "metadata.recovery.strategy": "none",
        "allow.auto.create.topics": False,
        "socket.keepalive.enable": True,
        # A machine that is gone refuses nothing and answers nothing: with the default of 60 s for
        # an answer, and 30 s to connect, a lost node stopped a producer for 62 s. Not below the
        # 9 s and a tick of 2 s after which ZooKeeper gives a broker up: until then a leader that
        # is well waits for a follower that is not.
        "socket.timeout.ms": 12_000,
        "socket.connection.setup.timeout.ms": 5_000,
    }
    if settings.kafka_log_level == "debug":
        options["debug"] = "broker,topic,cgrp,fetch,msg"
    return options
