"""Fixtures for everybody: a real Kafka, topics, and the services as processes."""

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import images
from lab.engine import Engine, obstacle, running_engine
from stockstream import config
from stockstream.local.broker import Broker
from stockstream.local.part import Part
from stockstream.local.ports import free_port as any_free_port
from support.kafka import GivenBroker, create_topic
from support.parallel import Files, sort
from support.services import SERVICES
from support.told import Told


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's own options."""
    group = parser.getgroup("stockstream")
    group.addoption(
        "--kafka", metavar="HOST:PORT", help="use this Kafka, and skip the tests that stop theirs"
    )
    group.addoption(
        "--all", action="store_true", dest="all_parts", help="a test that is skipped has failed"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let the run tell of each failure at once, and at its end how long each block took."""
    config.pluginmanager.register(Told(config.pluginmanager))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show a failed test's services; with --all, turn a skip into a failure."""
    report = yield
    if report.skipped and item.config.option.all_parts and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    if report.failed:
        for part in item.stash.get(SERVICES, []):
            report.sections.append((part.name, part.last_words(lines=40)))
    return report


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Files:
    """Say which worker gets what, where there are several."""
    return Files(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the workers begin with what is long."""
    if hasattr(config, "workerinput"):
        sort(items, Path(__file__).parent)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """With --all, a module that skips itself has failed too."""
    report = yield
    if report.skipped and collector.config.option.all_parts:
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker | GivenBroker]:
    """One real Kafka for the whole run; a test that stops it has to start it again."""
    if bootstrap := request.config.option.kafka:
        yield GivenBroker(bootstrap)
        return
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    # An admin client's own futures hold it in a cycle; it would go on to look for this broker.
    gc.collect()
    broker.kill()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A Docker engine: the machine's, else one that ends with the tests."""
    if reason := obstacle():
        pytest.skip(reason)
    with running_engine() as found:
        yield found


@pytest.fixture(scope="session")
def stand_ins(engine: Engine) -> images.Images:
    """The images that stand in for the registry's; every command of the engine sees their names."""
    found = images.provide(engine)
    engine.environment.update(found.environment)
    return found


@pytest.fixture
def broker_factory(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], Broker]]:
    """Return a function that starts a Kafka for this test alone, to stop and kill at will."""
    brokers: list[Broker] = []

    def start() -> Broker:
        broker = Broker(tmp_path / f"kafka-{len(brokers)}")
        broker.start()
        brokers.append(broker)
        request.node.stash.setdefault(SERVICES, []).append(broker.part)
        return broker

    yield start
    for broker in brokers:
        broker.kill()


@pytest.fixture
def topic_factory(kafka: Broker | GivenBroker) -> Callable[..., str]:
    """Return a function (partitions=3, retention_ms="1000" ...) that creates a topic."""

    def create(partitions: int = 3, **topic_config: str) -> str:
        return create_topic(kafka.bootstrap, partitions, **topic_config)

    return create


@pytest.fixture
def topic(topic_factory: Callable[..., str]) -> str:
    """Return the name of a new topic of three partitions."""
    return topic_factory()


@pytest.fixture
def free_port() -> int:
    """Return a port on the loopback address that nobody listens on."""
    return any_free_port()


@pytest.fixture
def service_factory(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., Part]]:
    """Return a function that starts `stockstream COMMAND ...` with these variables.

    `variant` names one of support/variants.py: the same with one part changed.
    The service is stopped at the end of the test; its log is shown where the test fails.
    """
    services = request.node.stash.setdefault(SERVICES, [])
    started: list[Part] = []

    def start(command: str, *arguments: str, variant: str = "", **variables: str) -> Part:
        module = ["support.variants", variant] if variant else ["stockstream"]
        part = Part(
            f"{command}-{len(started)}",
            [sys.executable, "-m", *module, command, *arguments],
            tmp_path / f"{command}-{len(started)}.log",
            config.child_environment(
                # Nothing flushes a service's lines but the service itself, whatever the shell has.
                PYTHONUNBUFFERED="",
                PYTHONPATH=str(Path(__file__).parent),
                **variables,
            ),
        )
        part.start()
        started.append(part)
        services.append(part)
        return part

    yield start
    for part in started:
        part.stop()
