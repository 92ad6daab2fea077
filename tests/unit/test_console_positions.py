"""Where the console goes on when its share comes back."""

import pytest

from stockstream import config
from stockstream.console.service import ConsoleConsumer
from stockstream.errors import KafkaUnavailable
from stockstream.kafka.member import Member
from stockstream.stopping import Stop


class Group(Member):
    """A membership in a group whose positions are `positions`, on a partition from 3 to `end`."""

    def __init__(self) -> None:
        self.positions: dict[int, int] = {}
        self.end = 9

    def committed(self, partitions, timeout_s=5.0):
        return {p: self.positions[p] for p in partitions if p in self.positions}

    def watermarks(self, partition, timeout_s=5.0):
        return 3, self.end

    def commit(self, positions):
        """Send it; whether it arrives is told by the test."""


@pytest.fixture
def group() -> Group:
    return Group()


def console(group: Group, from_beginning: bool) -> ConsoleConsumer:
    found = ConsoleConsumer(config.load({}), Stop(), [], (), from_beginning)  # type: ignore[arg-type]
    found._member = group
    return found


@pytest.mark.parametrize(("from_beginning", "start"), [(True, 3), (False, 9)])
def test_console_share_lost_before_its_commit_begins_where_it_did(
    group: Group, from_beginning: bool, start: int
) -> None:
    """Frozen right after it has joined: the group knows nothing of it, and more has come."""
    service = console(group, from_beginning)
    assert service.assigned({0}) == {0: start}
    service._hear_commit({0: start}, KafkaUnavailable("the group went on"))
    service.lost({0})
    group.end = 20
    assert service.assigned({0}) == {0: start}


def test_console_share_goes_on_from_where_the_group_is(group: Group) -> None:
    """Another member had it meanwhile; the beginning is asked for only once."""
    service = console(group, from_beginning=True)
    service.assigned({0})
    service._hear_commit({0: 3}, None)
    service.lost({0})
    group.positions[0] = 7
    assert service.assigned({0}) == {0: 7}


def test_console_from_the_beginning_does_not_take_an_old_position_for_its_own(
    group: Group,
) -> None:
    """An earlier run has left one; the share was lost before this run's first commit arrived."""
    group.positions[0] = 8
    service = console(group, from_beginning=True)
    assert service.assigned({0}) == {0: 3}
    service.lost({0})
    assert service.assigned({0}) == {0: 3}
