"""Reads all conversations of a window, with repeated requests if needed, and the conversations without a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.search.requests import Found, Place, to_created_ms, to_found, to_request
from kustomer_extract.adapters.kustomer.search.windows import PAGE_SIZE, WITHOUT_TIME, Window
from kustomer_extract.errors import BrokenPage, RetryLater, Truncated
from kustomer_extract.events import TimelessUnanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from kustomer_extract.adapters.kustomer.http import Answer, Request
    from kustomer_extract.models import Record

_LOOKS_SECONDS = (2.0, 10.0, 60.0)  # waits before a window is read again because its total was not reached
_ROUNDS = 3  # readings of the pages of one moment
_MAX_PAGES = 100  # pages that a search serves
_TOLERATED = 0.001  # the part of all conversations that may be counted but not returned
_TOLERATED_LEAST = 5
_REFUSED = 400
_AGAIN_SECONDS = 10.0  # the wait before a failed request is sent again
_WHOLE = Window(start=None, end=None)
_KEPT = "the published table stays as it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Reads the conversations of one place of the search, by one of the two times.

    Attributes:
        ask: Sends one request; raises `Unwanted` if time is up.
        rest: Waits; raises `Unwanted` if time is up.
        report: Gets an event if conversations are left out.
        unreadable: How many conversations were counted before but not returned.
        expected: How many conversations there are.
    """

    ask: Callable[[Request], Answer]
    rest: Callable[[float], None]
    report: Callable[[TimelessUnanswered], None]
    place: Place
    attribute: str
    unreadable: int
    expected: int

    def look(self, window: Window, *, page: int = 1) -> Found:
        """Request a page of a window once."""
        return to_found(self.ask(to_request(self.place, self.attribute, window, page=page)))

    def complete(self, found: Found, window: Window) -> tuple[Found, int]:
        """Request a window again until all of its conversations were returned; return how many were not.

        Raises:
            Truncated: too many were not returned.
        """
        size_bytes, retries = found.size_bytes, found.retries
        for seconds in _LOOKS_SECONDS:
            if len(set(found.ids)) >= found.total:
                break
            self.rest(seconds)
            again = self.look(window)
            size_bytes, retries = size_bytes + again.size_bytes, retries + again.retries + 1
            if again.total > PAGE_SIZE:
                break
            found = again
        missing = max(0, found.total - len(set(found.ids)))
        if self.unreadable + missing > max(_TOLERATED_LEAST, _TOLERATED * self.expected):
            raise Truncated(
                f"the search counts {self.unreadable + missing} conversations that it does not hand out, of "
                f"{self.expected}: too many to be hidden from this key; {_KEPT}. Run again; ask Kustomer's support if "
                "it stays so"
            )
        return replace(found, size_bytes=size_bytes, retries=retries), missing

    def read_pages(self, window: Window) -> tuple[Found, int]:
        """Read a single moment by pages: imports write thousands of conversations in one millisecond.

        Raises:
            Truncated: some are not returned.
        """
        records: dict[str, Record] = {}
        size_bytes = retries = total = 0
        for _ in range(_ROUNDS):
            pages = [self.look(window)]
            while len(pages) < min(_MAX_PAGES, -(-pages[-1].total // PAGE_SIZE)):
                pages.append(self.look(window, page=len(pages) + 1))
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

    def read_without_time(self) -> tuple[Found, int] | None:
        """Read the conversations without a time of creation; None if Kustomer does not support that request.

        Raises:
            RetryLater: other requests to the search fail, too.
        """
        try:
            found = self._look_without_time()
        except BrokenPage as error:
            if error.status_code != _REFUSED:
                raise
            return None
        except RetryLater as error:
            self.ask(
                to_request(self.place, self.attribute, _WHOLE, page_size=1)
            )  # finds out whether only this request fails
            self.report(TimelessUnanswered(reason=str(error)))
            return None
        if any(to_created_ms(record) is not None for record in found.records):  # the server ignores the operator
            return None
        return self.complete(found, WITHOUT_TIME) if found.total <= PAGE_SIZE else self.read_pages(WITHOUT_TIME)

    def _look_without_time(self) -> Found:
        try:
            return self.look(WITHOUT_TIME)
        except RetryLater:
            self.rest(_AGAIN_SECONDS)
            return self.look(WITHOUT_TIME)
