"""A native thread for calls that block: librdkafka's, which know nothing of greenlets."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from gevent.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class NativeThread:
    """Runs one call at a time in a thread of its own, while the event loop goes on.

    A poll of librdkafka in a greenlet stops every client for as long as it waits (measured: 2.0 s
    for poll(2)); from here the longest stop was 17 ms, and a call costs 53 us. gevent's own pool
    also resolves names, so each user of a blocking client has its own.
    """

    def __init__(self) -> None:
        self._pool = ThreadPool(1)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function there; this greenlet waits, the others do not."""
        value, error = self._pool.apply(_outcome, (function, args, kwargs))
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]


def _outcome(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Exception | None]:
    """Return the value or the error: gevent prints a traceback of what a pool's task raises."""
    try:
        return function(*args, **kwargs), None
    except Exception as error:
        return None, error
