"""Tracks how far a list was read, and checks whether the list can be complete. Pure.

Kustomer's lists state no total and may be capped at 10,000 records, one hundred pages of one hundred
(https://docs.aws.amazon.com/glue/latest/dg/kustomer-connection-limitations.html, read 2026-11-23). So the last page is
accepted only if it cannot be such a cap, and if the records at the other end of the list, which were read first, have
all been read. If the server ignores the order, that check shows nothing, and the extract is not proven.
Longer than 200 lines, because the cursor and its checks are one value.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from kustomer_extract.adapters.kustomer.headers import parse_count
from kustomer_extract.errors import BrokenPage, Truncated
from kustomer_extract.models import Cursor, Evidence, Proof

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer
    from kustomer_extract.models import Record

PAGE_SIZE = 100
_SUSPICIOUS_ROWS = 100 * PAGE_SIZE
_KEPT = "the published table stays as it is"
_KUSTOMER = ".kustomerapp.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A page of a list.

    Attributes:
        fingerprint: A hash of the ids in their order; empty for a page without records.
        has_next: Whether it links to a following page.
        size_bytes, retries: As in `Answer`.
        asked, came: When it was asked for, and when it came: numbers that grow from event to event.
    """

    number: int
    records: Sequence[Record]
    ids: tuple[str, ...]
    fingerprint: str
    has_next: bool
    size_bytes: int
    retries: int
    asked: int = 0
    came: int = 0


def to_list_page(answer: Answer, number: int, *, base_url: str) -> ListPage:
    """Read ``{"data": [{"id": str or int, ...}, ...], "links": {"next": str | None}}``; `links` may be missing.

    Raises:
        BrokenPage: a record has no id, or the link to the next page leads elsewhere.
    """
    records = answer.content.records
    ids = tuple(_to_id(record, number, position) for position, record in enumerate(records))
    return ListPage(
        number=number,
        records=records,
        ids=ids,
        fingerprint=hashlib.blake2b("\n".join(ids).encode(errors="replace"), digest_size=8).hexdigest() if ids else "",
        has_next=_has_next(answer.content.links, number, base_url),
        size_bytes=answer.size_bytes,
        retries=answer.retries,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where to continue, and what must still be read. Its JSON is the cursor; each field has a default.

    Attributes:
        page: The next page to read.
        rows: The number of records so far.
        expected: Ids from the other end of the list that were not read yet.
        proof: The evidence that the end of the list will give.
        first, last: Fingerprints of the first and the latest page that had records.
        ids: Ids of the latest page that had records. After a pause they show how far the list has shifted.
        was_empty: Whether the latest page had no records.
        short_pages: Pages that had fewer records than others although another page follows, also when read again.
        newest_first: Whether the list is read from its newest end. Then it ends at records that are too old.
        largest: The largest number of records of a page.
        total: How many records there should be, if they were counted; else None.
    """

    page: int = 1
    rows: int = 0
    expected: tuple[str, ...] = ()
    proof: Proof = Proof.NEWEST
    first: str = ""
    last: str = ""
    ids: tuple[str, ...] = ()
    was_empty: bool = False
    short_pages: int = 0
    newest_first: bool = False
    largest: int = 0
    total: int | None = None

    @property
    def evidence(self) -> Evidence:
        """What is known about the completeness of the extract."""
        return Evidence(
            expected_rows=self.total,
            proven_by=Proof.NONE if self.expected else self.proof,
            short_pages=self.short_pages,
        )

    def to_cursor(self) -> Cursor:
        """Return the cursor."""
        written = {field.name: getattr(self, field.name) for field in fields(self)}  # every page: `asdict` would copy
        return Cursor(json.dumps(written, separators=(",", ":")))

    @classmethod
    def from_cursor(cls, cursor: Cursor) -> Progress:
        """Read what `to_cursor` of this release or an older one wrote."""
        written = json.loads(cursor)
        read = {"expected": tuple, "ids": tuple, "proof": Proof}
        known = {field.name: written[field.name] for field in fields(cls) if field.name in written}
        return cls(**{name: read[name](value) if name in read else value for name, value in known.items()})

    def step_back(self) -> Progress:
        """Continue one page earlier. Its records are read again, and are not counted twice."""
        page = max(1, self.page - 1)
        first = self.first if page > 1 else ""
        short = max(0, self.short_pages - (len(self.ids) < self.largest))
        rows = self.rows - len(self.ids)
        return replace(self, page=page, rows=rows, first=first, last="", was_empty=False, short_pages=short)

    def after(self, page: ListPage, seen: Container[str] = ()) -> Progress:
        """Add a page; `seen` are the fingerprints of pages that this process has read.

        Raises:
            Truncated: the page repeats an earlier one, or is the second empty one in a row.
        """
        if page.fingerprint and (page.fingerprint in {self.first, self.last} or page.fingerprint in seen):
            raise Truncated(
                f"page {page.number} repeats an earlier page: the API does not serve more pages than that; {_KEPT}. "
                "Ask Kustomer's support how to list more records"
            )
        if not page.ids and self.was_empty and page.has_next:
            raise Truncated(
                f"pages {page.number - 1} and {page.number} are empty but promise more: the API does not serve what is "
                f"beyond; {_KEPT}. Run again later; ask Kustomer's support if it stays so"
            )
        missing = tuple(identifier for identifier in self.expected if identifier not in set(page.ids))
        is_void = page.number == 1 and self._is_void(page)
        return replace(
            self,
            page=page.number + 1,
            rows=self.rows + len(page.ids),
            expected=() if is_void else missing,
            proof=Proof.NONE if is_void else self.proof,
            first=self.first or page.fingerprint,
            last=page.fingerprint or self.last,
            ids=page.ids or self.ids,
            was_empty=not page.ids,
            short_pages=self._count_short(page),
            largest=max(self.largest, len(page.ids)),
        )

    def _is_void(self, page: ListPage) -> bool:
        """Tell from the first page whether its other end shows nothing: it had no record, or is the same end."""
        if not self.expected:
            return bool(page.ids)
        begins_with = page.ids[: (len(page.ids) + 1) // 2]  # the other end may reach into a first page of two
        return page.has_next and not set(begins_with).isdisjoint(self.expected)

    def _count_short(self, page: ListPage) -> int:
        """Count the pages that are shorter than the longest one."""
        if len(page.ids) > self.largest and (self.largest or self.was_empty):
            return page.number - 1  # all earlier pages were shorter
        return self.short_pages + (page.has_next and len(page.ids) < self.largest)

    def check_end(self, *, existing: Container[str]) -> None:
        """Check the end of the list after its last page.

        Args:
            existing: The ids of `expected` that the API still has. The others were deleted meanwhile.

        Raises:
            Truncated: the list may be incomplete.
        """
        if self.rows == _SUSPICIOUS_ROWS:
            raise Truncated(
                f"the pages end after exactly {self.rows} records, where other clients of this API met a cap; {_KEPT}. "
                "If there really are so many, the next new record cures it; else ask Kustomer's support to lift the cap"
            )
        missing = [identifier for identifier in self.expected if identifier in existing]
        if missing:
            end = "oldest" if self.newest_first else "newest"
            raise Truncated(
                f"the pages end after {self.rows} records, but of the {end} ones {len(missing)} were not among them: "
                f"the list is cut short; {_KEPT}. Run again; ask Kustomer's support if it stays so"
            )


def _to_id(record: Record, number: int, position: int) -> str:
    identifier = record.id
    if isinstance(identifier, bool) or not isinstance(identifier, (str, int)) or identifier == "":
        raise BrokenPage(f"page {number}, record {position + 1}: it has no id; report it to Kustomer's support")
    return str(identifier)


def _has_next(links: object, number: int, base_url: str) -> bool:
    """Tell whether there is a next page. The link is not followed, but it must lead to a later page of this API."""
    link = links.get("next") if isinstance(links, dict) else None
    if not link:
        return False
    if not isinstance(link, str):
        raise BrokenPage(f"page {number}: the link to the next page is not text")
    try:
        base, target = urlsplit(base_url), urlsplit(link)
        is_kustomer = (target.hostname or "").endswith(_KUSTOMER)
        elsewhere = target.netloc and target.hostname != base.hostname and not is_kustomer
    except ValueError as error:
        raise BrokenPage(f"page {number}: the link to the next page is not an address") from error
    if elsewhere:
        raise BrokenPage(f"page {number}: the link to the next page leads to another host, {target.hostname}")
    stated = parse_qs(target.query).get("page", [""])[-1]
    there = parse_count(stated)
    if there is not None and there <= number:
        raise BrokenPage(f"page {number}: the link to the next page leads to page {stated}: it would never end")
    return True
