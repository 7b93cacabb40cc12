"""Pages fetched ahead by threads and handed on in order. Knows nothing of Kustomer: a page is what a number leads to.

Memory is bounded: besides the pages under way, at most 8 parsed ones wait for their turn.
Nothing is asked for beyond a page that is known to be the last one, or that failed for good.
However it ends, no thread is left and no request starts any more.
"""

from __future__ import annotations

import contextvars
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from kustomer_extract.errors import RetryLater, Unwanted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")

_MAX_SPARE = 8  # pages that may wait for a slow one, besides those under way: parsed, each takes 2 MB
_GLANCE_SECONDS = 0.05
_MAX_GLANCES = 200  # at threads that are to end: ten seconds


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefetch(Generic[T]):
    """How to fetch ahead.

    Attributes:
        fetch: Given a page number and whether the page is still wanted (to be asked before every request and while
            waiting), returns the page, or raises what is raised to the reader when it gets there.
        is_last: Whether no page follows this one.
        in_flight: How many pages may be fetched at the same time, now.
        is_late: Whether time is up: then nothing more is started, and nothing more is handed on.
        interrupt: Cuts off the fetches under way, which raise anything.
        likely_last: Pages beyond this one are asked for one at a time, when their turn has come. None: nobody knows.
    """

    fetch: Callable[[int, Callable[[], bool]], T]
    is_last: Callable[[T], bool]
    in_flight: Callable[[], int]
    is_late: Callable[[], bool]
    interrupt: Callable[[], None]
    likely_last: int | None = None

    def iter_from(self, first: int) -> Generator[T]:
        """Yield the pages from this number on, until the last one or until time is up."""
        ahead = _Ahead(self, first)
        try:
            while (outcome := ahead.take()) is not None:
                if isinstance(outcome, _Failure):
                    raise outcome.error
                yield outcome
                if self.is_last(outcome):
                    return
        finally:
            ahead.close()


class _Ahead(Generic[T]):
    """What the threads share; all of it is guarded by one lock."""

    def __init__(self, plan: Prefetch[T], first: int) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)  # the page whose turn it is
        self._room = threading.Condition(self._lock)  # for one more page
        self._threads: list[threading.Thread] = []
        self._outcomes: dict[int, T | _Failure] = {}
        self._turn = first  # the page that is handed on next
        self._next = first  # the page that is asked for next
        self._last: int | None = None  # no page beyond it is wanted
        self._busy = 0
        self._closed = False

    def take(self) -> T | _Failure | None:
        """Wait for the page whose turn it is; None when time is up."""
        with self._lock:
            self._employ()
            while not self._plan.is_late():
                if self._turn in self._outcomes:
                    outcome = self._outcomes.pop(self._turn)
                    self._turn += 1
                    self._employ()
                    return outcome
                self._came.wait(_GLANCE_SECONDS)
            return None

    def close(self) -> None:
        """End all threads; those that wait for the network are cut off."""
        with self._lock:
            self._closed = True
            self._room.notify_all()
        for _ in range(_MAX_GLANCES):
            alive = [thread for thread in self._threads if thread.is_alive()]
            if not alive:
                return
            self._plan.interrupt()
            alive[0].join(_GLANCE_SECONDS)

    def _work(self) -> None:
        """Fetch one page after the other; a thread's whole life."""
        while (page := self._claim()) is not None:
            outcome: T | _Failure | None
            try:
                outcome = self._plan.fetch(page, partial(self._is_wanted, page))
            except Unwanted:
                outcome = None
            except BaseException as error:  # noqa: BLE001 - raised again in the reader's thread
                outcome = _Failure(error)
            self._settle(page, outcome)

    def _claim(self) -> int | None:
        """Wait for a page to fetch; None at the end."""
        with self._lock:
            self._room.wait_for(lambda: self._is_over() or self._has_room())
            if self._is_over():
                return None
            page, self._next = self._next, self._next + 1
            self._busy += 1
            self._employ()
            return page

    def _settle(self, page: int, outcome: T | _Failure | None) -> None:
        with self._lock:
            self._busy -= 1
            if outcome is not None and self._is_wanted(page):
                self._outcomes[page] = outcome
                if isinstance(outcome, _Failure) or self._plan.is_last(outcome):
                    self._last = page
            if page == self._turn:
                self._came.notify()

    def _employ(self) -> None:
        """If there is room, wake an idle thread or start one, which inherits the reader's context: the log's labels."""
        if not self._has_room() or self._is_over():
            return
        if self._busy < len(self._threads):
            self._room.notify()
            return
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._work,), name=f"page-{self._next}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the machine has no room for one; those there are go on
            if not self._threads:
                failure = RetryLater(f"page {self._next}: no thread can be started to fetch it ({error})")
                self._outcomes[self._next], self._last = _Failure(failure), self._next
            return
        self._threads.append(thread)

    def _has_room(self) -> bool:
        last = self._plan.likely_last
        if last is not None and self._turn < self._next > last:
            return False
        in_flight = self._plan.in_flight()
        return self._busy < in_flight and self._next < self._turn + in_flight + min(in_flight, _MAX_SPARE)

    def _is_over(self) -> bool:
        return self._closed or self._plan.is_late() or (self._last is not None and self._next > self._last)

    def _is_wanted(self, page: int) -> bool:
        return not self._closed and not self._plan.is_late() and (self._last is None or page <= self._last)
