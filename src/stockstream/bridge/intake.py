"""How much a client may send: messages, frames and bytes a second."""


class Allowance:
    """How many messages a client may still send: so many at once, and so many more a second."""

    __slots__ = ("_counted_s", "_left", "_per_s")

    def __init__(self, per_s: float) -> None:
        self._per_s = self._left = per_s
        self._counted_s = 0.0

    def take(self, now_s: float) -> bool:
        """Take one, if there is one left."""
        self._left = min(self._per_s, self._left + (now_s - self._counted_s) * self._per_s)
        self._counted_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


#: A client whose bytes never stop is read at its pace for so long, and then closed.
PATIENCE_S = 10.0


class Intake:
    """How many frames and bytes a client may still send: a second's worth at once.

    A client that sends more is read more slowly. All of it costs the bridge work, also frames that
    need no answer and parts of messages.
    """

    __slots__ = ("_byte_s", "_frame_s", "_over_s", "_paid_s")

    def __init__(self, frames_per_s: float, bytes_per_s: float) -> None:
        self._frame_s = 1 / frames_per_s
        self._byte_s = 1 / bytes_per_s
        self._paid_s = 0.0  # the time at which all that was read so far is paid back
        self._over_s = 0.0

    @property
    def exceeded(self) -> bool:
        """Whether the client has sent too much for PATIENCE_S without a break."""
        return self._over_s > PATIENCE_S

    def take_bytes(self, count: int, now_s: float) -> None:
        """Count bytes that have been read."""
        self._take(count * self._byte_s, now_s)

    def take_frame(self, now_s: float) -> None:
        """Count a frame, whatever is in it."""
        self._take(self._frame_s, now_s)

    def take_break(self) -> None:
        """Forgive what was too much: the client had nothing more to say."""
        self._over_s = 0.0

    def pause_s(self, now_s: float) -> float:
        """Return how long the client must not be read; 0 or less: it may be."""
        return self._paid_s - now_s

    def _take(self, cost_s: float, now_s: float) -> None:
        self._paid_s = max(self._paid_s, now_s - 1.0) + cost_s
        if self._paid_s > now_s:
            self._over_s += min(cost_s, self._paid_s - now_s)
