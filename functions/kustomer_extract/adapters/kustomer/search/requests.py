"""Builds the requests of a search, and reads their answers. Pure.

Source: https://developer.kustomer.com/docs/guides/search-recipes, read 2026-11-25.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.headers import parse_date
from kustomer_extract.adapters.kustomer.http import Request
from kustomer_extract.adapters.kustomer.search.windows import PAGE_SIZE
from kustomer_extract.errors import BrokenPage
from kustomer_extract.transform import read_created_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer
    from kustomer_extract.adapters.kustomer.search.windows import Window
    from kustomer_extract.models import Record

ROLE = "org.permission.search.create"
"""Several roles allow searching; this one has the fewest other rights of those that are documented."""


class Place(enum.StrEnum):
    """The two endpoints of search: what changed within two years, and what is older. Together they have everything."""

    STANDARD = "/v1/customers/search"
    ARCHIVE = "/v1/customers/archive/search"


CREATED, UPDATED = "conversation_created_at", "conversation_updated_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The content of an answer.

    Attributes:
        total: How many conversations the window has.
        served_at: The time of the server's clock.
    """

    records: Sequence[Record]
    ids: tuple[str, ...]
    total: int
    size_bytes: int
    retries: int
    served_at: datetime

    def join(self, other: Found) -> Found:
        """Add the records of another answer."""
        return replace(
            self,
            records=[*self.records, *other.records],
            ids=self.ids + other.ids,
            total=self.total + other.total,
            size_bytes=self.size_bytes + other.size_bytes,
            retries=self.retries + other.retries,
        )


def to_request(place: Place, attribute: str, window: Window, *, page: int = 1, page_size: int = PAGE_SIZE) -> Request:
    """Build a window's request. It always excludes deleted conversations, because the default is not documented."""
    body = {
        "queryContext": "conversation",
        "and": [{attribute: criterion} for criterion in _to_criteria(window)],
        "includeDeleted": False,
    }
    return Request(
        path=place.value,
        query={"page": page, "pageSize": page_size},
        role=ROLE,
        body=json.dumps(body, separators=(",", ":")).encode(),
        is_asked_again=False,
        attempts=2,
    )


def _to_criteria(window: Window) -> Sequence[Mapping[str, str]]:
    if window.is_unset:
        return [{"not_set": ""}]
    # A criterion is needed. Kustomer has no conversation from before 1970.
    since = [{"gte": to_text(window.start or 0)}] if window.start is not None or window.end is None else []
    return [*since, {"lt": to_text(window.end)}] if window.end is not None else since


def to_found(answer: Answer) -> Found:
    """Read ``{"meta": {"total": int}, "data": [{"id": str, …}, …]}``.

    Raises:
        BrokenPage: the answer states no total, or a record has no id.
    """
    records, meta = answer.content.records, answer.content.meta
    total = meta.get("total") if isinstance(meta, dict) else None
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise BrokenPage("the answer of the search states no total; report it to Kustomer's support")
    ids = tuple(record.id for record in records if isinstance(record.id, str) and record.id)
    if len(ids) < len(records):
        raise BrokenPage("the answer of the search has a record without an id; report it to Kustomer's support")
    return Found(
        records=records,
        ids=ids,
        total=total,
        size_bytes=answer.size_bytes,
        retries=answer.retries,
        served_at=_to_moment(answer.headers.get("date")),
    )


def to_created_ms(record: Record) -> int | None:
    """Return when a conversation was created, in milliseconds since 1970; None if it does not say."""
    moment = read_created_at(record.body)
    return to_ms(moment) if moment else None


def to_text(moment: int) -> str:
    """Write a time: ``2026-01-01T00:00:00.000Z``."""
    written = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)
    return written.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_ms(moment: datetime) -> int:
    """Write a time as milliseconds since 1970."""
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def _to_moment(text: str | None) -> datetime:
    moment = parse_date(text)
    if moment is None:
        raise BrokenPage("the answer of the search has no Date; is there a proxy that takes it away?")
    return moment
