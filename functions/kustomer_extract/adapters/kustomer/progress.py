"""How far a table was read, and whether what was read can be all of it. Pure: truncation is never published.

Kustomer's lists state no total and may be capped at 10,000 records, one hundred pages of one hundred
(https://docs.aws.amazon.com/glue/latest/dg/kustomer-connection-limitations.html, read 2026-11-23). So the end of the
pages is believed only if it cannot be such a cap, and if one of the newest records, read beforehand, has come by.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from kustomer_extract.errors import BrokenPage, Truncated
from kustomer_extract.models import Cursor

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer
    from kustomer_extract.models import JsonObject

PAGE_SIZE = 100
_SUSPICIOUS_ROWS = 100 * PAGE_SIZE
_KEPT = "the published table stays as it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A page as it came.

    Attributes:
        fingerprint: Of the ids in their order; empty for a page without records.
        has_next: It links to a following page.
        size_bytes, retries: As in `Answer`.
    """

    number: int
    records: Sequence[JsonObject]
    ids: tuple[str, ...]
    fingerprint: str
    has_next: bool
    size_bytes: int
    retries: int


def to_leaf(answer: Answer, number: int, *, base_url: str) -> Leaf:
    """Read ``{"data": [{"id": str or int, ...}, ...], "links": {"next": str | None}}``; `links` may be missing.

    Raises:
        BrokenPage: a record has no id, or the link to the next page leads elsewhere.
    """
    records = answer.content["data"]
    ids = tuple(_to_id(record, number, position) for position, record in enumerate(records))
    return Leaf(
        number=number,
        records=records,
        ids=ids,
        fingerprint=hashlib.blake2b("\n".join(ids).encode(errors="replace"), digest_size=8).hexdigest() if ids else "",
        has_next=_has_next(answer.content.get("links"), number, base_url),
        size_bytes=answer.size_bytes,
        retries=answer.retries,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where to go on, and what must still be shown. As JSON, it is the cursor.

    Attributes:
        page: The next one to be read.
        rows: Records so far.
        expected: Ids of the newest records, of which one at least must come by; empty once it has.
        first, last: Fingerprints of the first and the latest page that had records.
        was_empty: The latest page had none.
    """

    page: int = 1
    rows: int = 0
    expected: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    was_empty: bool = False

    def to_cursor(self) -> Cursor:
        """Write it down."""
        return Cursor(json.dumps(asdict(self), separators=(",", ":")))

    @classmethod
    def from_cursor(cls, cursor: Cursor) -> Progress:
        """Read what `to_cursor` wrote."""
        fields = json.loads(cursor)
        return cls(**{**fields, "expected": tuple(fields["expected"])})

    def after(self, leaf: Leaf, seen: Container[str] = ()) -> Progress:
        """Add a page; `seen` are the fingerprints of pages that this process has read.

        Raises:
            Truncated: the pages go nowhere, or end where the data may not have.
        """
        if leaf.fingerprint and (leaf.fingerprint in {self.first, self.last} or leaf.fingerprint in seen):
            raise Truncated(
                f"page {leaf.number} repeats an earlier page: the API does not serve more pages than that; {_KEPT}. "
                "Ask Kustomer's support how to list more records"
            )
        if not leaf.ids and self.was_empty and leaf.has_next:
            raise Truncated(
                f"pages {leaf.number - 1} and {leaf.number} are empty but promise more: the API does not serve what is "
                f"beyond; {_KEPT}. Run again later; ask Kustomer's support if it stays so"
            )
        progress = replace(
            self,
            page=leaf.number + 1,
            rows=self.rows + len(leaf.ids),
            expected=() if set(self.expected) & set(leaf.ids) else self.expected,
            first=self.first or leaf.fingerprint,
            last=leaf.fingerprint or self.last,
            was_empty=not leaf.ids,
        )
        if not leaf.has_next:
            _check_end(progress)
        return progress


def _check_end(progress: Progress) -> None:
    if progress.rows == _SUSPICIOUS_ROWS:
        raise Truncated(
            f"the pages end after exactly {progress.rows} records, where other clients of this API met a cap; {_KEPT}. "
            "If there really are so many, the next new record cures it; else ask Kustomer's support to lift the cap"
        )
    if progress.expected:
        raise Truncated(
            f"the pages end after {progress.rows} records, but none of the {len(progress.expected)} newest ones was "
            f"among them: the list is cut short; {_KEPT}. Run again; ask Kustomer's support if it stays so"
        )


def _to_id(record: JsonObject, number: int, position: int) -> str:
    identifier = record.get("id")
    if isinstance(identifier, bool) or not isinstance(identifier, (str, int)) or identifier == "":
        raise BrokenPage(f"page {number}, record {position + 1}: it has no id; report it to Kustomer's support")
    return str(identifier)


def _has_next(links: object, number: int, base_url: str) -> bool:
    """Tell whether there is a next page; the link is never followed, but must make sense."""
    link = links.get("next") if isinstance(links, dict) else None
    if not link:
        return False
    if not isinstance(link, str):
        raise BrokenPage(f"page {number}: the link to the next page is no text")
    try:
        base, target = urlsplit(base_url), urlsplit(link)
        elsewhere = target.netloc and (target.hostname != base.hostname or target.port not in {None, base.port})
    except ValueError as error:
        raise BrokenPage(f"page {number}: the link to the next page is no address") from error
    if elsewhere:
        raise BrokenPage(f"page {number}: the link to the next page leads to another host, {target.hostname}")
    stated = parse_qs(target.query).get("page", [""])[-1]
    if stated.isdecimal() and int(stated) <= number:
        raise BrokenPage(f"page {number}: the link to the next page leads to page {stated}: it would never end")
    return True
