"""The rules for a row: BigQuery can load it, and its form is always the same.

A load job refuses unknown fields, null in arrays, wrong types and numbers out of range. These rules are stricter. The
keys of a row are in schema order, columns without a value are left out, and each type has one form: text for integers
that a double cannot hold, RFC 3339 in UTC for timestamps.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kustomer_extract.schema import Field

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z", re.ASCII)


def iter_faults(row: Any, fields: Sequence[Field], path: str = "") -> Iterator[str]:
    """Yield each fault of a row, or of a RECORD in it."""
    if type(row) is not dict or not row:
        yield f"{path}: not an object, or empty"
        return
    known = {field.name: field for field in fields}
    for name in row.keys() - known.keys():
        yield f"{path}/{name}: no such field"
    if [name for name in row if name in known] != [name for name in known if name in row]:
        yield f"{path}: not in schema order"
    for name, field in known.items():
        if name in row:
            yield from _iter_column_faults(row[name], field, f"{path}/{name}")


def _iter_column_faults(value: Any, field: Field, path: str) -> Iterator[str]:
    if field.mode != "REPEATED":
        yield from _iter_value_faults(value, field, path)
    elif type(value) is not list or not value:
        yield f"{path}: not an array, or empty"
    else:
        for item in value:
            yield from _iter_value_faults(item, field, f"{path}/*")


def _iter_value_faults(value: Any, field: Field, path: str) -> Iterator[str]:
    if value is None:
        yield f"{path}: null"
    elif field.type == "RECORD":
        yield from iter_faults(value, field.fields, path)
    elif not _FITS[field.type](value):
        yield f"{path}: no {field.type}"


def _is_text(value: Any) -> bool:
    try:
        return type(value) is str and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _is_integer(value: Any) -> bool:
    if type(value) is int:
        return -(2**53) < value < 2**53
    return (
        type(value) is str and abs(int(value)) >= 2**53 and -(2**63) <= int(value) < 2**63 and str(int(value)) == value
    )


def _is_timestamp(value: Any) -> bool:
    return type(value) is str and bool(_TIMESTAMP.fullmatch(value) and datetime.fromisoformat(value))


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_text(key) and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    return value is None or _is_text(value)


_FITS = {
    "BOOLEAN": lambda value: type(value) is bool,
    "FLOAT": lambda value: type(value) is float and math.isfinite(value),
    "INTEGER": _is_integer,
    "JSON": _is_json,
    "STRING": _is_text,
    "TIMESTAMP": _is_timestamp,
}
