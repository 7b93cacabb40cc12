"""Pages of a list in Kustomer's envelope, and faults of paging.

Source: docs/kustomer-api.md, sections 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import msgspec

from tests.standins.kustomer.exchange import Answer, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.standins.kustomer.rows import Rows

LARGEST_PAGE = 100

CapWay = Literal["unlinked", "refused", "repeated", "empty"]
"""How a list ends at its cap. See `cap_list`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How paging works. The defaults are what Kustomer documents.

    Attributes:
        table: The only list that has these settings. None: all lists.
        cap: The last page that is served, even if there are more records. None: no cap.
        promises_more: The last page, and pages beyond it, have a `links.next`.
        empty_last: A full last page has a `links.next` to an empty page, which has none.
        beyond: Pages beyond the last one are empty, repeat the last one, or are refused.
        refusal_status: The status of refused pages.
        links: `links.next` is a path, or an address of this host, of another host or of the page itself; or there are
            no `links`.
        descending: The order is newest first even without ``sort=desc``.
        sort_refused: ``sort=desc`` is answered with 400.
        sort_ignored: ``sort=desc`` has no effect.
        accepted_page: The largest `pageSize` that is not refused.
        largest_page: The number of rows in a page, whatever the request says. None: what Kustomer documents.
    """

    table: Literal["conversations", "satisfaction", "users", "teams"] | None = None
    cap: int | None = None
    promises_more: bool = False
    empty_last: bool = False
    beyond: Literal["empty", "repeated", "refused"] = "empty"
    refusal_status: int = 400
    links: Literal["relative", "absolute", "other_host", "itself", "absent"] = "relative"
    descending: bool = False
    sort_refused: bool = False
    sort_ignored: bool = False
    accepted_page: int = LARGEST_PAGE
    largest_page: int | None = None

    def of(self, table: str | None) -> Paging:
        """Get the settings of a list."""
        return self if self.table in {None, table} else Paging()


def cap_list(way: CapWay, *, pages: int = 100, table: Literal["conversations", "satisfaction"] | None = None) -> Paging:
    """Cap a list after `pages`: the last page has no next link, or one to a 4xx, to itself, or to empty pages."""
    capped = Paging(table=table, cap=pages)
    if way == "unlinked":
        return capped
    return replace(capped, promises_more=True, beyond=way)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """The page that a client asks for.

    Attributes:
        more: Other parameters, as they are in the address.
    """

    path: str
    page: int = 1
    page_size: int = LARGEST_PAGE
    descending: bool = False
    more: str = ""

    def address(self, page: int) -> str:
        """Build the path of a page with the same order and size."""
        order = "&sort=desc" if self.descending else ""
        return f"{self.path}?page={page}&pageSize={self.page_size}{order}{self.more}"


def parse_query(
    path: str, query: Mapping[str, str], *, largest: int = LARGEST_PAGE, more: str = ""
) -> PageQuery | None:
    """Read the parameters. None if one is out of bounds. Unknown ones are ignored."""
    try:
        page, size = int(query.get("page", 1)), int(query.get("pageSize", LARGEST_PAGE))
    except ValueError:
        return None
    if page < 1 or not 1 <= size <= largest or query.get("sort") not in {None, "desc"}:
        return None
    return PageQuery(path=path, page=page, page_size=size, descending="sort" in query, more=more)


def count_pages(rows: Rows, query: PageQuery, paging: Paging) -> int:
    """Count the pages. There is at least one."""
    filled = -(-len(rows) // _to_size(query, paging))
    return max(1, filled if paging.cap is None else min(paging.cap, filled))


def build_page(rows: Rows, query: PageQuery, paging: Paging, *, hosts: Mapping[str, str]) -> Answer:
    """Build one page.

    Args:
        hosts: The hosts in front of the path in `links.next`, by the value of `Paging.links`.
    """
    if query.descending and paging.sort_refused:
        return refuse(400, "sort is not supported")
    size, last = _to_size(query, paging), count_pages(rows, query, paging)
    beyond = query.page > last
    if beyond and paging.beyond == "refused":
        return refuse(paging.refusal_status, "page is out of range")
    served = last if beyond and paging.beyond == "repeated" else query.page
    start = (served - 1) * size
    stop = start if beyond and paging.beyond == "empty" else start + size
    records = rows.serialise(
        start, stop, descending=paging.descending or (query.descending and not paging.sort_ignored)
    )
    more = query.page < last or (paging.promises_more and query.page >= last)
    more = more or (paging.empty_last and query.page == last and last * size <= len(rows))
    return to_page({"pageSize": size, "page": query.page}, _link(query, paging, hosts, more=more), records)


def to_page(meta: Mapping[str, int], links: Mapping[str, str | None] | None, records: list[bytes]) -> Answer:
    """Put records into the envelope."""
    envelope = msgspec.json.encode({"meta": meta, **({"links": links} if links else {})})
    return Answer(status=200, is_page=True, body=envelope[:-1] + b',"data":[' + b",".join(records) + b"]}")


def _to_size(query: PageQuery, paging: Paging) -> int:
    return min(query.page_size, paging.largest_page or query.page_size)


def _link(query: PageQuery, paging: Paging, hosts: Mapping[str, str], *, more: bool) -> dict[str, str | None] | None:
    if paging.links == "absent":
        return None
    following = query.page if paging.links == "itself" else query.page + 1
    return {
        "self": query.address(query.page),
        "first": query.address(1),
        "prev": query.address(query.page - 1) if query.page > 1 else None,
        "next": hosts.get(paging.links, "") + query.address(following) if more else None,
    }
