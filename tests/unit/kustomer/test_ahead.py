"""Items come in order from another thread, errors at their turn, and nothing goes on after the end."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from kustomer_extract.adapters.kustomer.ahead import Ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "ahead"] == []


def test_items_come_in_order() -> None:
    ahead = Ahead(lambda _is_closed: (number for number in range(20)))

    assert list(ahead.iter_items()) == list(range(20))


def test_the_iterator_begins_before_anything_is_taken_and_waits_with_its_second_item() -> None:
    begun, made = threading.Event(), list[int]()

    def count(_is_closed: Callable[[], bool]) -> Generator[int]:
        for number in range(5):
            made.append(number)
            begun.set()
            yield number

    ahead = Ahead(count)

    assert begun.wait(5)
    time.sleep(0.05)
    assert made in ([0], [0, 1])
    assert list(ahead.iter_items()) == [0, 1, 2, 3, 4]


def test_an_error_is_raised_at_its_turn() -> None:
    def fail(_is_closed: Callable[[], bool]) -> Generator[int]:
        yield 1
        raise LookupError("the second")

    items = Ahead(fail).iter_items()

    assert next(items) == 1
    with pytest.raises(LookupError, match="the second"):
        next(items)


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_closing_ends_the_iterator(taken: int) -> None:
    ended = threading.Event()

    def count(is_closed: Callable[[], bool]) -> Generator[int]:
        try:
            number = 0
            while not is_closed():
                yield number
                number += 1
        finally:
            ended.set()

    ahead = Ahead(count)
    with closing(ahead.iter_items()) as items:
        assert [next(items) for _ in range(taken)] == list(range(taken))
    ahead.close()

    assert ended.is_set()


def test_closing_ends_an_iterator_that_waits() -> None:
    waits = threading.Event()

    def wait(is_closed: Callable[[], bool]) -> Generator[int]:
        waits.set()
        while not is_closed():
            time.sleep(0.01)
        yield from ()

    ahead = Ahead(wait)
    assert waits.wait(5)

    ahead.close()


def test_the_error_of_what_nobody_takes_is_dropped() -> None:
    def fail(_is_closed: Callable[[], bool]) -> Generator[int]:
        yield from ()
        raise LookupError

    Ahead(fail).close()


def test_an_item_that_waits_for_long_is_not_fresh_any_more() -> None:
    ahead = Ahead(lambda _is_closed: iter_one())
    assert ahead.is_fresh(60)
    time.sleep(0.1)

    assert ahead.is_fresh(60)
    assert not ahead.is_fresh(0.01)
    ahead.close()


def test_what_has_failed_is_not_fresh() -> None:
    ahead = Ahead(lambda _is_closed: fail_at_once())
    ahead._thread.join(5)

    assert not ahead.is_fresh(60)
    ahead.close()


def test_nothing_comes_after_the_end() -> None:
    ahead = Ahead(lambda _is_closed: iter_one())
    assert list(ahead.iter_items()) == [1]
    assert list(ahead.iter_items()) == []

    with closing(Ahead(lambda _is_closed: iter_one())) as other:
        items = other.iter_items()
        other.close()
        assert list(items) == []


def iter_one() -> Generator[int]:
    yield 1


def fail_at_once() -> Generator[int]:
    yield from ()
    raise LookupError
