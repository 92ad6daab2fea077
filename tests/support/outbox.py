"""An outbox for tests of what stands before it."""

import json

from stockstream.bridge.backlog import Batch


class FakeOutbox:
    """Remembers the frames that were sent."""

    ending = False
    clear = True

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def send(self, data: bytes) -> int:
        """Remember one write."""
        self.writes.append(data)
        return len(data)

    send_after_ticks = send_metrics = send

    def give(self, batch: Batch) -> bool:
        """Remember one write."""
        self.writes.append(batch.data)
        return True

    give_with_notice = give

    def forget_ticks(self) -> None:
        """Do nothing: no tick waits here."""

    def events(self) -> list[dict]:
        """Return the events of all writes since the last call."""
        data, events = b"".join(self.writes), []
        self.writes.clear()
        while data:
            at = 4 if data[1] == 126 else 2
            length = int.from_bytes(data[2:4], "big") if at == 4 else data[1]
            events.append(json.loads(data[at : at + length]))
            data = data[at + length :]
        return events
