"""Reads the sweeps of a search: standard, archive, then what changed meanwhile. Proves that they are complete.

A little over 200 lines, because the sweeps and their proof count the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.search.contents import Contents
from kustomer_extract.adapters.kustomer.search.cursor import Position, Sweep
from kustomer_extract.adapters.kustomer.search.proof import MARGIN_MS, count_imported, count_settled_rows, prove
from kustomer_extract.adapters.kustomer.search.requests import (
    CREATED,
    UPDATED,
    Found,
    Place,
    to_created_ms,
    to_found,
    to_ms,
    to_request,
)
from kustomer_extract.adapters.kustomer.search.windows import PAGE_SIZE, Walk, Window
from kustomer_extract.errors import RetryLater
from kustomer_extract.models import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer, Request
    from kustomer_extract.events import TimelessUnanswered
    from kustomer_extract.models import Cursor, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReader:
    """Reads all conversations by search.

    Attributes:
        ask: Sends one request; raises `Unwanted` if time is up.
        rest: Waits; raises `Unwanted` if time is up.
        report: Gets an event if conversations are left out.
        history_start: Milliseconds since 1970. Conversations that were created earlier are left out.
    """

    ask: Callable[[Request], Answer]
    rest: Callable[[float], None]
    report: Callable[[TimelessUnanswered], None]
    history_start: int | None = None

    def count(self) -> Position:
        """Count the conversations, and return the first position.

        Raises:
            RoleMissing, KeyRejected: the key may not search.
            RetryLater, BrokenPage: the search does not work.
        """
        return self.to_position([self.ask(request) for request in self.to_counts()])

    def to_counts(self) -> Sequence[Request]:
        """Build the requests that count the conversations of each place."""
        return self._to_counts(Window(start=self.history_start, end=None))

    def to_position(self, answers: Sequence[Answer]) -> Position:
        """Return the first position, from the answers to `to_counts`."""
        counts = [to_found(answer) for answer in answers]
        began_at = min(to_ms(found.served_at) for found in counts)
        standard, archive = (found.total for found in counts)
        return Position(
            walk=Walk(at=self.history_start, limit=began_at - MARGIN_MS, left=standard),
            expected=standard + archive,
            archived=archive,
            since=self.history_start,
            began_at=began_at,
        )

    def begin(self, counted: Position) -> Position:
        """Count the conversations that must have been read at the end, and return the first position."""
        return replace(counted, settled=self._count_settled(counted.began_at))

    def _count_settled(self, began_at: int) -> int:
        window = Window(start=self.history_start, end=began_at - MARGIN_MS)
        return sum(to_found(self.ask(request)).total for request in self._to_counts(window))

    def _to_counts(self, window: Window) -> Sequence[Request]:
        return [to_request(place, CREATED, window, page_size=1) for place in Place]

    def find_made_with(self, record: Record) -> Sequence[Record]:
        """Find the conversations that were created in the same millisecond as this one."""
        moment = to_created_ms(record)
        if moment is None:
            return []
        window = Window(start=moment, end=moment + 1)
        return [found for place in Place for found in to_found(self.ask(to_request(place, CREATED, window))).records]

    def iter_pages(self, start: Cursor | Position) -> Generator[Page]:
        """Yield a page for each window, in the order of the sweeps. The `next` of the last page is None."""
        position = start if isinstance(start, Position) else Position.from_cursor(start)
        while True:
            # Counted before the last window is asked for: then that window shows every import that the count has.
            remaining = self._count_settled(position.began_at) if position.is_at_end else 0
            found, after = self._read_window(position)
            is_last = after.walk.at is None and after.sweep is Sweep.STANDARD
            if is_last:
                prove(after, remaining)
            yield Page(
                records=found.records,
                next=None if is_last else after.to_cursor(),
                size_bytes=found.size_bytes,
                retries=found.retries,
                evidence=after.evidence,
            )
            if is_last:
                return
            position = after

    # --- one window

    def _read_window(self, position: Position) -> tuple[Found, Position]:
        """Read the next window that fits a page; return what was found and the position after it."""
        contents = self._open(position)
        retries = 0
        while True:
            window = position.walk.window
            try:
                found = contents.look(window)
            except RetryLater:
                is_outage = window.end is None and position.walk.left == 0  # the window is almost empty
                if is_outage or position.walk.width <= 1:
                    raise
                retries += 1
                position = replace(position, walk=position.walk.halve())
                continue
            if found.total <= PAGE_SIZE:
                found, missing = contents.complete(found, window)
            elif window.is_one_moment:
                found, missing = contents.read_pages(window)
            else:
                position = replace(position, walk=position.walk.narrow(found.total))
                continue
            after = _advance(position, window, found, missing)
            found = replace(found, retries=retries + found.retries)
            is_end = window.end is None and contents.attribute == CREATED
            return self._add_without_time(contents, found, after) if is_end else (found, after)

    def _open(self, position: Position) -> Contents:
        return Contents(
            ask=self.ask,
            rest=self.rest,
            report=self.report,
            place=Place.ARCHIVE if position.sweep is Sweep.ARCHIVE else Place.STANDARD,
            attribute=UPDATED if position.sweep is Sweep.CATCH_UP else CREATED,
            unreadable=position.unreadable,
            expected=position.expected,
        )

    def _add_without_time(self, contents: Contents, found: Found, after: Position) -> tuple[Found, Position]:
        """At the end of a sweep, add the conversations without a time. No window counts them, so expect them, too."""
        extra = replace(contents, unreadable=after.unreadable).read_without_time()
        if extra is None:
            return found, after
        others, missing = extra
        expected, unreadable = after.expected + others.total, after.unreadable + missing
        return found.join(others), replace(after, expected=expected, unreadable=unreadable)


def _advance(position: Position, window: Window, found: Found, missing: int) -> Position:
    """Go to the next window or sweep. After the last sweep the walk has no place, and the sweep is the first.

    A window without an upper bound is the last one of its sweep.
    """
    limit = position.walk.limit
    read = replace(
        position,
        settled_rows=position.settled_rows + count_settled_rows(position, window, found, missing),
        imported=position.imported + count_imported(position, found),
        unreadable=position.unreadable + missing,
        windows=position.windows + 1,
    )
    if window.end is not None:
        return replace(read, walk=position.walk.advance(found.total))
    if position.sweep is Sweep.STANDARD:
        walk = Walk(at=position.since, limit=limit, left=position.archived)
        return replace(read, sweep=Sweep.ARCHIVE, walk=walk)
    if position.sweep is Sweep.ARCHIVE:
        return replace(read, sweep=Sweep.CATCH_UP, walk=Walk(at=position.began_at - MARGIN_MS, width=MARGIN_MS))
    return replace(read, sweep=Sweep.STANDARD, walk=Walk())
