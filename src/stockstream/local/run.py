"""All of stockstream on one machine: Kafka, its topics, the producer and the bridge."""

import errno
import gc
import socket
import sys
import time
from pathlib import Path

import msgspec

from stockstream import config
from stockstream.bridge import hosts
from stockstream.config import Settings
from stockstream.errors import ConfigError, LocalError, NoRealKafka, NotReady
from stockstream.kafka.admin import Admin
from stockstream.kafka.in_process import InProcessBroker
from stockstream.local import jars, screen
from stockstream.local.broker import Broker, PortTaken
from stockstream.local.first_tick import wait_for_tick
from stockstream.local.home import Home
from stockstream.local.part import Part
from stockstream.local.ports import free_port, listen_error
from stockstream.local.signals import Stopped, StopSignals
from stockstream.ops import topics

# Where every Kafka tool looks first.
_KAFKA_PORT = 9092
# The bridge closes its clients within 1 s, the producer flushes, Kafka closes its files.
_STOP_S = 15.0
_POLL_S = 0.2
# Listening there, the bridge is reached under this machine's own name.
_LOCAL = ("127.0.0.1", "0.0.0.0", "[::]")  # noqa: S104


def run(settings: Settings, directory: Path, fresh: bool = False) -> None:
    """Start everything, show the address, and stay until a signal or until a part ends.

    The address is shown only after a tick has come out of the WebSocket. Nothing that was
    started is left behind, however it ends.

    Raises:
        LocalError: something is in the way, or a part has ended; the text says which and why.
    """
    signals = StopSignals()
    signals.listen()
    home = Home(directory)
    runner = _Runner(settings, home, signals)
    try:
        with home.held(runner.url):
            try:
                runner.start(fresh)
                runner.watch()
            finally:
                signals.ignore()
                runner.stop()
    except Stopped:
        pass
    except LocalError as error:
        if home.is_full():
            raise LocalError(f"the disk of {directory} is full; {error}") from error
        raise
    except OSError as error:
        where = error.filename or directory
        raise NotReady(f"cannot write {where}: {error.strerror}") from error
    screen.say("Stopped.")


class _Runner:
    """The parts that run, in the order in which they were started."""

    def __init__(self, settings: Settings, home: Home, signals: StopSignals) -> None:
        host = "localhost" if settings.websocket_host in _LOCAL else settings.websocket_host
        self.url = f"http://{host}:{settings.websocket_port}"
        self._home = home
        self._settings = settings
        self._signals = signals
        self._parts: list[Part] = []
        self._in_process: InProcessBroker | None = None

    def start(self, fresh: bool) -> None:
        """Start the parts one after the other, and wait for the first tick."""
        self._check_port()
        specs = topics.load("dev")
        if self._settings.kafka_topic not in specs:
            raise ConfigError(
                f"KAFKA_TOPIC={self._settings.kafka_topic}: expected a topic of {topics.FILE}"
            )
        if fresh:
            self._home.drop_data()
        self._home.check_room()
        try:
            bootstrap = self._start_kafka(specs)
        except NoRealKafka as error:
            bootstrap = self._start_in_process(error)
        started_ms = time.time_ns() // 1_000_000
        self._start_service("producer", bootstrap)
        self._start_service("bridge", bootstrap)
        screen.say("Waiting for the first tick ...")
        websocket = f"{self.url.replace('http', 'ws', 1)}/ws"
        wait_for_tick(websocket, started_ms, self._check)
        screen.show_addresses(
            {
                "Dashboard": self.url,
                "WebSocket": websocket,
                "Kafka": f"{bootstrap}, topic {self._settings.kafka_topic}",
                "Logs": str(self._home.logs.relative_to(self._home.directory.parent)),
                "Stop": "Ctrl-C",
            }
        )

    def watch(self) -> None:
        """Stay until a part ends, which raises LocalError, or a signal comes."""
        while not self._signals.received:
            self._check()
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop what runs, the last part first, and leave no process of it."""
        for part in reversed(self._parts):
            if part.running:
                screen.say(f"Stopping {part.name} ...")
                part.stop(_STOP_S)
            else:
                part.kill()  # what a part that has ended may have left

    def _check(self) -> None:
        for part in self._parts:
            part.check()

    def _start_kafka(self, specs: dict[str, topics.TopicSpec]) -> str:
        with screen.fetching(f"Fetching Kafka {jars.VERSION}, once") as progress:
            jars.class_path(progress)
        screen.say(f"Starting Kafka {jars.VERSION} ...")
        try:
            broker = self._start_broker(_KAFKA_PORT)
        except PortTaken:  # since it was looked at, a moment ago
            broker = self._start_broker(None)
        reaching = msgspec.structs.replace(
            self._settings, kafka_bootstrap_servers=(broker.bootstrap,)
        )
        for line in topics.apply(Admin(reaching), specs):
            screen.say(f"Topic {line}")
        # The client's own futures hold it in a cycle; it would log Kafka's end as a failure.
        gc.collect()
        return broker.bootstrap

    def _start_broker(self, preferred_port: int | None) -> Broker:
        log = self._home.logs / "kafka.log"
        broker = Broker(self._home.kafka, free_port(preferred_port), log)
        self._parts = [broker.part]
        broker.start()
        return broker

    def _start_in_process(self, why: NoRealKafka) -> str:
        screen.say(f"No real Kafka here: {why}.")
        screen.say(
            "Going on with librdkafka's in-process broker: ticks stay in memory, none is kept "
            "after this run, the topic has 4 partitions, and no other Kafka tool is served."
        )
        self._in_process = InProcessBroker(self._settings.kafka_topic)
        return self._in_process.bootstrap

    def _start_service(self, name: str, bootstrap: str) -> None:
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "STOCK_SYMBOLS": ",".join(self._settings.stock_symbols),
            "TICK_INTERVAL": str(self._settings.tick_interval),
            "WEBSOCKET_PORT": str(self._settings.websocket_port),
            "ALLOWED_HOSTS": ",".join(self._settings.allowed_hosts or _own_names(self._settings)),
        }
        command = [sys.executable, "-m", "stockstream", name]
        environment = config.child_environment(**variables)
        part = Part(name, command, self._home.logs / f"{name}.log", environment)
        screen.say(f"Starting the {name} ...")
        self._parts.append(part)
        part.start()

    def _check_port(self) -> None:
        port = self._settings.websocket_port
        if error := listen_error(port, self._settings.websocket_host.strip("[]")):
            taken = error.errno == errno.EADDRINUSE
            why = "is taken" if taken else f"cannot be used ({error.strerror})"
            raise NotReady(f"port {port} {why}: choose another one with --port")


def _own_names(settings: Settings) -> list[str]:
    """Return the names that this machine may be asked by, so that no other one gets the ticks.

    A page of the internet whose name was made to mean this machine (DNS rebinding) is refused.
    """
    names = ["localhost", socket.gethostname(), settings.websocket_host]
    return [name for word in names if (name := hosts.name_of(word)) and ":" not in name]
