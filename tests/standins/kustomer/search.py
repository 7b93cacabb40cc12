"""``POST /v1/customers/search`` and ``/v1/customers/archive/search``, for conversations and their times.

Source: docs/kustomer-api.md, section 4.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tests.standins.kustomer.exchange import Answer, refuse
from tests.standins.kustomer.index import Sort, Span, to_ms
from tests.standins.kustomer.paging import PageQuery, to_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.standins.kustomer.rows import Entry
    from tests.standins.kustomer.store import Organisation

LARGEST_PAGE = 500
_LAST_PAGE = 100
_DAY_MS = 86_400_000
_TIMES = {"conversation_created_at": "created", "conversation_updated_at": "updated"}
_EVERYTHING = {"queryContext", "and", "or", "not", "sort", "timeZone", "includeDeleted", "fields"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How search works. The settings cover what Kustomer does not document.

    Attributes:
        late_seconds: Search finds a change only this long after it.
        standard_days: The standard search has what was updated in the last days, this many. The archive has the rest.
        not_set_refused: The operator ``not_set`` is answered with 400. Else it finds records without the time.
        not_set_failing: The operator ``not_set`` is always answered with `wide_status`.
        sort_refused: ``sort`` is answered with 400.
        deleted_included: Records marked as deleted are found even without ``includeDeleted``.
        wide_rows: A search with more hits than this fails if its page has more than one row. None: never.
        wide_status: The status of such a failure.
        wide_seconds: The delay before such a failure.
        promises_less: Page 100 has no next link even if there is more. Else it has one, to a page that is refused.
    """

    late_seconds: float = 0.0
    standard_days: float = 730.0
    not_set_refused: bool = False
    not_set_failing: bool = False
    sort_refused: bool = False
    deleted_included: bool = False
    wide_rows: int | None = None
    wide_status: int = 504
    wide_seconds: float = 0.0
    promises_less: bool = False


class _BadSearchError(Exception):
    """The body is invalid. The text says why."""


def answer_search(
    organisation: Organisation,
    rule: Search,
    query: PageQuery,
    body: bytes,
    *,
    archive: bool,
    now: float,
    ids_only: bool,
) -> Answer:
    """Answer one search.

    Args:
        now: Epoch seconds. `standard_days` are counted back from it.
    """
    try:
        wanted = _parse_body(body)
        spans = _to_spans(wanted.get("and", []), not_set_refused=rule.not_set_refused)
        sort = _to_sort(wanted.get("sort"), refused=rule.sort_refused)
    except _BadSearchError as bad:
        return refuse(400, str(bad))
    if rule.not_set_failing and any(span.is_unset for span in spans.values()):
        return refuse(rule.wide_status, "the search took too long")
    border = now * 1000 - rule.standard_days * _DAY_MS
    found = organisation.index.find(
        created=spans["created"],
        updated=spans["updated"].narrow(Span(stop=border) if archive else Span(start=border)),
        with_deleted=wanted.get("includeDeleted", rule.deleted_included),
        sort=sort,
        late_seconds=rule.late_seconds,
    )
    if rule.wide_rows is not None and len(found) > rule.wide_rows and query.page_size > 1:
        failed = refuse(rule.wide_status, "the search took too long")
        return Answer(status=failed.status, body=failed.body, wait_seconds=rule.wide_seconds)
    if query.page > _LAST_PAGE:
        return refuse(400, f"page must not be greater than {_LAST_PAGE}")
    return _build_page(organisation, found, query, ids_only=ids_only, promises_less=rule.promises_less)


def _build_page(
    organisation: Organisation, found: Sequence[Entry], query: PageQuery, *, ids_only: bool, promises_less: bool
) -> Answer:
    rows, start = organisation.conversations, (query.page - 1) * query.page_size
    seen = [entry for entry in found[start : start + query.page_size] if rows.is_visible(entry)]
    pages = -(-len(found) // query.page_size)
    more = query.page < (min(pages, _LAST_PAGE) if promises_less else pages)
    links = {
        "self": query.address(query.page),
        "first": query.address(1),
        "prev": query.address(query.page - 1) if query.page > 1 else None,
        "next": query.address(query.page + 1) if more else None,
        "last": query.address(max(1, pages)),
    }
    meta = {"pageSize": query.page_size, "page": query.page, "total": len(found), "totalPages": pages}
    if ids_only:
        records = [msgspec.json.encode({"type": "conversation", "id": rows.identify(entry)}) for entry in seen]
    else:
        records = [rows.to_json(entry) for entry in seen]
    return to_page(meta, links, records)


def _parse_body(body: bytes) -> dict[str, Any]:
    try:
        wanted = msgspec.json.decode(body)
    except ValueError:
        wanted = None
    if not isinstance(wanted, dict):
        raise _BadSearchError("the body must be a JSON object")
    if unknown := set(wanted) - _EVERYTHING:
        raise _BadSearchError(f"unknown keys: {', '.join(sorted(unknown))}")
    if wanted.get("queryContext") != "conversation":
        raise _BadSearchError("the sandbox knows the queryContext conversation only")
    if wanted.get("or") or wanted.get("not"):
        raise _BadSearchError("the sandbox knows criteria in `and` only")
    return wanted


def _to_spans(criteria: object, *, not_set_refused: bool) -> dict[str, Span]:
    """Convert ``[{attribute: {operator: value}}, …]`` to the spans of the two times."""
    spans = {"created": Span(), "updated": Span()}
    if not isinstance(criteria, list):
        raise _BadSearchError("`and` must be a list")
    for criterion in criteria:
        match criterion:
            case {**attributes} if len(attributes) == 1:
                attribute, condition = next(iter(attributes.items()))
            case _:
                raise _BadSearchError("a criterion must have one attribute")
        if attribute not in _TIMES:
            raise _BadSearchError(f"the sandbox does not know the attribute {attribute}")
        name = _TIMES[attribute]
        spans[name] = spans[name].narrow(_to_span(condition, not_set_refused=not_set_refused))
    return spans


def _to_span(condition: object, *, not_set_refused: bool) -> Span:
    match condition:
        case {"not_set": _, **rest} if not rest:
            if not_set_refused:
                raise _BadSearchError("operator not_set is not supported for this attribute")
            return Span(is_unset=True)
        case {**operators} if len(operators) == 1:
            operator, value = next(iter(operators.items()))
        case _:
            raise _BadSearchError("an attribute must have one operator")
    try:
        moment = to_ms(str(value))
    except ValueError:
        raise _BadSearchError(f"{value!r} is not a date") from None
    spans = {
        "gte": Span(start=moment),
        "gt": Span(start=moment + 1),
        "lt": Span(stop=moment),
        "lte": Span(stop=moment + 1),
    }
    if operator not in spans:
        raise _BadSearchError(f"the sandbox does not know the operator {operator}")
    return spans[operator]


def _to_sort(sort: object, *, refused: bool) -> Sort | None:
    match sort:
        case None | []:
            return None
        case _ if refused:
            raise _BadSearchError("sort is not supported")
        case [{**order}] if len(order) == 1:
            attribute, direction = next(iter(order.items()))
            if attribute in _TIMES and direction in {"asc", "desc"}:
                return _TIMES[attribute], direction == "desc"
    raise _BadSearchError("the sandbox sorts by one time, asc or desc")
