"""Runs an iterator in a thread, so that its first items come while the reader works on something else."""

from __future__ import annotations

import contextvars
import threading
import time
from contextlib import closing, suppress
from queue import Empty, Queue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")

_POLL_SECONDS = 0.05


class Ahead(Generic[T]):
    """Begins at once. One item waits until it is taken, and the iterator waits with the next.

    Args:
        open_items: Opens the iterator. It gets a function that tells whether the items are still wanted, which the
            iterator has to call while it waits.
    """

    def __init__(self, open_items: Callable[[Callable[[], bool]], Generator[T]]) -> None:
        self._is_closed = threading.Event()
        self._items = open_items(self._is_closed.is_set)
        self._queue: Queue[tuple[T] | BaseException | None] = Queue(maxsize=1)  # None is the end
        self._first_at: float | None = None
        self._has_failed = False
        context = contextvars.copy_context()  # the log labels
        self._thread = threading.Thread(target=context.run, args=(self._work,), name="ahead", daemon=True)
        self._thread.start()

    def is_fresh(self, seconds: float) -> bool:
        """Whether nothing has failed, and the first item has not waited for longer than so many seconds."""
        first_at = self._first_at
        return not self._has_failed and (first_at is None or time.monotonic() - first_at <= seconds)

    def iter_items(self) -> Generator[T]:
        """Yield all items until it is closed. What the iterator raises is raised here, at its turn."""
        with closing(self):
            while (taken := self._take()) is not None:
                if isinstance(taken, BaseException):
                    raise taken
                yield taken[0]

    def _take(self) -> tuple[T] | BaseException | None:
        while not self._is_closed.is_set():
            with suppress(Empty):
                return self._queue.get(timeout=_POLL_SECONDS)
        return None

    def close(self) -> None:
        """End the iterator and the thread."""
        self._is_closed.set()
        while self._thread.is_alive():
            with suppress(Empty):
                self._queue.get_nowait()  # the thread may wait for room
            self._thread.join(_POLL_SECONDS)

    def _work(self) -> None:
        end = None
        try:
            with closing(self._items):
                for item in self._items:
                    self._first_at = self._first_at or time.monotonic()
                    self._queue.put((item,))
                    if self._is_closed.is_set():
                        break
        except BaseException as error:  # noqa: BLE001 - raised again in the reader's thread
            self._has_failed, end = True, error
        self._queue.put(end)
