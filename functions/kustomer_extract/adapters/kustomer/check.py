"""Tries a key before the first run, also for what Kustomer does not document. Raises and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.progress import PAGE_SIZE
from kustomer_extract.adapters.kustomer.search.requests import ROLE
from kustomer_extract.adapters.kustomer.ways import CAP
from kustomer_extract.errors import BrokenPage, ExtractError, RoleMissing, Unwanted
from kustomer_extract.models import Table
from kustomer_extract.transform import read_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from kustomer_extract.adapters.kustomer.source import KustomerSource
    from kustomer_extract.adapters.kustomer.ways import Ways
    from kustomer_extract.models import Record

_LAST_PAGE_OF_CAP = 100
_SIZES = (500, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    Attributes:
        ok: Whether a run is possible.
        remedy: What to do; empty if there is nothing to do.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def check_source(source: KustomerSource, tables: Sequence[Table], *, until: datetime) -> tuple[Finding, ...]:
    """Check key, roles, rate limit, pages (order, depth, size), and list or search, with at most twenty requests."""
    key = _look("API key", partial(_check_key, source, until))
    return (key, *_check_lists(source, tables, until)) if key.ok else (key,)


def _check_lists(source: KustomerSource, tables: Sequence[Table], until: datetime) -> Iterator[Finding]:
    for table in tables:
        yield _look(f"role for {table}", partial(_check_role, source, table, until))
    yield Finding(name="rate limit", ok=True, detail=_describe_limit(source))
    if Table.CONVERSATIONS in tables:
        yield _look("order of pages", partial(_check_order, source, until))
        yield _look("depth of pages", partial(_check_depth, source, until))
        yield _look("size of pages", partial(_check_size, source, until))
        yield _check_way(source, until)


def _describe_limit(source: KustomerSource) -> str:
    if source.limit:
        return f"{source.limit} requests a minute"
    if source.is_documented:
        return f"not stated by Kustomer: the document's {source.assumed_limit} a minute count"
    return f"not stated: {source.assumed_limit} a minute are assumed; requests_per_minute in the document says more"


def _look(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=look())
    except Unwanted:
        return Finding(name=name, ok=False, detail="no answer in time", remedy="try again later")
    except ExtractError as error:
        detail, _, remedy = str(error).partition("; ")
        return Finding(name=name, ok=False, detail=detail, remedy=remedy or "do as it says, then check again")


def _check_way(source: KustomerSource, until: datetime) -> Finding:
    """Say whether conversations will be read by list or search. A missing role matters only if the list is capped."""
    name = "way to conversations"
    ways = source.open_ways(until)
    try:
        counted = ways.search.count()
        if counted.expected <= CAP:
            told = f"the list: the search counts {counted.expected:,} of them"
        elif ways.list_goes_deeper():
            told = f"the list: it goes deeper than {CAP:,}; the search counts {counted.expected:,}"
        else:
            told = f"search: there are {counted.expected:,} and the list ends at {CAP:,}"
        return Finding(name=name, ok=True, detail=f"{told}; {_compare_keys(ways)}")
    except Unwanted:
        return Finding(name=name, ok=False, detail="no answer in time", remedy="try again later")
    except RoleMissing:
        told = f"the list: the key may not search, so nothing tells how many there are, and over {CAP:,} may be refused"
        return Finding(name=name, ok=True, detail=told, remedy=f"a key with {ROLE} would do both")
    except ExtractError as error:
        return Finding(name=name, ok=True, detail=f"the list: the search does not answer ({error})")


def _compare_keys(ways: Ways) -> str:
    """Compare the names of a conversation's attributes in list and search."""
    records = ways.of_list.read_page(1).records
    if not records:
        return "there is no conversation to compare"
    record = records[0]
    found = {str(other.id): other for other in ways.search.find_made_with(record)}
    if record.id not in found:
        return "a conversation of the list was not found by search"
    of_list, of_search = _list_names(record), _list_names(found[str(record.id)])
    if of_list == of_search:
        return "one conversation has the same attributes in both"
    differences = {"the search lacks": of_list - of_search, "the list lacks": of_search - of_list}
    told = [f"{who} {', '.join(sorted(names))}" for who, names in differences.items() if names]
    return f"of one conversation {' and '.join(told)}"


def _list_names(record: Record) -> set[str]:
    attributes = read_object(record.body).get("attributes")
    return set(attributes) if isinstance(attributes, dict) else set()


def _check_key(source: KustomerSource, until: datetime) -> str:
    source.check_key(until)
    return "valid"


def _check_role(source: KustomerSource, table: Table, until: datetime) -> str:
    return f"granted: {len(source.read_page(table, 1, until).ids)} records on the first page"


def _check_order(source: KustomerSource, until: datetime) -> str:
    """Check the order of pages by their ids, which begin with the second of their creation."""
    pages = [source.read_page(Table.CONVERSATIONS, number, until).ids for number in (1, 2)]
    newest = source.read_page(Table.CONVERSATIONS, 1, until, newest_first=True).ids
    oldest_first = list(pages[0] + pages[1]) == sorted(pages[0] + pages[1])
    if oldest_first and list(newest) == sorted(newest, reverse=True):
        return "oldest first; with sort=desc, newest first"
    raise BrokenPage(
        "the pages do not come oldest first, or not newest first with sort=desc; expect repeats, and report it: "
        "a truncated list may go unnoticed"
    )


def _check_depth(source: KustomerSource, until: datetime) -> str:
    last = source.read_page(Table.CONVERSATIONS, _LAST_PAGE_OF_CAP, until)
    if not last.ids:
        return f"fewer than {_LAST_PAGE_OF_CAP} pages: whether more are served cannot be seen"
    if not last.has_next:
        raise BrokenPage(f"page {last.number} is the last one; if there are more records, ask Kustomer's support")
    beyond = source.read_page(Table.CONVERSATIONS, last.number + 1, until)
    if not beyond.ids or beyond.fingerprint == last.fingerprint:
        raise BrokenPage(
            f"page {beyond.number} adds nothing to page {last.number}; ask Kustomer's support for the rest"
        )
    return f"page {beyond.number} is served"


def _check_size(source: KustomerSource, until: datetime) -> str:
    """Find out whether Kustomer serves larger pages. They are not used: docs/kustomer-api.md, section 4.1."""
    told = []
    for size in _SIZES:
        served = source.count_served(Table.CONVERSATIONS, until, page_size=size)
        if served is not None and served > PAGE_SIZE:
            return f"pages of {served} are served, too; those of {PAGE_SIZE} are used"
        told.append(f"pages of {size} are refused" if served is None else f"pages of {size} bring {served}")
    return f"{PAGE_SIZE}; {', '.join(told)}"
