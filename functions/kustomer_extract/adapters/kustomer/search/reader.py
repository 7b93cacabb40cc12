"""The sweeps of a search: standard, archive, then what changed meanwhile; and the proof that they found everything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.search.cursor import Position, Sweep
from kustomer_extract.adapters.kustomer.search.requests import (
    CREATED,
    UPDATED,
    Found,
    Place,
    to_found,
    to_ms,
    to_request,
)
from kustomer_extract.adapters.kustomer.search.windows import PAGE_SIZE, Walk, Window
from kustomer_extract.errors import RetryLater, Truncated
from kustomer_extract.models import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer, Request
    from kustomer_extract.models import Cursor, JsonObject

_MARGIN_MS = 15 * 60 * 1000  # an index is seconds late; clocks differ
_LOOKS_SECONDS = (2.0, 10.0, 60.0)  # before a window whose total was not reached is asked for again
_ROUNDS = 3  # over the pages of one moment
_MAX_PAGES = 100  # that a search serves
_TOLERATED = 0.001  # of all, that are counted but never handed out
_TOLERATED_LEAST = 5
_KEPT = "the published table stays as it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReader:
    """Reads all conversations by search.

    Attributes:
        ask: Gets one answer; raises `Unwanted` when time is up.
        rest: Waits; raises `Unwanted` when time is up.
        history_start: Milliseconds since 1970: nothing that was made before is wanted.
    """

    ask: Callable[[Request], Answer]
    rest: Callable[[float], None]
    history_start: int | None = None

    def count(self) -> Position:
        """Count what there is, now, and begin there.

        Raises:
            RoleMissing, KeyRejected: the key may not search.
            RetryLater, BrokenPage: the search does not work.
        """
        whole = Window(start=self.history_start, end=None)
        counts = [to_found(self.ask(to_request(place, CREATED, whole, page_size=1))) for place in Place]
        began_at = to_ms(counts[0].served_at)
        standard, archive = (found.total for found in counts)
        return Position(
            walk=Walk(at=self.history_start, limit=began_at - _MARGIN_MS, left=standard),
            expected=standard + archive,
            archived=archive,
            since=self.history_start,
            began_at=began_at,
        )

    def begin(self, counted: Position) -> Position:
        """Count what must have been read in the end."""
        return replace(counted, settled=self._count_settled(counted.began_at))

    def _count_settled(self, began_at: int) -> int:
        window = Window(start=self.history_start, end=began_at - _MARGIN_MS)
        return sum(to_found(self.ask(to_request(place, CREATED, window, page_size=1))).total for place in Place)

    def find_made_with(self, record: JsonObject) -> Sequence[JsonObject]:
        """Find the conversations that were made in the same millisecond as one of the list."""
        attributes = record.get("attributes")
        text = attributes.get("createdAt") if isinstance(attributes, dict) else None
        if not isinstance(text, str):
            return []
        moment = to_ms(datetime.fromisoformat(text))
        window = Window(start=moment, end=moment + 1)
        return [found for place in Place for found in self._search(place, CREATED, window).records]

    def iter_pages(self, start: Cursor | Position) -> Generator[Page]:
        """Yield a page for each window, in the order of the sweeps; the last one's `next` is None."""
        position = start if isinstance(start, Position) else Position.from_cursor(start)
        while True:
            records, size_bytes, retries, after = self._read_window(position)
            is_last = after.walk.at is None and after.sweep is Sweep.STANDARD
            if is_last:
                after = replace(position, windows=position.windows + 1, unreadable=after.unreadable)
                self._prove(after)
            yield Page(
                records=records,
                next=None if is_last else after.to_cursor(),
                size_bytes=size_bytes,
                retries=retries,
                evidence=after.evidence,
            )
            if is_last:
                return
            position = after

    # --- one window

    def _read_window(self, position: Position) -> tuple[Sequence[JsonObject], int, int, Position]:
        """Read the next window that fits a page; return its records and where the search stands behind it."""
        place = Place.ARCHIVE if position.sweep is Sweep.ARCHIVE else Place.STANDARD
        attribute = UPDATED if position.sweep is Sweep.CATCH_UP else CREATED
        retries = 0
        while True:
            window = position.walk.window
            try:
                found = self._search(place, attribute, window)
            except RetryLater:
                is_outage = window.end is None and position.walk.left == 0  # there is next to nothing in it
                if is_outage or position.walk.width <= 1:
                    raise
                retries += 1
                position = replace(position, walk=position.walk.halve())
                continue
            if found.total <= PAGE_SIZE:
                found, missing = self._complete(found, place, attribute, window, position)
            elif window.is_one_moment:
                found, missing = self._read_moment(place, attribute, window)
            else:
                position = replace(position, walk=position.walk.narrow(found.total))
                continue
            return found.records, found.size_bytes, retries + found.retries, _advance(position, window, found, missing)

    def _search(self, place: Place, attribute: str, window: Window, *, page: int = 1) -> Found:
        return to_found(self.ask(to_request(place, attribute, window, page=page)))

    def _complete(
        self, found: Found, place: Place, attribute: str, window: Window, position: Position
    ) -> tuple[Found, int]:
        """Ask again until as many different conversations came as there are; return how many never did."""
        size_bytes, retries = found.size_bytes, found.retries
        for seconds in _LOOKS_SECONDS:
            if len(set(found.ids)) >= found.total:
                break
            self.rest(seconds)
            again = self._search(place, attribute, window)
            size_bytes, retries = size_bytes + again.size_bytes, retries + again.retries + 1
            if again.total > PAGE_SIZE:
                break
            found = again
        missing = max(0, found.total - len(set(found.ids)))
        tolerated = max(_TOLERATED_LEAST, _TOLERATED * position.expected)
        if position.unreadable + missing > tolerated:
            raise Truncated(
                f"the search counts {position.unreadable + missing} conversations that it does not hand out, of "
                f"{position.expected}: too many to be hidden from this key; {_KEPT}. Run again; ask Kustomer's support "
                "if it stays so"
            )
        return replace(found, size_bytes=size_bytes, retries=retries), missing

    def _read_moment(self, place: Place, attribute: str, window: Window) -> tuple[Found, int]:
        """Read a moment that has more than a page, by pages: imports write thousands in one millisecond."""
        records: dict[str, JsonObject] = {}
        size_bytes = retries = 0
        for _ in range(_ROUNDS):
            pages = [self._search(place, attribute, window)]
            while len(pages) < min(_MAX_PAGES, -(-pages[-1].total // PAGE_SIZE)):
                pages.append(self._search(place, attribute, window, page=len(pages) + 1))
            for page in pages:
                records |= dict(zip(page.ids, page.records, strict=True))
            size_bytes += sum(page.size_bytes for page in pages)
            retries += sum(page.retries for page in pages)
            total = pages[-1].total
            if len(records) >= total:
                found, ids = tuple(records.values()), tuple(records)
                return replace(pages[-1], records=found, ids=ids, size_bytes=size_bytes, retries=retries), 0
        raise Truncated(
            f"{total} conversations have the same time, and {len(records)} of them came by in {_ROUNDS} rounds: "
            f"the search does not hand them all out; {_KEPT}. Ask Kustomer's support for the others"
        )

    # --- the proof

    def _prove(self, position: Position) -> None:
        """Hold what was read against what was counted, before and after: the smaller count must be reached."""
        counted = min(position.settled, self._count_settled(position.began_at))
        if position.settled_rows + position.unreadable < counted:
            raise Truncated(
                f"the search has handed out {position.settled_rows} of {counted} conversations that are older than "
                f"this run: the extract is not whole; {_KEPT}. Run again; ask Kustomer's support if it stays so"
            )


def _advance(position: Position, window: Window, found: Found, missing: int) -> Position:
    """Go on behind a window, or to the next sweep; after the last one the walk has no place and the sweep is the first.

    A window without an upper bound is the last one of its sweep.
    """
    limit = position.walk.limit
    is_settled = limit is not None and window.end is not None and window.end <= limit
    read = replace(
        position,
        settled_rows=position.settled_rows + (len(set(found.ids)) if is_settled else 0),
        unreadable=position.unreadable + missing,
        windows=position.windows + 1,
    )
    if window.end is not None:
        return replace(read, walk=position.walk.advance(found.total))
    if position.sweep is Sweep.STANDARD:
        walk = Walk(at=position.since, limit=limit, left=position.archived)
        return replace(read, sweep=Sweep.ARCHIVE, walk=walk)
    if position.sweep is Sweep.ARCHIVE:
        return replace(read, sweep=Sweep.CATCH_UP, walk=Walk(at=position.began_at - _MARGIN_MS, width=_MARGIN_MS))
    return replace(read, sweep=Sweep.STANDARD, walk=Walk())
