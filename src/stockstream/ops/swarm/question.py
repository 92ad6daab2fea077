"""Questions asked at the same time, so that one that hangs does not use up the others' time."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from stockstream.errors import StockstreamError
from stockstream.ops.checks import CheckFailed

T = TypeVar("T")


class Deadline:
    """When all has to be told."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._at_s = time.monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        return max(0.0, self._at_s - time.monotonic())


class Question(Generic[T]):
    """A question in a thread of its own; whoever needs the answer waits until the deadline."""

    def __init__(self, ask: Callable[[], T], deadline: Deadline) -> None:
        self._ask = ask
        self._deadline = deadline
        self._answers: list[T] = []
        self._errors: list[Exception] = []
        # A daemon: the process ends although a question still hangs.
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def answer(self) -> T:
        """Return what was answered.

        Raises:
            CheckFailed: there was no answer in time.
            StockstreamError: asking failed.
        """
        self._thread.join(self._deadline.left_s)
        if self._errors:
            raise self._errors[0]
        if not self._answers:
            raise CheckFailed(f"no answer within {self._deadline.timeout_s:g} s")
        return self._answers[0]

    def answer_or_none(self) -> T | None:
        """Return what was answered, or None."""
        try:
            return self.answer()
        except (CheckFailed, StockstreamError):
            return None

    def _run(self) -> None:
        try:
            self._answers.append(self._ask())
        except Exception as error:  # noqa: BLE001 - raised again by answer()
            self._errors.append(error)
