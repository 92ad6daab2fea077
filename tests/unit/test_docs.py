"""The documents name everything that there is, with the defaults that it has."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from stockstream import config
from stockstream.bridge import protocol, session
from stockstream.bridge.lifecycle import Bridge
from stockstream.bridge.metrics import BridgeCollector

DOCS = config.ROOT / "docs"


def rows(name: str) -> dict[str, str]:
    """Return the rows of a document's tables by the first column's code."""
    text = (DOCS / name).read_text()
    return dict(re.findall(r"^\| `([^`{]+)[^|]*\| (.*) \|$", text, re.MULTILINE))


@pytest.mark.parametrize("variable", config.variables())
def test_configuration_documents_every_variable(variable: str) -> None:
    """Each variable has a line, and the line has its default."""
    documented = rows("configuration.md")
    assert variable in documented
    default = config.variables()[variable]
    if isinstance(default, tuple):
        default = ",".join(default)
    if default != "":
        stated = documented[variable].partition(" | ")[0]
        as_text = str(default).removesuffix(".0")
        assert as_text in stated.replace("1.0", "1"), f"{variable}: {stated}"


def test_configuration_documents_nothing_else() -> None:
    """A line for a variable that nothing reads would mislead."""
    assert rows("configuration.md").keys() == config.variables().keys()


def test_websocket_api_documents_every_error_code() -> None:
    """Each code that a client may get is explained."""
    folder = Path(session.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    codes = set(re.findall(r'Refused\(\s*"(\w+)"', source))
    assert len(codes) >= 6
    assert codes <= rows("websocket-api.md").keys()


def test_websocket_api_documents_every_close_code_and_reason() -> None:
    """Each code that a client may hear, and each word that its end is counted under."""
    codes = set(re.findall(r"^[A-Z_]+ = (1\d{3})$", Path(protocol.__file__).read_text(), re.M))
    assert len(codes) >= 6
    # simple-websocket's own: the answer to a Close, a frame that is none, text that is none.
    table = re.findall(r"^\| (1\d{3}) \|", (DOCS / "websocket-api.md").read_text(), re.M)
    assert codes | {"1000", "1002", "1007"} == {*table}
    sources = [path.read_text() for path in Path(session.__file__).parent.glob("*.py")]
    ended = re.findall(r'\bend(?:_clients)?\(\s*"(\w+)"', "".join(sources))
    assert len(ended) >= 6
    explained = rows("websocket-api.md")["stockstream_closed_clients_total"]
    missing = {r for r in (*ended, "client", "protocol_error") if f"`{r}`" not in explained}
    assert not missing


def test_websocket_api_documents_every_metric() -> None:
    """Each metric of /metrics has its line."""
    bridge = Bridge(config.Settings())
    bridge.stats.closed["x"] = 1
    bridge.feed.lag = lambda: {0: 1}
    bridge.feed.tick_age_ms = lambda: 1
    registry = CollectorRegistry()
    registry.register(BridgeCollector(bridge.stats, bridge.hub, bridge.feed, bridge.stalls))
    names = {sample.name for family in registry.collect() for sample in family.samples}
    assert len(names) >= 17
    assert names <= rows("websocket-api.md").keys()
