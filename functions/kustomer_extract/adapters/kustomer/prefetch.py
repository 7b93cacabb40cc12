"""Threads fetch pages ahead, and the pages are returned in order. A page is whatever `fetch` returns for its number.

Memory is limited: in addition to the pages being fetched, at most 8 others wait for their turn.
No page is fetched beyond one that is known to be the last, or that has failed.
At the end, no thread is left and no request starts any more.
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

_MAX_SPARE = 8  # pages that may wait for a slow one; each takes 0.4 MB
_POLL_SECONDS = 0.05
_MAX_POLLS = 200  # while threads end: ten seconds


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefetch(Generic[T]):
    """How to fetch ahead.

    Attributes:
        fetch: Gets a page number and a function that tells whether the page is still wanted, to be called before every
            request and while waiting. Returns the page. Its exceptions are raised in the reader at the page's turn.
        is_last: Whether no page follows this one.
        in_flight: How many pages may be fetched at the same time now.
        is_late: Whether time is up. Then no fetch starts, and no page is returned.
        interrupt: Interrupts the current fetches, which may raise any exception.
        to_likely_last: Returns the page that is probably the last one, as far as is known now. Pages beyond it are
            fetched one at a time. None: it is not known.
    """

    fetch: Callable[[int, Callable[[], bool]], T]
    is_last: Callable[[T], bool]
    in_flight: Callable[[], int]
    is_late: Callable[[], bool]
    interrupt: Callable[[], None]
    to_likely_last: Callable[[], int | None] = lambda: None

    def iter_from(self, first: int) -> Generator[T]:
        """Yield the pages from this number on, until the last one or until time is up."""
        ahead = _ReadAhead(self, first)
        try:
            while (outcome := ahead.take()) is not None:
                if isinstance(outcome, _Failure):
                    raise outcome.error
                yield outcome
                if self.is_last(outcome):
                    return
        finally:
            ahead.close()


class _ReadAhead(Generic[T]):
    """The state that the threads share, guarded by one lock."""

    def __init__(self, plan: Prefetch[T], first: int) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)  # signals that the page whose turn it is has arrived
        self._space = threading.Condition(self._lock)  # signals that another page may be fetched
        self._threads: list[threading.Thread] = []
        self._outcomes: dict[int, T | _Failure] = {}
        self._turn = first  # the page to return next
        self._next = first  # the page to fetch next
        self._last: int | None = None  # no page beyond it is wanted
        self._busy = 0
        self._closed = False

    def take(self) -> T | _Failure | None:
        """Wait for the page whose turn it is; return None when time is up."""
        with self._lock:
            self._start_or_wake_thread()
            while not self._plan.is_late():
                if self._turn in self._outcomes:
                    outcome = self._outcomes.pop(self._turn)
                    self._turn += 1
                    self._start_or_wake_thread()
                    return outcome
                self._arrived.wait(_POLL_SECONDS)
            return None

    def close(self) -> None:
        """End all threads; interrupt those that wait for the network."""
        with self._lock:
            self._closed = True
            self._space.notify_all()
        for _ in range(_MAX_POLLS):
            alive = [thread for thread in self._threads if thread.is_alive()]
            if not alive:
                return
            self._plan.interrupt()
            alive[0].join(_POLL_SECONDS)

    def _work(self) -> None:
        """Fetch one page after the other. Every thread runs this."""
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
        """Wait until a page may be fetched, and return its number; None at the end."""
        with self._lock:
            self._space.wait_for(lambda: self._is_over() or self._has_room())
            if self._is_over():
                return None
            page, self._next = self._next, self._next + 1
            self._busy += 1
            self._start_or_wake_thread()
            return page

    def _settle(self, page: int, outcome: T | _Failure | None) -> None:
        with self._lock:
            self._busy -= 1
            if outcome is not None and self._is_wanted(page):
                self._outcomes[page] = outcome
                if isinstance(outcome, _Failure) or self._plan.is_last(outcome):
                    self._last = page
            if page == self._turn:
                self._arrived.notify()

    def _start_or_wake_thread(self) -> None:
        """If a page may be fetched, wake an idle thread or start one, with the reader's context (the log labels)."""
        if not self._has_room() or self._is_over():
            return
        if self._busy < len(self._threads):
            self._space.notify()
            return
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._work,), name=f"page-{self._next}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the machine cannot start one; the others go on
            if not self._threads:
                failure = RetryLater(f"page {self._next}: no thread can be started to fetch it ({error})")
                self._outcomes[self._next], self._last = _Failure(failure), self._next
            return
        self._threads.append(thread)

    def _has_room(self) -> bool:
        last = self._plan.to_likely_last()
        if last is not None and self._turn < self._next > last:
            return False
        in_flight = self._plan.in_flight()
        return self._busy < in_flight and self._next < self._turn + in_flight + min(in_flight, _MAX_SPARE)

    def _is_over(self) -> bool:
        return self._closed or self._plan.is_late() or (self._last is not None and self._next > self._last)

    def _is_wanted(self, page: int) -> bool:
        return not self._closed and not self._plan.is_late() and (self._last is None or page <= self._last)
