"""Finds out about lists: the size of pages, order and depth, roles, and headers."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.lists import to_request
from kustomer_extract.adapters.kustomer.report.asking import Asking, collect_ids
from kustomer_extract.adapters.kustomer.search.requests import CREATED, Place
from kustomer_extract.adapters.kustomer.search.requests import to_request as to_search
from kustomer_extract.adapters.kustomer.search.windows import Window
from kustomer_extract.errors import Unanswered
from kustomer_extract.models import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from kustomer_extract.adapters.kustomer.http import Attempt

_AT_ONCE = 5
_LIMIT_HEADER = re.compile(r"(x-)?rate-?limit[a-z-]*|retry-after")
_NUMBER = re.compile(r"[0-9.]{1,17}")


def tell_page_sizes(asking: Asking) -> str:
    """V1: whether larger pages are served."""
    return "; ".join(f"{size}: {_attempt(asking, size)}" for size in (200, 500))


def _attempt(asking: Asking, size: int) -> str:
    try:
        answer = asking.get(to_request(Table.CONVERSATIONS, 1, page_size=size, is_asked_again=False))
    except Unanswered as reason:
        return str(reason)
    meta = answer.content.meta
    stated = meta.get("pageSize") if isinstance(meta, dict) else None
    return f"{len(answer.content.records)} rows, `meta.pageSize` {stated if isinstance(stated, int) else 'not stated'}"


def tell_order(asking: Asking) -> str:
    """V2: the order of the list."""
    pages = [asking.read(Table.CONVERSATIONS, number) for number in (1, 2)]
    ids = [str(record.get("id")) for page in pages for record in page]
    newest = [str(record.get("id")) for record in asking.read(Table.CONVERSATIONS, newest_first=True)]
    return f"pages 1 and 2: {len(ids)} ids, {_name_order(ids)}; `sort=desc`: {len(newest)} ids, {_name_order(newest)}"


def _name_order(ids: list[str]) -> str:
    if ids == sorted(ids):
        return "rising"
    return "falling" if ids == sorted(ids, reverse=True) else "in no order"


def tell_depth(asking: Asking) -> str:
    """V3: whether the list goes deeper than 100 pages."""
    before: set[str] = set()
    told = []
    for page in (100, 101, 150):
        try:
            ids = collect_ids(asking.read(Table.CONVERSATIONS, page))
            told.append(f"page {page}: {len(ids)} rows, {len(ids & before)} of them seen on the page before")
            before = ids
        except Unanswered as reason:
            told.append(f"page {page}: {reason}")
    return "; ".join(told)


def tell_role(table: Table) -> Callable[[Asking], str]:
    """V6 and V7: which role reads a table."""
    return lambda asking: f"granted with the roles of this key: {len(asking.read(table))} rows on the first page"


def tell_former_users(asking: Asking) -> str:
    """V8: whether deactivated users are listed."""
    listed = collect_ids(asking.read(Table.USERS))
    request = to_request(Table.USERS, 1, is_asked_again=False)
    former = collect_ids(asking.read_page(replace(request, query={**request.query, "deleted": "true"})))
    return f"{len(former)} with `deleted=true`, of which {len(former & listed)} are among the {len(listed)} without it"


def tell_retry_after(asking: Asking) -> str:
    """V10: whether `retry-after` is sent."""
    refused = [attempt for attempt in asking.attempts if attempt.status == 429]  # noqa: PLR2004
    others = len(asking.attempts) - len(refused)
    sent = sum("retry-after" in attempt.headers for attempt in refused)
    beside = sum("retry-after" in attempt.headers for attempt in asking.attempts) - sent
    return f"on {sent} of {len(refused)} answers with 429; on {beside} of {others} others"


def tell_concurrency(asking: Asking) -> str:
    """V11: whether the number of requests at the same time is limited."""
    before = len(asking.attempts)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda page: _attempt_page(asking, page), range(1, _AT_ONCE + 1)))
    made = asking.attempts[before:]
    answers = asking.count_statuses(before)
    return f"{len(made)} requests, at most {_count_open(made)} open at the same time, answered with {answers}"


def _attempt_page(asking: Asking, page: int) -> None:
    try:
        asking.get(to_request(Table.CONVERSATIONS, page, page_size=1, is_asked_again=False))
    except Unanswered:
        return


def _count_open(made: list[Attempt]) -> int:
    return max(
        (sum(other is one or other.started_at <= one.started_at < other.ended_at for other in made) for one in made),
        default=0,
    )


def tell_timeouts(asking: Asking) -> str:
    """V12: whether 408 is answered."""
    count = sum(attempt.status == 408 for attempt in asking.attempts)  # noqa: PLR2004
    return f"{count} of {len(asking.attempts)} answers"


def tell_roles(asking: Asking) -> str:
    """Say which roles the key has."""
    whole = Window(start=None, end=None)
    requests = [to_request(table, 1, is_asked_again=False) for table in Table]
    told = []
    for request in [*requests, *(to_search(place, CREATED, whole, page_size=1) for place in Place)]:
        try:
            asking.get(request)
            told.append(f"`{request.path}`: granted")
        except Unanswered as reason:
            told.append(f"`{request.path}`: {reason}")
    return "; ".join(told)


def tell_headers(asking: Asking) -> str:
    """Return the numbers in the headers of limits."""
    seen: dict[str, list[str]] = {}
    for attempt in asking.attempts:
        for name, value in attempt.headers.items():
            if _LIMIT_HEADER.fullmatch(name.lower()):
                seen.setdefault(f"{name.lower()}` on {attempt.status}", []).append(value)
    told = [f"`{name}: {_tell_range(values)}" for name, values in sorted(seen.items())]
    return "; ".join(told) or f"none on {len(asking.attempts)} answers"


def _tell_range(values: list[str]) -> str:
    numbers = [float(value) for value in values if _NUMBER.fullmatch(value) and value.count(".") < 2]  # noqa: PLR2004
    if len(numbers) < len(values):
        return f"no number in {len(values) - len(numbers)} of {len(values)}"
    return f"{min(numbers):.15g}" + ("" if min(numbers) == max(numbers) else f" to {max(numbers):.15g}")


def tell_speed(asking: Asking) -> str:
    """Say how long answers took."""
    seconds = [attempt.ended_at - attempt.started_at for attempt in asking.attempts]
    return f"{median(seconds):.2f} s in the median, {max(seconds):.2f} s at most" if seconds else "nothing was answered"
