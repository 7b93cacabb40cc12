"""Describes records by kinds, names of fields and ratios, and never by a value. Pure.

A name is used only if it cannot be somebody's data: it is in one of Kustomer's own objects and has letters only.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kustomer_extract.models import JsonObject

_NAME = re.compile(r"[a-z][A-Za-z]{0,39}")
_MOST_NAMES = 20
_ABSENT = object()
_KINDS = {
    type(None): "null", bool: "boolean", int: "integer", float: "number", str: "text", list: "list", dict: "object",
}  # fmt: skip


def find(record: JsonObject, *path: str) -> object:
    """Follow names into a record. If there is no value, return one that `describe` leaves out."""
    found: object = record
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return _ABSENT
        found = found[name]
    return found


def describe(values: Sequence[object]) -> str:
    """Describe the kinds of values, and the fields of objects."""
    present = [value for value in values if value is not _ABSENT]
    if not present:
        return f"none of {len(values)} has it"
    kinds = _count(map(to_kind, present))
    names = Counter(
        f"`{name}` {to_kind(value)}"
        for found in present
        for each in (found if isinstance(found, list) else [found])
        if isinstance(each, dict)
        for name, value in each.items()
        if _NAME.fullmatch(name)
    )
    fields = f"; fields: {_count(names.elements())}" if names else ""
    return f"{len(present)} of {len(values)} have it: {kinds}{fields}"


def to_kind(value: object) -> str:
    """Name the kind of a JSON value."""
    if to_seconds(value) is not None:
        return "time"
    kind = _KINDS[type(value)]
    return f"empty {kind}" if value in ("", [], {}) else kind


def compare(pairs: Iterable[tuple[object, float | None]]) -> str:
    """Divide numbers by seconds that should be the same: ``1000 in the median of 40``: then they are milliseconds."""
    ratios = [
        number / seconds
        for number, seconds in pairs
        if isinstance(number, int | float) and not isinstance(number, bool) and seconds and number
    ]
    return f"{median(ratios):.4g} in the median of {len(ratios)}" if ratios else "nothing to compare"


def span(record: JsonObject, first: Sequence[str], last: Sequence[str]) -> float | None:
    """Return the seconds between two times of a record; None if one is missing."""
    begin, end = to_seconds(find(record, *first)), to_seconds(find(record, *last))
    return None if begin is None or end is None else end - begin


def to_seconds(value: object) -> float | None:
    """Read an ISO 8601 time as seconds since 1970; None if it is not one."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.timestamp() if moment else None
    except (OverflowError, ValueError):
        return None


def list_names_like(records: Sequence[JsonObject], word: str) -> str:
    """Say which of Kustomer's own attributes have a word in their name, and of which kind they are."""
    names = sorted(
        {
            name
            for record in records
            if isinstance(attributes := find(record, "attributes"), dict)
            for name in attributes
            if word in name.lower() and _NAME.fullmatch(name)
        }
    )
    told = [f"`{name}`: {describe([find(record, 'attributes', name) for record in records])}" for name in names]
    return "; ".join(told[:_MOST_NAMES]) or f"none of {len(records)} has an attribute with `{word}` in its name"


def _count(words: Iterable[str]) -> str:
    counted = Counter(words).most_common(_MOST_NAMES)
    return ", ".join(f"{count} x {word}" for word, count in counted)
