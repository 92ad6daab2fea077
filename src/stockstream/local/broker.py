"""A real Apache Kafka of one node: one KRaft process on the loopback address."""

import shutil
import subprocess
import time
from pathlib import Path

import msgspec

from stockstream.config import Settings
from stockstream.errors import KafkaUnavailable, LocalError, NotReady, TopicMissing
from stockstream.kafka.admin import Admin
from stockstream.local import jars, java
from stockstream.local.part import Part
from stockstream.local.ports import LOOPBACK, free_port

# Fixed, so that a formatted directory and its broker always fit together.
_CLUSTER_ID = "c3RvY2tzdHJlYW0tbG9jYQ"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{loopback}:{controller_port}
listeners=CLIENT://{loopback}:{port},CONTROLLER://{loopback}:{controller_port}
advertised.listeners=CLIENT://{loopback}:{port}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
# Relative to the working directory: a path of the user's could hold a comma, which splits it.
log.dirs=data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
# Nobody waits for a group's other members: the first join answers at once.
group.initial.rebalance.delay.ms=0
# After a kill the controller waits this long before it takes the same broker again (default 9 s).
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""

_LOG4J = """\
log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %m (%c{1})%n
# Every setting at every start would be half of the log.
log4j.logger.org.apache.kafka.common.config.AbstractConfig=WARN
log4j.logger.kafka.server.KafkaConfig=WARN
"""


class PortTaken(NotReady):
    """Another program listens on a port of Kafka's."""


class Broker:
    """A Kafka in directory `home`, which keeps its data; it may be started again and again.

    The ports are chosen once, so that a broker that comes back is found again.
    """

    def __init__(self, home: Path, port: int | None = None, log: Path | None = None) -> None:
        self.port = port or free_port()
        self.bootstrap = f"{LOOPBACK}:{self.port}"
        self._home = home
        self._controller_port = free_port()
        self._java = [
            java.find_java(),
            "-Xmx512m",
            # No second compiler: 2.1 s of CPU time to start instead of 4.1, and enough to serve.
            "-XX:TieredStopAtLevel=1",
            "-Dlog4j.configuration=file:log4j.properties",
            "-cp",
            jars.class_path(),
        ]
        command = [*self._java, "kafka.Kafka", "server.properties"]
        self.part = Part("Kafka", command, log or home / "kafka.log", directory=home)

    def start(self, timeout_s: float = 120.0) -> None:
        """Start Kafka and wait until it serves clients.

        Raises:
            PortTaken: another program has one of its ports.
            LocalError: it has ended, or does not answer in time; the text has its last lines.
        """
        self._configure()
        if not (self._home / "data/meta.properties").exists():
            self._format(timeout_s)
        self.part.start()
        deadline = time.monotonic() + timeout_s
        while not self._serves():
            if not self.part.running and b"Address already in use" in self.part.log.read_bytes():
                raise PortTaken(f"Kafka's port {self.port} is taken by another program")
            self.part.check()
            if time.monotonic() > deadline:
                self.part.kill()
                raise LocalError(
                    f"Kafka does not serve clients after {timeout_s:g} s; {self.part.last_words()}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Shut Kafka down cleanly."""
        self.part.stop()

    def kill(self) -> None:
        """End Kafka as a power cut would, as far as a process can feel it."""
        self.part.kill()

    def _configure(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        ports = {"port": self.port, "controller_port": self._controller_port}
        properties = _PROPERTIES.format(loopback=LOOPBACK, **ports)
        (self._home / "server.properties").write_text(properties)
        (self._home / "log4j.properties").write_text(_LOG4J)

    def _format(self, timeout_s: float) -> None:
        # A format that was interrupted leaves a directory that Kafka takes for a damaged one.
        shutil.rmtree(self._home / "data", ignore_errors=True)
        tool = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", "server.properties"]
        done = subprocess.run(
            [*self._java, *tool], cwd=self._home, capture_output=True, text=True, timeout=timeout_s
        )
        if done.returncode != 0:
            raise LocalError(f"Kafka cannot format {self._home / 'data'}:\n{done.stdout}")

    def _serves(self) -> bool:
        # Connecting before it listens would only make the client log its failures.
        if b"Kafka Server started" not in self.part.log.read_bytes():
            return False
        settings = msgspec.structs.replace(Settings(), kafka_bootstrap_servers=(self.bootstrap,))
        try:
            Admin(settings, timeout_s=2).describe("any")
        except TopicMissing:
            return True
        except KafkaUnavailable:
            return False
        return True
