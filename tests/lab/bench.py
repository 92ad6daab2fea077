"""A container of our image beside the brokers, which they are reachable from, for test programs."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from lab.swarm import BROKERS, FIRST, STACK, ZOOKEEPERS, Swarm
from stockstream.config import ROOT
from support.waiting import wait_for

BOOTSTRAP = ",".join(f"{name}:9092" for name in BROKERS)
_ENSEMBLE = ",".join(f"{name}:2181" for name in ZOOKEEPERS)
_NAME = "bench"


class Program:
    """A program of tests/support that runs in the bench, until its standard input is closed."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        # What it says on standard error, pytest shows where the test fails.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self) -> dict[str, Any]:
        """Give it a line, and return the JSON line that it answers with."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """Wait for the JSON line that it prints next."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"it has ended with exit code {self._process.wait(60)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self, timeout_s: float = 300.0) -> list[dict[str, Any]]:
        """Ask it to end, and return the JSON lines that it has printed."""
        output, _ = self._process.communicate(timeout=timeout_s)
        assert self._process.returncode == 0, f"exit code {self._process.returncode}: {output}"
        return [json.loads(line) for line in output.splitlines()]


class Bench:
    """The container, on the stack's network for brokers; it stands on the first node."""

    def __init__(self, swarm: Swarm, image: str) -> None:
        self._swarm = swarm
        # Managers that were away a moment ago may not attach it to the network in time.
        wait_for(lambda: self._run(image))
        swarm.docker("cp", f"{ROOT}/tests/support", f"{_NAME}:/app/support")
        self._cluster = self.start("support.cluster", BOOTSTRAP, _ENSEMBLE)

    def _run(self, image: str) -> str:
        self._swarm.docker("rm", "--force", _NAME, check=False)
        return self._swarm.docker(
            "run", "--detach", "--init", "--name", _NAME, "--network", f"{STACK}_back",
            "--env", "PYTHONPATH=/app", "--entrypoint", "sleep", image, "infinity",
        )  # fmt: skip

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        with self._cluster:
            self._swarm.docker("rm", "--force", _NAME)

    def start(self, module: str, *arguments: str) -> Program:
        """Start a program, which ends with the context."""
        environment = self._swarm.engine_of(FIRST).environment
        return Program(self._command(module, *arguments), environment)

    def ask(self, module: str, *arguments: str, given: object = None) -> Any:
        """Return the JSON that a program prints for the JSON that it is given."""
        done = subprocess.run(
            self._command(module, *arguments), input=json.dumps(given), capture_output=True,
            text=True, timeout=300, env=self._swarm.engine_of(FIRST).environment,
        )  # fmt: skip
        assert done.returncode == 0, f"{module}: {done.stderr[-4000:]}"
        return json.loads(done.stdout.splitlines()[-1])

    def cluster(self) -> "Cluster":
        """Ask Kafka and ZooKeeper how they are.

        Raises:
            AssertionError: no broker answers; it may be asked again.
        """
        seen = self._cluster.ask()
        assert "error" not in seen, seen["error"]
        return Cluster(seen)

    def _command(self, module: str, *arguments: str) -> list[str]:
        return ["docker", "exec", "--interactive", _NAME, "python", "-m", module, *arguments]


class Cluster:
    """Who leads what, as support.cluster has seen it."""

    def __init__(self, seen: dict[str, Any]) -> None:
        self._seen = seen

    def __repr__(self) -> str:
        return json.dumps(self._seen)

    @property
    def controller(self) -> str | None:
        return _broker(self._seen["controller"])

    @property
    def zookeeper_leader(self) -> str | None:
        modes = self._seen["zookeeper"]
        return next((name for name, mode in modes.items() if mode == "leader"), None)

    @property
    def whole(self) -> bool:
        """Whether all brokers are in, all copies in sync, and ZooKeeper is led and followed."""
        modes = sorted(self._seen["zookeeper"].values())
        return (
            len(self._seen["brokers"]) == len(BROKERS)
            and modes == ["follower", "follower", "leader"]
            and all(
                part["leader"] > 0 and sorted(part["isr"]) == sorted(part["replicas"])
                for part in self._seen["partitions"].values()
            )
        )

    def leader(self, topic: str, partition: int = 0) -> str | None:
        """Return the broker that leads the partition, if there is one already."""
        found = self._seen["partitions"].get(f"{topic}-{partition}")
        return _broker(found["leader"]) if found else None

    def in_sync(self, topic: str, partition: int = 0) -> list[str]:
        """Return the brokers that are in the partition's ISR; none where nobody knows it yet."""
        found = self._seen["partitions"].get(f"{topic}-{partition}", {"isr": []})
        return [f"kafka-{number}" for number in sorted(found["isr"])]


def _broker(number: int) -> str | None:
    """Return the name of a broker; Kafka's word for none is -1."""
    return f"kafka-{number}" if number > 0 else None
