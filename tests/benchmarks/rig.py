"""What the benchmarks run on: the server alone on one core, all the rest on the other."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import confluent_kafka
import msgspec
import psutil

from stockstream import config
from stockstream.local.broker import Broker
from stockstream.local.part import Part
from stockstream.local.ports import free_port
from support.bridge import Bridge
from support.kafka import PARTITIONS, create_topic
from support.waiting import wait_for

HERE = Path(__file__).parent
#: Above this share of their core the others are what is measured.
BUSY = 0.9


class Figures(msgspec.Struct):
    """What client.c printed, and beside it what its server used meanwhile."""

    ticks: int
    reads: int
    skipped: int
    closed: int
    seconds: float
    cpu_s: float  # of the clients
    p50_ms: float
    p99_ms: float
    max_ms: float
    last_p50_ms: float  # the median over the ticks of the delay to the last client
    starved: int = 0  # clients that got no tick any more after the end
    first_ms: int = 0  # when the ticks were made that count; 0: those that came
    end_ms: int = 0
    server_cpu_s: float = 0.0
    others_core: float = 0.0  # the busy share of the core of clients, broker and feed
    memory_bytes: int = 0

    @property
    def us_a_tick(self) -> float:
        """The server's CPU time for each delivered tick, in microseconds."""
        return 1e6 * self.server_cpu_s / max(1, self.ticks)

    @property
    def limit(self) -> str:
        """What kept the server from more, where it was not the server."""
        return limit(self.others_core, "clients")


class Server(NamedTuple):
    """What stands in the bridge's place."""

    part: Part
    port: int


class Rig:
    """A Kafka (its own, unless one is given), a directory and two cores; all end with it."""

    def __init__(self, kafka: str | None = None) -> None:
        self._kafka = kafka
        self._stack = ExitStack()
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise SystemExit("needs two cores: one for the server, one for all the rest")
        if shutil.which("cc") is None:
            raise SystemExit("needs a C compiler as `cc`: apt-get install build-essential")
        self._cores = set(cores)
        self.server_core, self.others_core = cores[:2]

    def __enter__(self) -> "Rig":
        os.sched_setaffinity(0, {self.others_core})  # what is started from here stays there too
        self._stack.callback(os.sched_setaffinity, 0, self._cores)
        self.home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self.bootstrap = self._kafka or self._start_kafka()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start_kafka(self) -> str:
        self.broker = Broker(self.home / "kafka")
        self._stack.callback(self.broker.kill)
        self.broker.start()
        return self.broker.bootstrap

    def topic(self, partitions: int = PARTITIONS) -> str:
        """Create a topic."""
        return create_topic(self.bootstrap, partitions)

    @contextmanager
    def part(self, name: str, command: list[str], core: int, **variables: str) -> Iterator[Part]:
        """Run a command on one core."""
        environment = config.child_environment(
            PYTHONUNBUFFERED="",  # it makes each print a write: the shell's would be measured
            KAFKA_BOOTSTRAP_SERVERS=self.bootstrap,
            PYTHONPATH=str(HERE.parent),
            **variables,
        )
        part = Part(name, command, self.home / f"{name}.log", environment)
        os.sched_setaffinity(0, {core})  # what is started inherits it, and so do its threads
        try:
            part.start()
        finally:
            os.sched_setaffinity(0, {self.others_core})
        try:
            yield part
        finally:
            part.kill()

    @contextmanager
    def feed(self, topic: str, ticks_per_s: float, **options: float) -> Iterator[None]:
        """Have ticks written to the topic; the options are those of feeder.py."""
        words = (f"--{name}={value}" for name, value in options.items())
        command = python("benchmarks.feeder", self.bootstrap, topic, str(ticks_per_s), *words)
        with self.part("feeder", command, self.others_core):
            yield

    @contextmanager
    def bridge(self, topic: str, **variables: str) -> Iterator[Bridge]:
        """Run the bridge, and wait until it is healthy."""
        port = free_port()
        variables = {"KAFKA_TOPIC": topic, "WEBSOCKET_PORT": str(port), **variables}
        command = python("stockstream", "bridge")
        with self.part(
            "bridge", command, self.server_core, LOG_LEVEL="warning", **variables
        ) as part:
            bridge = Bridge(part, port)
            bridge.wait_until_answering()
            bridge.wait_until_healthy()
            yield bridge

    @contextmanager
    def bare_loop(self, topic: str, clients: int) -> Iterator[Server]:
        """Run the C loop in the bridge's place."""
        port = free_port()
        program = self.compile("loop", _librdkafka())
        command = [str(program), str(port), self.bootstrap, topic, str(clients)]
        with self.part("loop", command, self.server_core) as part:
            _wait_for_line(part, "listening")
            yield Server(part, port)

    @contextmanager
    def flask_sock(self, topic: str) -> Iterator[Server]:
        """Run the usual loop in the bridge's place."""
        port = free_port()
        command = python("benchmarks.plain_flask_sock", str(port), self.bootstrap, topic)
        with self.part("flask-sock", command, self.server_core) as part:
            _wait_for_line(part, "Booting worker")
            yield Server(part, port)

    def measure(
        self, server: Server | Bridge, clients: int, seconds: float, message: str, warmup_s: float
    ) -> Figures:
        """Have so many clients read for so long; return their figures and the server's."""
        program = self.compile("client")
        command = [program, *map(str, (server.port, clients, seconds, warmup_s)), message]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            if process.stdout is None or process.stdout.readline() != "start\n":
                raise SystemExit(f"the clients did not come up; {server.part.last_words()}")
            memory, meter = memory_bytes(server.part), Meter(self, server.part)
            line = process.stdout.readline()
            used = meter.read()
        if not line:
            raise SystemExit(f"the clients did not stay; {server.part.last_words()}")
        figures = msgspec.json.decode(line, type=Figures)
        if figures.closed:
            raise SystemExit(f"{figures.closed} clients were closed; {server.part.last_words()}")
        figures.server_cpu_s = used.cpu_s * figures.seconds / used.seconds
        figures.others_core = used.others_core
        figures.memory_bytes = memory
        return figures

    def compile(self, name: str, *libraries: Path) -> Path:
        """Return the program that NAME.c becomes, linked with the libraries."""
        program = self.home / name
        if not program.exists():
            links = [f"-Wl,-rpath,{library.parent}" for library in libraries]
            source = str(HERE / f"{name}.c")
            command = ["cc", "-O2", "-o", str(program), source, *map(str, libraries), *links]
            subprocess.run(command, check=True)
        return program


class Use(NamedTuple):
    """What was used in `seconds`."""

    seconds: float
    cpu_s: float  # of the part
    others_core: float  # the busy share of the other core


class Meter:
    """Measures from its start on what a part and the other core do."""

    def __init__(self, rig: Rig, part: Part) -> None:
        self._part = part
        self._core = rig.others_core
        self._started_s = time.monotonic()
        self._cpu_s = _cpu_s(part)
        self._busy_s = _core_busy_s(self._core)

    def read(self) -> Use:
        """Return what was used until now."""
        seconds = time.monotonic() - self._started_s
        busy_s = _core_busy_s(self._core) - self._busy_s
        return Use(seconds, _cpu_s(self._part) - self._cpu_s, busy_s / seconds)


def limit(others_core: float, others: str) -> str:
    """Return the name of what is on the other core, where that core has no room left."""
    return others if others_core > BUSY else ""


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module."""
    return [sys.executable, "-m", module, *arguments]


def memory_bytes(part: Part) -> int:
    """Return the memory that the part's processes have for themselves."""
    return sum(process.memory_full_info().uss for process in _processes(part))


def _cpu_s(part: Part) -> float:
    """Return the CPU time that the part and its children have used, to the nanosecond.

    The clock's number is what clock_getcpuclockid(3) returns; psutil counts in 10 ms.
    """
    return sum(time.clock_gettime((~process.pid << 3) | 2) for process in _processes(part))


def _core_busy_s(core: int) -> float:
    """Return how long the core has done something since the machine's start, whatever it was."""
    times = psutil.cpu_times(percpu=True)[core]
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def _processes(part: Part) -> list[psutil.Process]:
    root = psutil.Process(part.pid)
    return [root, *root.children(recursive=True)]


def _librdkafka() -> Path:
    """Return the library that confluent-kafka brings: the C loop uses the very same."""
    libraries = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    for library in libraries.glob("librdkafka*"):
        return library
    raise SystemExit(f"no librdkafka in {libraries}: needs confluent-kafka as a wheel (pip)")


def _wait_for_line(part: Part, text: str) -> None:
    def written() -> bool:
        part.check()
        return text in part.log.read_text()

    wait_for(written)
