"""Finds out about search: deleted conversations, the delay of its index, and conversations without a time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.report.shapes import find, to_seconds
from kustomer_extract.adapters.kustomer.search.requests import (
    CREATED,
    Place,
    to_created_ms,
    to_found,
    to_ms,
    to_request,
)
from kustomer_extract.adapters.kustomer.search.windows import WITHOUT_TIME, Window
from kustomer_extract.errors import Unanswered
from kustomer_extract.models import Table
from kustomer_extract.transform import read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kustomer_extract.adapters.kustomer.http import Request
    from kustomer_extract.adapters.kustomer.report.asking import Asking
    from kustomer_extract.models import JsonObject

_CHOICES: Mapping[str, Mapping[str, bool]] = {
    "nothing said": {},
    "`false`": {"includeDeleted": False},
    "`true`": {"includeDeleted": True},
}
_WHOLE = Window(start=None, end=None)


def tell_deleted(asking: Asking) -> str:
    """V4: the default of `includeDeleted`."""
    told = []
    for word, more in _CHOICES.items():
        try:
            total = to_found(asking.get(_to_count(more))).total
            told.append(f"{word}: {total}")
        except Unanswered as reason:
            told.append(f"{word}: {reason}")
    return "; ".join(told)


def _to_count(more: Mapping[str, bool]) -> Request:
    request = to_request(Place.STANDARD, CREATED, _WHOLE, page_size=1)
    body = json.loads(request.body or b"")
    del body["includeDeleted"]
    body |= more
    return replace(request, body=json.dumps(body, separators=(",", ":")).encode())


def tell_lateness(asking: Asking) -> str:
    """V5: how soon search finds new conversations."""
    listed = asking.read(Table.CONVERSATIONS, newest_first=True)
    newest = {str(record.get("id")): record for record in listed if _to_created(record)}
    if not newest:
        return "the list has none with a time of creation"
    window = Window(start=int(min(map(_to_created, newest.values())) * 1000), end=None)
    answer = to_found(asking.get(to_request(Place.STANDARD, CREATED, window)))
    found = {str(record.id): read_object(record.body) for record in answer.records}
    now = to_ms(answer.served_at) / 1000
    ages = {identifier: now - _to_created(record) for identifier, record in newest.items()}
    missing = [age for identifier, age in ages.items() if identifier not in found]
    present = [age for identifier, age in ages.items() if identifier in found]
    behind = sum(
        (to_seconds(find(found[identifier], "attributes", "updatedAt")) or 0)
        < (to_seconds(find(record, "attributes", "updatedAt")) or 0)
        for identifier, record in newest.items()
        if identifier in found
    )
    return (
        f"of the {len(newest)} newest of the list {len(present)} are found"
        f"{f', the youngest {min(present):.0f} s old' if present else ''}"
        f"{f'; of those missing the oldest is {max(missing):.0f} s old' if missing else ''}; "
        f"{behind} are older versions than in the list ({answer.total} in that span)"
    )


def _to_created(record: JsonObject) -> float:
    return to_seconds(find(record, "attributes", "createdAt")) or 0


def tell_not_set(asking: Asking) -> str:
    """V9: whether search takes `not_set` for a time."""
    told = []
    for place in Place:
        try:
            found = to_found(asking.get(to_request(place, CREATED, WITHOUT_TIME)))
            timed = sum(to_created_ms(record) is not None for record in found.records)
            told.append(f"`{place}`: accepted, {found.total} found, {timed} of {len(found.records)} have a time")
        except Unanswered as reason:
            told.append(f"`{place}`: {reason}")
    return "; ".join(told)
