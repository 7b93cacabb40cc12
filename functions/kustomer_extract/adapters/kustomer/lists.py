"""Reads one list page by page and in order. Short pages are read again, and the end of the list is checked.

The rules are in docs/kustomer-api.md, section 4.7.
Longer than 200 lines, because the rules share the list's position, and are read beside that section.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, pairwise
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from kustomer_extract.adapters.kustomer.http import NOT_FOUND, Request, take
from kustomer_extract.adapters.kustomer.ids import to_made_ms
from kustomer_extract.adapters.kustomer.prefetch import Prefetch
from kustomer_extract.adapters.kustomer.progress import PAGE_SIZE, ListPage, Progress, to_list_page
from kustomer_extract.errors import BrokenPage, ExtractError, NeedsPerson, RetryLater, Truncated
from kustomer_extract.models import Evidence, Page, Proof, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from kustomer_extract.adapters.kustomer.asker import Asker
    from kustomer_extract.adapters.kustomer.gate import Gate
    from kustomer_extract.adapters.kustomer.http import Answer
    from kustomer_extract.models import Cursor

T = TypeVar("T")

PAGES_OF_CAP = (100, 101)  # the last page that a capped list has, and the one after it
_REFUSED = range(400, 500)
_FAR_END = 20  # records at the other end; enough that they are not all deleted during a run
_MOMENT_SECONDS = 1.0
_MAX_LOOKS = 3  # readings of a short page
_AGAIN_SHARE = 10  # one page in ten may be read again
_AGAIN_FREE = 3  # and these in addition
_MAX_READINGS = 4  # of a list without order
_IMPORT_MARGIN_SECONDS = 86_400  # the time in an id and `createdAt` may differ


def to_request(
    table: Table, page: int, *, newest_first: bool = False, is_asked_again: bool = True, page_size: int = PAGE_SIZE
) -> Request:
    """Build a page's request: https://developer.kustomer.com/api/core-resources/get-conversations, read 2026-11-23."""
    order = {"sort": "desc"} if newest_first else {}
    return Request(
        path=f"/v1/{table}",
        query={"page": page, "pageSize": page_size, **order},
        role=table.role,
        is_asked_again=is_asked_again,
    )


@dataclass(frozen=True, slots=True)
class _Beyond:
    """The page after the last one, or why it is refused or fails."""

    outcome: ListPage | ExtractError


@dataclass(slots=True, kw_only=True)
class List:
    """One table's list.

    Attributes:
        asker: Sends its requests, and knows when time is up.
        oldest_wanted: Seconds since 1970. Records with older ids are not needed.
        total: How many records there should be; None if they were not counted.
        other_end: The outcome of the request `to_other_end`, if it was sent already.
    """

    table: Table
    asker: Asker
    gate: Gate
    base_url: str
    oldest_wanted: float | None = None
    total: int | None = None
    other_end: Answer | ExtractError | None = None
    _lock: Lock = field(default_factory=Lock)
    _moments: Iterator[int] = field(default_factory=partial(count, 1))
    _resumed_at: int = 0
    _is_unordered: bool = False
    _largest: int = 0
    _asked: int = 0
    _asked_again: int = 0

    def iter_pages(self, start: Cursor | None) -> Generator[Page]:
        """Yield the pages in order, from `start`, until the last one or until time is up."""
        if self.table is Table.CONVERSATIONS:
            return self._iter_ordered(start)
        return self._iter_agreed()

    # --- a list with an order

    def _iter_ordered(self, start: Cursor | None) -> Generator[Page]:
        progress = self._resume(Progress.from_cursor(start)) if start else self._begin()
        self._largest = progress.largest
        for look in range(1, _MAX_LOOKS + 1):
            end = yield from self._iter_to_end(progress)
            if end is None:
                return
            progress, last = end
            final = progress.after(last)
            if last.has_next:  # only older records follow, so the other end need not be read
                final = replace(final, expected=())
            elif final.expected and look < _MAX_LOOKS and self._has_changed(last, newest_first=progress.newest_first):
                continue
            else:
                shown = last.ids or progress.ids
                final.check_end(existing=find_existing(final.expected, self.table, self.asker.ask, shown=shown))
                final = replace(final, expected=())
                if final.proof is Proof.NONE or not final.rows:
                    beyond = self._read_beyond(last.number + 1, self.asker.ask)
                    _check_beyond(last, {*progress.ids, *last.ids}, beyond, first=final.first)
            yield self._to_page(last, final, is_last=True)
            return

    def _iter_to_end(self, progress: Progress) -> Generator[Page, None, tuple[Progress, ListPage] | None]:
        """Yield all pages but the last, and return it; None if time is up, or if the list was read another way."""
        seen: set[str] = set()
        shifted = 0
        likely_last = -(-progress.total // PAGE_SIZE) if progress.total else None
        with closing(self._prefetch(progress, lambda: likely_last).iter_from(progress.page)) as pages:
            for fetched in pages:
                page = fetched
                if not self._keeps_order(progress, page):
                    yield from self._iter_whole()
                    return None
                if self._breaks_order(progress, page):
                    page = self._read_out_of_order(page)
                if progress.newest_first:
                    if page.asked < shifted:
                        page = self._fill_gap(page)
                    if self._has_shifted(progress, page):
                        shifted = max(shifted, page.came)
                after = progress.after(page, seen)
                if self._is_last(page):
                    return progress, page
                progress = after
                seen.add(page.fingerprint)
                yield self._to_page(page, progress, is_last=False)
        return None

    def _begin(self) -> Progress:
        """Read the other end of the list first. Its records must be read again before the end is accepted."""
        newest_first = self.oldest_wanted is not None
        outcome, self.other_end = self.other_end or self.asker.ask(self.to_other_end()), None
        ids = to_list_page(take(outcome), 1, base_url=self.base_url).ids
        if not ids and self.total != 0:  # an empty page alone proves nothing, so it is read again
            self.gate.rest(_MOMENT_SECONDS, lambda: not self.asker.is_late())
            ids = self.read_page(1, newest_first=not newest_first).ids
        if newest_first != _falls(ids):  # the server has kept to the requested order
            return Progress(expected=ids[:_FAR_END], newest_first=newest_first, total=self.total)
        is_proof = len(ids) < 2  # noqa: PLR2004 - one record has no order
        return Progress(
            expected=ids[:_FAR_END] if is_proof else (),
            newest_first=newest_first,
            proof=_to_proof(is_proof),
            total=self.total,
        )

    def to_other_end(self) -> Request:
        """Build the request for the first page in the opposite order."""
        return to_request(self.table, 1, newest_first=self.oldest_wanted is None)

    def _iter_whole(self) -> Generator[Page]:
        """Start over from the oldest record, because the ids are not in falling order."""
        self.oldest_wanted = None
        for number, page in enumerate(self._iter_ordered(None)):
            yield replace(page, restart=True) if number == 0 else page

    def _breaks_order(self, progress: Progress, page: ListPage) -> bool:
        """Tell whether ids rose until this page, which does not go on from there: it may be another page's answer."""
        is_new = not progress.ids or page.number == self._resumed_at
        if progress.newest_first or self._is_unordered or is_new or not (page.ids and page.has_next):
            return False
        return _rises(progress.ids) and not _rises((progress.ids[-1], *page.ids))

    def _read_out_of_order(self, page: ListPage) -> ListPage:
        """Read such a page again. If it comes the same, that is the list's order, and no more pages are doubted."""
        again = self.read_page(page.number)
        self._is_unordered = again.fingerprint == page.fingerprint
        return replace(again, retries=page.retries + again.retries + 1)

    def _has_shifted(self, progress: Progress, page: ListPage) -> bool:
        """Tell whether a page begins with records of the page before it; of a first page, whether it came late."""
        return page.ids[0] in progress.ids if progress.ids and page.ids else page.retries > 0

    def _fill_gap(self, page: ListPage) -> ListPage:
        """Read a page once more, which was asked for before an earlier page came, and add what it shows now.

        A record that was inserted in between has shifted the last one of the earlier page on to this page.
        """
        again = self.read_page(page.number, newest_first=True)
        known = set(page.ids)
        added = [record for record, identifier in zip(again.records, again.ids, strict=True) if identifier not in known]
        return replace(page, records=[*page.records, *added], retries=page.retries + again.retries)

    def _keeps_order(self, progress: Progress, page: ListPage) -> bool:
        if not progress.newest_first or not page.ids:
            return True
        is_new = not progress.ids or page.number == self._resumed_at  # there is no page before it, or it was read again
        return _falls(page.ids) and (is_new or progress.ids[-1] > page.ids[0] or page.ids[0] in progress.ids)

    def _is_last(self, page: ListPage) -> bool:
        return not page.has_next or self._is_beyond(page)

    def _is_beyond(self, page: ListPage) -> bool:
        """Whether every record of the page is too old, by the time in its id."""
        if self.oldest_wanted is None or not page.ids:
            return False
        times = [to_made_ms(identifier) for identifier in page.ids]
        limit = (self.oldest_wanted - _IMPORT_MARGIN_SECONDS) * 1000
        return all(time is not None and time < limit for time in times)

    def _resume(self, progress: Progress) -> Progress:
        """Read the latest page again, because records that were deleted meanwhile have shifted the later ones.

        If the page has no id in common with its earlier content, the shift was larger, and the page before is read.
        """
        if not progress.newest_first:
            self.oldest_wanted = None
        known = progress.ids
        progress = progress.step_back()
        while known and progress.page > 1:
            ids = self.read_page(progress.page, newest_first=progress.newest_first).ids
            # Newest first, new records shift what is known to later pages: nothing is hidden if a page begins above it.
            if not set(known).isdisjoint(ids) or (progress.newest_first and ids and ids[0] > known[0]):
                break
            progress = replace(progress, page=progress.page - 1)
        self._resumed_at = progress.page
        return progress if progress.page > 1 else replace(progress, first="")

    def _has_changed(self, page: ListPage, *, newest_first: bool) -> bool:
        """Read the last page again after a moment, and tell whether it has changed."""
        self.gate.rest(_MOMENT_SECONDS, lambda: not self.asker.is_late())
        again = self.read_page(page.number, newest_first=newest_first)
        return (again.fingerprint, again.has_next) != (page.fingerprint, page.has_next)

    # --- a list without an order

    def _iter_agreed(self) -> Generator[Page]:
        """Read the list until two readings agree. Nothing else shows where it ends, and such lists are short."""
        ids: frozenset[str] | None = None
        known = 0
        for _ in range(_MAX_READINGS):
            read = self._read_all(known)
            if read is None:
                return
            pages, beyond = read
            before, ids, known = ids, frozenset(identifier for page in pages for identifier in page.ids), len(pages)
            if ids == before:
                _check_beyond(pages[-1], ids, beyond or self._read_beyond(known + 1, self.asker.ask))
                yield from self._to_pages(pages)
                return
            if before is not None:
                self.gate.rest(_MOMENT_SECONDS, lambda: not self.asker.is_late())
        raise Truncated(
            f"{_MAX_READINGS} readings of /v1/{self.table} found different records: the list cannot be trusted; the "
            "published table stays as it is. Run again; ask Kustomer's support if it stays so"
        )

    def _read_all(self, known: int) -> tuple[list[ListPage], ListPage | ExtractError | None] | None:
        """Read the whole list; None if time is up. The first time, with `known` 0, it may have one page only.

        If it has as many pages as are `known`, the page after its last one is read beside it.
        """
        progress, seen, read = Progress(), set[str](), list[ListPage]()

        def add(page: ListPage) -> None:
            nonlocal progress
            progress = progress.after(page, seen)
            seen.add(page.fingerprint)
            read.append(page)

        if known:
            with closing(self._prefetch_known(known).iter_from(1)) as pages:
                for page in pages:
                    if isinstance(page, ListPage):
                        add(page)
                    elif not read[-1].has_next:
                        return read, page.outcome
        # A page that is linked now is read anew: the one that came beside the others is older than the link to it.
        if not read or read[-1].has_next:
            with closing(self._prefetch(progress, lambda: None if read else 1).iter_from(len(read) + 1)) as others:
                for page in others:
                    add(page)
        return (read, None) if read and not read[-1].has_next else None

    def _prefetch_known(self, known: int) -> Prefetch[ListPage | _Beyond]:
        """Plan to read so many pages, and the one after them."""

        def fetch(number: int, is_wanted: Callable[[], bool]) -> ListPage | _Beyond:
            if number <= known:
                return self._fetch(False, number, is_wanted)
            return _Beyond(self._read_beyond(number, lambda request: self.asker.http.get(request, is_wanted)))

        def is_last(page: ListPage | _Beyond) -> bool:
            return isinstance(page, _Beyond) or not (page.has_next or page.number == known)

        return self._plan(fetch, is_last, lambda: known + 1)

    def _to_pages(self, pages: list[ListPage]) -> Generator[Page]:
        progress = Progress()
        for page in pages:
            progress = progress.after(page)
            evidence = Evidence(proven_by=Proof.REPEATED_READING, short_pages=progress.short_pages)
            cursor = Progress(page=page.number + 1).to_cursor() if page.has_next else None
            yield Page(
                records=page.records, next=cursor, size_bytes=page.size_bytes, retries=page.retries, evidence=evidence
            )

    # --- pages

    def _read_beyond(self, number: int, ask: Callable[[Request], Answer]) -> ListPage | ExtractError:
        """Read the page after the last one, or return why that is refused or fails."""
        request = replace(to_request(self.table, number, is_asked_again=False), is_explained=False, attempts=2)
        try:
            return to_list_page(ask(request), number, base_url=self.base_url)
        except (NeedsPerson, RetryLater) as error:
            return error

    def read_page(self, number: int, *, newest_first: bool = False, is_asked_again: bool = True) -> ListPage:
        """Read a single page. Raises `Unwanted` if time is up."""
        request = to_request(self.table, number, newest_first=newest_first, is_asked_again=is_asked_again)
        answer = self.asker.ask(request)
        return to_list_page(answer, number, base_url=self.base_url)

    def _prefetch(self, progress: Progress, to_likely_last: Callable[[], int | None]) -> Prefetch[ListPage]:
        return self._plan(partial(self._fetch, progress.newest_first), self._is_last, to_likely_last)

    def _plan(
        self,
        fetch: Callable[[int, Callable[[], bool]], T],
        is_last: Callable[[T], bool],
        to_likely_last: Callable[[], int | None],
    ) -> Prefetch[T]:
        return Prefetch(
            fetch=fetch,
            is_last=is_last,
            in_flight=self.gate.to_in_flight,
            is_late=self.asker.is_late,
            interrupt=self.asker.http.interrupt,
            to_likely_last=to_likely_last,
        )

    def _fetch(self, newest_first: bool, number: int, is_wanted: Callable[[], bool]) -> ListPage:  # noqa: FBT001 - bound
        """Fetch a page. If it is short although another page follows, fetch it again."""
        page = self._fetch_once(number, is_wanted, newest_first=newest_first)
        looks = 1
        while self._is_short(page) and looks < _MAX_LOOKS and self._may_ask_again():
            self.gate.rest(_MOMENT_SECONDS, is_wanted)
            again = self._fetch_once(number, is_wanted, newest_first=newest_first)
            is_same = again.fingerprint == page.fingerprint
            page, looks = replace(again, retries=page.retries + again.retries + 1), looks + 1
            if is_same:
                break
        with self._lock:
            if page.has_next:  # the last page says nothing, and may come first
                self._largest = max(self._largest, len(page.ids))
        return page

    def _is_short(self, page: ListPage) -> bool:
        return page.has_next and len(page.ids) < (self._largest or PAGE_SIZE)

    def _may_ask_again(self) -> bool:
        """Count another reading of a page; return False if there were too many of them."""
        with self._lock:
            if self._asked_again >= _AGAIN_FREE + self._asked // _AGAIN_SHARE:
                return False
            self._asked_again += 1
            return True

    def _fetch_once(self, number: int, is_wanted: Callable[[], bool], *, newest_first: bool) -> ListPage:
        with self._lock:
            self._asked += 1
        asked = next(self._moments)
        try:
            answer = self.asker.http.get(to_request(self.table, number, newest_first=newest_first), is_wanted)
        except BrokenPage as error:
            if number == 1 or error.status_code not in _REFUSED:
                raise
            raise Truncated(
                f"page {number - 1} links to page {number}, but that is refused ({error}): the API does not list all "
                "there is; the published table stays as it is. Ask Kustomer's support to lift the cap"
            ) from error
        page = to_list_page(answer, number, base_url=self.base_url)
        return replace(page, asked=asked, came=next(self._moments))

    def _to_page(self, page: ListPage, progress: Progress, *, is_last: bool) -> Page:
        return Page(
            records=page.records,
            next=None if is_last else progress.to_cursor(),
            size_bytes=page.size_bytes,
            retries=page.retries,
            evidence=progress.evidence,
        )


def _check_beyond(last: ListPage, known: AbstractSet[str], beyond: ListPage | ExtractError, *, first: str = "") -> None:
    """Look at the page after the last one. It may be refused, fail, be empty, or repeat another page.

    Raises:
        Truncated: it has other records.
    """
    if isinstance(beyond, ExtractError) or known >= set(beyond.ids) or beyond.fingerprint == first:
        return
    raise Truncated(
        f"page {last.number} says that it is the last one, but page {beyond.number} has other records: the list is cut "
        "short; the published table stays as it is. Run again; ask Kustomer's support if it stays so"
    )


def find_existing(
    ids: Sequence[str], table: Table, ask: Callable[[Request], Answer], *, shown: Sequence[str]
) -> frozenset[str]:
    """Return which of these ids Kustomer still has, with one request for each.

    Source: https://developer.kustomer.com/api/core-resources/get-a-conversation, read 2026-11-26.

    `shown` are ids that the list shows. If Kustomer finds none of `ids`, it must find the first of these.

    Raises:
        Unwanted: time is up.
        Truncated: Kustomer finds none at all, so it is not known whether `ids` were deleted.
    """
    found = frozenset(identifier for identifier in ids if _exists(identifier, table, ask))
    if ids and shown and not found and not _exists(shown[0], table, ask):
        raise Truncated(
            f"{len(ids)} {table} are missing in the list, and whether they were deleted cannot be told: asked for one "
            "by one, Kustomer finds not even a record that the list shows; the published table stays as it is. Run "
            "again; ask Kustomer's support if it stays so"
        )
    return found


def _exists(identifier: str, table: Table, ask: Callable[[Request], Answer]) -> bool:
    try:
        ask(Request(path=f"/v1/{table}/{quote(identifier, safe='')}", query={}, role=table.role, is_one=True))
    except BrokenPage as error:
        if error.status_code != NOT_FOUND:
            raise
        return False
    return True


def _falls(ids: tuple[str, ...]) -> bool:
    """Whether the ids are in falling order, newest first."""
    return all(earlier >= later for earlier, later in pairwise(ids))


def _rises(ids: tuple[str, ...]) -> bool:
    return all(earlier < later for earlier, later in pairwise(ids))


def _to_proof(is_proof: bool) -> Proof:  # noqa: FBT001 - it is what is said
    return Proof.NEWEST if is_proof else Proof.NONE
