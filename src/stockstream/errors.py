"""What can go wrong, in words that tell a user what to do next.

StockstreamError
├── ConfigError         a variable or an option has a bad value
├── RecordError         a record on the topic is not a tick
├── LocalError          a part of the local mode has ended, or does not come up
│   └── NotReady            the machine lacks something: a free port, room, a network
│       ├── NoRealKafka         Kafka's jars, or a Java to run them, are not to be had
│       └── WrongJar            a jar of Kafka's is not the one that is listed
├── StackError          the running stack cannot be found, or Docker not be asked
└── KafkaError          Kafka refused a request
    ├── KafkaUnavailable    no broker answers
    └── TopicMissing        the topic does not exist
"""


class StockstreamError(Exception):
    """Any error that stockstream raises on purpose; its text is for the user."""


class ConfigError(StockstreamError):
    """A variable or an option has a bad value; the text names it, and what was expected."""


class RecordError(StockstreamError):
    """A record on the topic is not a tick."""


class LocalError(StockstreamError):
    """A part of the local mode has ended, or does not come up."""


class NotReady(LocalError):
    """The machine lacks something that the local mode needs; the text says what to do."""


class NoRealKafka(NotReady):
    """Kafka's jars, or a Java to run them, are not to be had on this machine."""


class WrongJar(NotReady):
    """A jar of Kafka's is not the one that is listed; neither it nor anything else runs."""


class StackError(StockstreamError):
    """The running stack cannot be found, or Docker cannot be asked about it."""


class KafkaError(StockstreamError):
    """Kafka refused a request; the text carries librdkafka's own words."""


class KafkaUnavailable(KafkaError):
    """No broker answers."""


class TopicMissing(KafkaError):
    """The topic does not exist; nothing creates it by itself."""
