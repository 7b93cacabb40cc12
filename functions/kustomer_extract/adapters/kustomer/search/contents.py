"""All that a window holds, however often it has to be asked for; and what no window holds, because it has no time."""

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
    from kustomer_extract.models import JsonObject

_LOOKS_SECONDS = (2.0, 10.0, 60.0)  # before a window whose total was not reached is asked for again
_ROUNDS = 3  # over the pages of one moment
_MAX_PAGES = 100  # that a search serves
_TOLERATED = 0.001  # of all, that are counted but never handed out
_TOLERATED_LEAST = 5
_REFUSED = 400
_AGAIN_SECONDS = 10.0  # before a question that was not answered is put once more
_WHOLE = Window(start=None, end=None)
_KEPT = "the published table stays as it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What lies in one place of the search, by one of the two times.

    Attributes:
        ask: Gets one answer; raises `Unwanted` when time is up.
        rest: Waits; raises `Unwanted` when time is up.
        report: Gets an event where conversations are left out.
        unreadable: So many were counted before and never handed out.
        expected: So many there are in all.
    """

    ask: Callable[[Request], Answer]
    rest: Callable[[float], None]
    report: Callable[[TimelessUnanswered], None]
    place: Place
    attribute: str
    unreadable: int
    expected: int

    def look(self, window: Window, *, page: int = 1) -> Found:
        """Ask for a page of a window, once."""
        return to_found(self.ask(to_request(self.place, self.attribute, window, page=page)))

    def complete(self, found: Found, window: Window) -> tuple[Found, int]:
        """Ask again until as many different conversations came as there are; return how many never did.

        Raises:
            Truncated: too many never did.
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
        """Read what cannot be made to fit a page, by pages: imports write thousands in one millisecond.

        Raises:
            Truncated: some are not handed out.
        """
        records: dict[str, JsonObject] = {}
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
        """Read what has no time of creation; None where Kustomer cannot be asked for it.

        Raises:
            RetryLater: the search answers nothing else either.
        """
        try:
            found = self._look_without_time()
        except BrokenPage as error:
            if error.status_code != _REFUSED:
                raise
            return None
        except RetryLater as error:
            self.ask(to_request(self.place, self.attribute, _WHOLE, page_size=1))  # is it the question, or an outage?
            self.report(TimelessUnanswered(reason=str(error)))
            return None
        if any(
            to_created_ms(record) is not None for record in found.records
        ):  # the operator does not do what its name says
            return None
        return self.complete(found, WITHOUT_TIME) if found.total <= PAGE_SIZE else self.read_pages(WITHOUT_TIME)

    def _look_without_time(self) -> Found:
        try:
            return self.look(WITHOUT_TIME)
        except RetryLater:
            self.rest(_AGAIN_SECONDS)
            return self.look(WITHOUT_TIME)
