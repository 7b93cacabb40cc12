"""Pages are fetched ahead within bounds, and returned in order. At the end no thread and no request is left."""

from __future__ import annotations

import contextvars
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from kustomer_extract.adapters.kustomer.prefetch import Prefetch
from kustomer_extract.errors import RetryLater, Unwanted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

TIMEOUT_SECONDS = 10.0


@dataclass
class Pages:
    """A fake source of pages 1 to `last`, which records requests. A page is its number.

    Attributes:
        held: Pages whose fetches wait for `release`, or until they are interrupted or no longer wanted.
        broken: Pages that fail permanently.
        most: The highest number of fetches at the same time.
    """

    last: int
    in_flight: int = 4
    likely_last: int | None = None
    held: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)
    late: bool = False
    asked: list[int] = field(default_factory=list)
    most: int = 0
    open: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    interrupted: bool = False

    def fetch(self, page: int, is_wanted: Callable[[], bool]) -> int:
        with self.changed:
            if not is_wanted():
                raise Unwanted
            self.asked.append(page)
            self.open += 1
            self.most = max(self.most, self.open)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: page not in self.held or self.interrupted, TIMEOUT_SECONDS)
            self.open -= 1
        if page in self.broken or self.interrupted:
            raise LookupError(page)
        return page

    def interrupt(self) -> None:
        with self.changed:
            self.interrupted = True
            self.changed.notify_all()

    def release(self, *pages: int) -> None:
        with self.changed:
            self.held.difference_update(pages)
            self.changed.notify_all()

    def is_last(self, page: int) -> bool:
        if page >= self.last:
            self.release(*range(1, self.last))
        return page >= self.last

    def wait_until_asked(self, *pages: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: set(pages) <= set(self.asked), TIMEOUT_SECONDS)

    def open_pages(self, first: int = 1) -> closing[Generator[int]]:
        return closing(
            Prefetch(
                fetch=self.fetch,
                is_last=self.is_last,
                in_flight=lambda: self.in_flight,
                is_late=lambda: self.late,
                interrupt=self.interrupt,
                to_likely_last=lambda: self.likely_last,
            ).iter_from(first)
        )


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("page-")] == []


@pytest.mark.parametrize("last", [1, 2, 7, 50])
@pytest.mark.parametrize("in_flight", [1, 2, 8])
def test_every_page_is_returned_once_and_in_order(last: int, in_flight: int) -> None:
    source = Pages(last, in_flight=in_flight)

    with source.open_pages() as pages:
        read = list(pages)

    assert read == list(range(1, last + 1))
    assert sorted(source.asked)[:last] == read
    assert source.most <= in_flight


@pytest.fixture
def refuse_threads() -> Iterator[None]:
    """Make every start of a thread fail, because there is no memory for its stack."""
    before = threading.stack_size(2**47)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("refuse_threads")
def test_a_page_whose_thread_cannot_start_fails_instead_of_being_waited_for() -> None:
    with Pages(9).open_pages() as pages, pytest.raises(RetryLater, match="page 1: no thread can be started"):
        next(pages)


def test_if_a_second_thread_cannot_start_the_first_one_fetches_all_pages() -> None:
    source = Pages(9, in_flight=1)

    with source.open_pages() as pages:
        read = [next(pages)]
        source.in_flight, before = 8, threading.stack_size(2**47)
        read += list(pages)
        threading.stack_size(before)

    assert read == list(range(1, 10))
    assert source.most == 1


def test_it_starts_at_the_given_page() -> None:
    source = Pages(9)

    with source.open_pages(first=7) as pages:
        read = list(pages)

    assert read == [7, 8, 9]
    assert min(source.asked) == 7


def test_after_the_end_only_requests_in_flight_are_made() -> None:
    source = Pages(20, in_flight=6, held=set(range(21, 100)))

    with source.open_pages() as pages:
        list(pages)

    assert max(source.asked) <= 20 + 6
    assert source.open == 0


@pytest.mark.parametrize("likely_last", [1, 3, 5])
def test_after_the_likely_end_a_page_is_not_fetched_ahead(likely_last: int) -> None:
    source = Pages(last=5, likely_last=likely_last)

    with source.open_pages() as pages:
        read = list(pages)

    assert read == sorted(source.asked) == [1, 2, 3, 4, 5]


def test_no_page_is_fetched_after_the_end_has_arrived() -> None:
    source = Pages(4, in_flight=4, held={1, 2, 3})  # until the last page has arrived

    with source.open_pages() as pages:
        read = list(pages)

    assert read == [1, 2, 3, 4]
    assert sorted(source.asked) == [1, 2, 3, 4]


def test_one_slow_page_limits_how_far_others_are_fetched_ahead() -> None:
    source = Pages(100, in_flight=3, held={2})
    with source.open_pages() as pages:
        read = [next(pages)]

        source.wait_until_asked(*range(1, 8))
        source.release(2)
        read += [next(pages) for _ in range(5)]

    assert read == [1, 2, 3, 4, 5, 6]
    assert max(source.asked) <= 6 + 2 * 3


def test_a_slow_reader_has_at_most_the_bound_of_pages_waiting() -> None:
    source = Pages(100, in_flight=3)
    with source.open_pages() as pages:
        next(pages)

        source.wait_until_asked(*range(1, 8))
        asked = list(source.asked)

    assert max(asked) == 1 + 2 * 3


def test_a_failed_page_is_raised_in_its_turn_and_ends_everything() -> None:
    source = Pages(100, in_flight=3, broken={5}, held=set(range(6, 100)))
    read: list[int] = []

    with source.open_pages() as pages, pytest.raises(LookupError, match="5"):
        read.extend(pages)

    assert read == [1, 2, 3, 4]
    assert max(source.asked) <= 5 + 3
    assert source.open == 0


def test_an_error_beyond_the_end_is_ignored() -> None:
    source = Pages(3, in_flight=4, held={3}, broken={4})
    with source.open_pages() as pages:
        read = [next(pages), next(pages)]

        source.wait_until_asked(4)
        source.release(3)
        read += list(pages)

    assert read == [1, 2, 3]


def test_closing_cancels_requests_in_progress() -> None:
    source = Pages(100, in_flight=4, held={2, 3, 4, 5})
    pages = source.open_pages()
    with pages as opened:
        next(opened)
        source.wait_until_asked(2, 3, 4, 5)

    assert source.open == 0
    assert sorted(source.asked) == [1, 2, 3, 4, 5]


def test_an_interrupted_reader_leaves_nothing_behind() -> None:
    source = Pages(100, in_flight=4, held={4, 5, 6, 7})

    def read_until_interrupted() -> None:
        with source.open_pages() as pages:
            for page in pages:
                if page == 3:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_until_interrupted()

    assert source.open == 0


def test_when_time_is_up_nothing_starts_and_nothing_is_returned() -> None:
    source = Pages(100, in_flight=2)
    with source.open_pages() as pages:
        read = [next(pages), next(pages)]
        source.wait_until_asked(*range(1, 7))

        source.late = True
        read += list(pages)

    assert read == [1, 2]
    assert sorted(source.asked) == [1, 2, 3, 4, 5, 6]


def test_a_page_in_progress_when_time_is_up_is_not_waited_for() -> None:
    source = Pages(100, in_flight=2, held={2, 3})
    with source.open_pages() as pages:
        read = [next(pages)]
        source.wait_until_asked(2, 3)

        source.late = True
        read += list(pages)

    assert read == [1]


def test_without_time_there_is_no_request() -> None:
    source = Pages(100, late=True)

    with source.open_pages() as pages:
        read = list(pages)

    assert (read, source.asked) == ([], [])


def test_the_number_of_pages_ahead_follows_the_pace() -> None:
    source = Pages(1000, in_flight=1)
    with source.open_pages() as pages:
        next(pages)
        source.wait_until_asked(1, 2, 3)
        narrow = len(source.asked)

        source.in_flight = 10
        next(pages)
        source.wait_until_asked(*range(1, 21))
        wide = len(source.asked)

    assert (narrow, wide) == (3, 20)


def test_threads_inherit_the_context_of_the_reader() -> None:
    label = contextvars.ContextVar("label", default="none")
    label.set("run 7")
    plan = Prefetch(
        fetch=lambda _page, _is_wanted: label.get(),
        is_last=lambda _page: True,
        in_flight=lambda: 1,
        is_late=lambda: False,
        interrupt=lambda: None,
    )

    with closing(plan.iter_from(1)) as pages:
        read = list(pages)

    assert read == ["run 7"]
