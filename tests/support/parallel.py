"""One worker for the tests that share a Docker engine, from the start; others for the rest."""

from pathlib import Path

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

#: These share one Docker engine, so that one worker runs them, one after the other.
_ENGINE = ("compose", "swarm")
#: What is long comes first, so that no worker has a long file left when the others are through.
_ORDER = (*_ENGINE, "scripts", "integration", "browser", "unit")


class Files(LoadScopeScheduling):
    """A file goes to one worker, in the order of the collection; the engine's are one file."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "engine" if Path(file).parts[1] in _ENGINE else file


def sort(items: list[pytest.Item], tests: Path) -> None:
    """Bring the tests into the order in which workers are to take them."""
    items.sort(key=lambda item: _ORDER.index(item.path.relative_to(tests).parts[0]))
