"""Pages are fetched ahead within bounds and handed on in order; however it ends, no thread and no request is left."""

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

PATIENCE_SECONDS = 10.0


@dataclass
class Shelf:
    """Pages 1 to `last`, and who asked for them. A page is its number.

    Attributes:
        held: Pages that are not delivered before `release`, or before the fetch is interrupted or unwanted.
        broken: Pages that fail for good.
        most: The most fetches at the same time.
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
            assert self.changed.wait_for(lambda: page not in self.held or self.interrupted, PATIENCE_SECONDS)
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
            assert self.changed.wait_for(lambda: set(pages) <= set(self.asked), PATIENCE_SECONDS)

    def open_pages(self, first: int = 1) -> closing[Generator[int]]:
        return closing(
            Prefetch(
                fetch=self.fetch,
                is_last=self.is_last,
                in_flight=lambda: self.in_flight,
                is_late=lambda: self.late,
                interrupt=self.interrupt,
                likely_last=self.likely_last,
            ).iter_from(first)
        )


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("page-")] == []


@pytest.mark.parametrize("last", [1, 2, 7, 50])
@pytest.mark.parametrize("in_flight", [1, 2, 8])
def test_every_page_comes_once_and_in_order(last: int, in_flight: int) -> None:
    shelf = Shelf(last, in_flight=in_flight)

    with shelf.open_pages() as pages:
        read = list(pages)

    assert read == list(range(1, last + 1))
    assert sorted(shelf.asked)[:last] == read
    assert shelf.most <= in_flight


@pytest.fixture
def no_room_for_threads() -> Iterator[None]:
    """Let no thread start any more: none finds room for its stack."""
    before = threading.stack_size(2**47)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("no_room_for_threads")
def test_a_page_whose_thread_cannot_start_fails_instead_of_being_waited_for() -> None:
    with Shelf(9).open_pages() as pages, pytest.raises(RetryLater, match="page 1: no thread can be started"):
        next(pages)


def test_where_a_second_thread_cannot_start_the_first_one_fetches_all() -> None:
    shelf = Shelf(9, in_flight=1)

    with shelf.open_pages() as pages:
        read = [next(pages)]
        shelf.in_flight, before = 8, threading.stack_size(2**47)
        read += list(pages)
        threading.stack_size(before)

    assert read == list(range(1, 10))
    assert shelf.most == 1


def test_it_begins_where_it_is_told_to() -> None:
    shelf = Shelf(9)

    with shelf.open_pages(first=7) as pages:
        read = list(pages)

    assert read == [7, 8, 9]
    assert min(shelf.asked) == 7


def test_beyond_the_end_no_more_is_asked_than_was_in_flight() -> None:
    shelf = Shelf(20, in_flight=6, held=set(range(21, 100)))

    with shelf.open_pages() as pages:
        list(pages)

    assert max(shelf.asked) <= 20 + 6
    assert shelf.open == 0


@pytest.mark.parametrize("likely_last", [1, 3, 5])
def test_beyond_the_likely_end_a_page_is_asked_for_when_its_turn_has_come(likely_last: int) -> None:
    shelf = Shelf(last=5, likely_last=likely_last)

    with shelf.open_pages() as pages:
        read = list(pages)

    assert read == sorted(shelf.asked) == [1, 2, 3, 4, 5]


def test_the_end_is_known_before_its_turn() -> None:
    shelf = Shelf(4, in_flight=4, held={1, 2, 3})  # until the last page has come

    with shelf.open_pages() as pages:
        read = list(pages)

    assert read == [1, 2, 3, 4]
    assert sorted(shelf.asked) == [1, 2, 3, 4]


def test_one_slow_page_does_not_stop_the_others_and_bounds_how_far_they_run_ahead() -> None:
    shelf = Shelf(100, in_flight=3, held={2})
    with shelf.open_pages() as pages:
        read = [next(pages)]

        shelf.wait_until_asked(*range(1, 8))
        shelf.release(2)
        read += [next(pages) for _ in range(5)]

    assert read == [1, 2, 3, 4, 5, 6]
    assert max(shelf.asked) <= 6 + 2 * 3


def test_a_reader_who_takes_his_time_finds_no_more_pages_than_the_bound() -> None:
    shelf = Shelf(100, in_flight=3)
    with shelf.open_pages() as pages:
        next(pages)

        shelf.wait_until_asked(*range(1, 8))
        asked = list(shelf.asked)

    assert max(asked) == 1 + 2 * 3


def test_a_dead_page_is_raised_in_its_turn_and_ends_everything() -> None:
    shelf = Shelf(100, in_flight=3, broken={5}, held=set(range(6, 100)))
    read: list[int] = []

    with shelf.open_pages() as pages, pytest.raises(LookupError, match="5"):
        read.extend(pages)

    assert read == [1, 2, 3, 4]
    assert max(shelf.asked) <= 5 + 3
    assert shelf.open == 0


def test_an_error_beyond_the_end_is_ignored() -> None:
    shelf = Shelf(3, in_flight=4, held={3}, broken={4})
    with shelf.open_pages() as pages:
        read = [next(pages), next(pages)]

        shelf.wait_until_asked(4)
        shelf.release(3)
        read += list(pages)

    assert read == [1, 2, 3]


def test_closing_cuts_off_what_is_under_way() -> None:
    shelf = Shelf(100, in_flight=4, held={2, 3, 4, 5})
    pages = shelf.open_pages()
    with pages as opened:
        next(opened)
        shelf.wait_until_asked(2, 3, 4, 5)

    assert shelf.open == 0
    assert sorted(shelf.asked) == [1, 2, 3, 4, 5]


def test_an_interrupted_reader_leaves_nothing_behind() -> None:
    shelf = Shelf(100, in_flight=4, held={4, 5, 6, 7})

    def read_until_interrupted() -> None:
        with shelf.open_pages() as pages:
            for page in pages:
                if page == 3:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_until_interrupted()

    assert shelf.open == 0


def test_when_time_is_up_nothing_more_starts_and_nothing_more_is_handed_on() -> None:
    shelf = Shelf(100, in_flight=2)
    with shelf.open_pages() as pages:
        read = [next(pages), next(pages)]
        shelf.wait_until_asked(*range(1, 7))

        shelf.late = True
        read += list(pages)

    assert read == [1, 2]
    assert sorted(shelf.asked) == [1, 2, 3, 4, 5, 6]


def test_a_page_under_way_when_time_is_up_is_not_waited_for() -> None:
    shelf = Shelf(100, in_flight=2, held={2, 3})
    with shelf.open_pages() as pages:
        read = [next(pages)]
        shelf.wait_until_asked(2, 3)

        shelf.late = True
        read += list(pages)

    assert read == [1]


def test_no_time_at_all_means_no_request() -> None:
    shelf = Shelf(100, late=True)

    with shelf.open_pages() as pages:
        read = list(pages)

    assert (read, shelf.asked) == ([], [])


def test_the_look_ahead_follows_the_pace() -> None:
    shelf = Shelf(1000, in_flight=1)
    with shelf.open_pages() as pages:
        next(pages)
        shelf.wait_until_asked(1, 2, 3)
        narrow = len(shelf.asked)

        shelf.in_flight = 10
        next(pages)
        shelf.wait_until_asked(*range(1, 21))
        wide = len(shelf.asked)

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
