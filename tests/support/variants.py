"""`python -m support.variants NAME COMMAND`: stockstream with one part changed.

Most are broken on purpose: the check that passes the real thing has to fail them.
"""

import math
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from stockstream import cli
from stockstream.kafka import admin, publisher, reader
from stockstream.kafka.admin import TopicInfo
from stockstream.kafka.publisher import Publisher
from stockstream.kafka.report import Report
from stockstream.producer import service, share


def tiny_queue() -> None:
    """Let the client's queue hold seven records; the rest is as it was."""
    service.Publisher = partial(Publisher, queue_limit=7)  # type: ignore[misc, assignment]


def forgetful() -> None:
    """Never look for the newest ticks: each start is at sequence 1."""

    def take_over(_: object, homes: dict[str, int], *__: object) -> Iterator[dict[str, None]]:
        yield dict.fromkeys(homes)

    share.take_over = take_over  # type: ignore[assignment]


def selfish() -> None:
    """Make every symbol's ticks, whatever the group says."""
    update = share.Share.update

    def update_all(self: share.Share, info: TopicInfo, *_: object) -> None:
        update(self, info, set(range(info.partitions)), 0)

    share.Share.update = update_all  # type: ignore[assignment, method-assign]


def careless() -> None:
    """Give a record up after a second, as many producers do, and go on behind it."""
    service.SILENCE_S = math.inf
    producer = publisher.ck.Producer

    def create(options: dict[str, Any]) -> Any:
        return producer({**options, "message.timeout.ms": 1000, "enable.gapless.guarantee": False})

    publisher.ck.Producer = create  # type: ignore[assignment, misc]
    Publisher._on_failure = lambda *_: print("gave up a record", flush=True)  # type: ignore[assignment, method-assign] # noqa: SLF001


def trusting() -> None:
    """Take a client without brokers for one whose brokers are away, and wait for them."""
    Report.cut_off = False  # type: ignore[assignment, method-assign]
    admin.RENEW_S = reader.SILENT_S = math.inf


VARIANTS: dict[str, Callable[[], None]] = {
    change.__name__: change for change in (tiny_queue, forgetful, selfish, careless, trusting)
}

if __name__ == "__main__":
    VARIANTS[sys.argv.pop(1)]()
    cli.main()
