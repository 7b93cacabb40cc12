"""One page of a table in Kustomer's envelope, and the ways in which paging may go wrong.

Source: docs/kustomer-api.md, sections 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson

from tests.standins.kustomer.exchange import Answer, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.standins.kustomer.store import Rows

LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How pages follow each other; the defaults are what Kustomer documents.

    Attributes:
        cap: The last page that is served, whatever the organisation holds; None: as many as it fills.
        promises_more: The last page, and whatever is beyond it, has a `links.next`.
        beyond: What pages beyond the last one are: empty, the last one again, or refused.
        refusal_status: The status of refused pages.
        links: `links.next` as a path, with this host, with another host, as the page's own address; or no `links`.
        descending: Newest first even without ``sort=desc``.
        sort_refused: ``sort=desc`` is answered with 400.
        sort_ignored: ``sort=desc`` changes nothing.
        largest_page: So many rows a page, whatever is asked for.
    """

    cap: int | None = None
    promises_more: bool = False
    beyond: Literal["empty", "repeated", "refused"] = "empty"
    refusal_status: int = 400
    links: Literal["relative", "absolute", "other_host", "itself", "absent"] = "relative"
    descending: bool = False
    sort_refused: bool = False
    sort_ignored: bool = False
    largest_page: int = LARGEST_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """What a client asks for."""

    path: str
    page: int = 1
    page_size: int = LARGEST_PAGE
    descending: bool = False

    def address(self, page: int) -> str:
        """The path of a page in the same order and size."""
        order = "&sort=desc" if self.descending else ""
        return f"{self.path}?page={page}&pageSize={self.page_size}{order}"


def parse_query(path: str, query: Mapping[str, str]) -> PageQuery | None:
    """Read the parameters; None if one is out of bounds. Unknown ones are ignored."""
    try:
        page, size = int(query.get("page", 1)), int(query.get("pageSize", LARGEST_PAGE))
    except ValueError:
        return None
    if page < 1 or not 1 <= size <= LARGEST_PAGE or query.get("sort") not in {None, "desc"}:
        return None
    return PageQuery(path=path, page=page, page_size=size, descending="sort" in query)


def build_page(rows: Rows, query: PageQuery, paging: Paging, *, hosts: Mapping[str, str]) -> Answer:
    """Answer one page.

    Args:
        hosts: What comes before the path of `links.next`, by `Paging.links`, where anything does.
    """
    if query.descending and paging.sort_refused:
        return refuse(400, "sort is not supported")
    size = min(query.page_size, paging.largest_page)
    descending = paging.descending or (query.descending and not paging.sort_ignored)
    filled = -(-len(rows) // size)
    last = max(1, filled if paging.cap is None else min(paging.cap, filled))
    beyond = query.page > last
    if beyond and paging.beyond == "refused":
        return refuse(paging.refusal_status, "page is out of range")
    served = last if beyond and paging.beyond == "repeated" else query.page
    start = (served - 1) * size
    stop = start if beyond and paging.beyond == "empty" else start + size
    records = rows.serialise(start, stop, descending=descending)
    more = query.page < last or (paging.promises_more and query.page >= last)
    envelope: dict[str, object] = {"meta": {"pageSize": size, "page": query.page}}
    if paging.links != "absent":
        following = query.page if paging.links == "itself" else query.page + 1
        envelope["links"] = {
            "self": query.address(query.page),
            "first": query.address(1),
            "prev": query.address(query.page - 1) if query.page > 1 else None,
            "next": hosts.get(paging.links, "") + query.address(following) if more else None,
        }
    return Answer(status=200, body=orjson.dumps(envelope)[:-1] + b',"data":[' + b",".join(records) + b"]}")
