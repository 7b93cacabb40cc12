"""Rows in load jobs (newline-delimited JSON, checked against a schema) and in responses (cells).

The check is at least as strict as BigQuery's. It is stricter in three points: keys must match in case, a TIMESTAMP
must be text, and a BOOLEAN must be true, false or their text.
Source: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json, read 2026-11-23.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    from tests.standins.google.bigquery.schemas import Field, Schema

Check: TypeAlias = Callable[[Any], None]

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INT64 = range(-(2**63), 2**63)


class RowError(Exception):
    """A value does not match its column. The message is BigQuery's."""


def check_rows(content: bytes, schema: Schema) -> int:
    """Check newline-delimited JSON line by line. Return the number of rows.

    Raises:
        RowError: For the first row that does not match, with its byte position.
    """
    check = _build_record_check(schema, "")
    position = count = 0
    for line in content.split(b"\n"):
        if line.strip():
            try:
                check(msgspec.json.decode(line))
            except (RowError, ValueError) as error:
                where = f"JSON parsing error in row starting at position {position}"
                raise RowError(f"Error while reading data, error message: {where}: {error}") from error
            count += 1
        position += len(line) + 1
    return count


def _build_record_check(schema: Schema, prefix: str) -> Check:
    checks = {field["name"]: _build_check(field, prefix + field["name"]) for field in schema}
    required = {field["name"] for field in schema if field["mode"] == "REQUIRED"}

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise RowError(f"JSON object expected for record field: {prefix.rstrip('.') or 'the row'}.")
        for name, item in value.items():
            check_item = checks.get(name)
            if check_item is None:
                raise RowError(f"No such field: {prefix}{name}.")
            check_item(item)
        if not required <= value.keys():
            raise RowError(f"Missing required field: {prefix}{min(required - value.keys())}.")

    return check


def _build_check(field: Field, path: str) -> Check:
    kind, mode = field["type"], field["mode"]
    check_record = _build_record_check(field["fields"], f"{path}.") if kind == "RECORD" else None
    fits = _FITS.get(kind)
    no_null = RowError(f"Only optional fields can be set to NULL. Field: {path}; Value: NULL")

    def check(value: Any) -> None:
        if value is None:
            if mode != "NULLABLE":
                raise no_null
        elif type(value) is list and kind != "JSON":
            raise RowError(f"Array specified for non-repeated field: {path}.")
        elif check_record:
            check_record(value)
        elif fits and not fits(value):
            what = "JSON object specified for non-record field" if type(value) is dict else "Could not convert value"
            raise RowError(f"{what} to {kind.lower()}. Field: {path}; Value: {value}")

    def check_each(value: Any) -> None:
        if type(value) is not list:
            message = f"Repeated field must be imported as a JSON array. Field: {path}."
            raise no_null if value is None else RowError(message)
        for element in value:
            check(element)

    return check_each if mode == "REPEATED" else check


def _is_integer(value: Any) -> bool:
    try:
        return type(value) is not bool and int(value) in _INT64 and (type(value) is not float or value.is_integer())
    except (TypeError, ValueError):
        return False


def _is_number(value: Any) -> bool:
    try:
        return type(value) is not bool and isinstance(float(value), float)
    except (TypeError, ValueError):
        return False


def _is_timestamp(value: Any) -> bool:
    try:
        return bool(_TIMESTAMP.fullmatch(value) and dt.datetime.fromisoformat(value))
    except (TypeError, ValueError):
        return False


_FITS: dict[str, Callable[[Any], bool]] = {
    "STRING": lambda value: type(value) is not dict,
    "INTEGER": _is_integer,
    "FLOAT": _is_number,
    "BOOLEAN": lambda value: type(value) is bool or (type(value) is str and value in {"true", "false"}),
    "TIMESTAMP": _is_timestamp,
}


def _to_microseconds(text: str) -> int:
    """Convert the text of a TIMESTAMP to microseconds since 1970. Without a zone it is UTC."""
    moment = dt.datetime.fromisoformat(text)
    return (moment.replace(tzinfo=moment.tzinfo or dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1)


def to_cells(row: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Convert a row to the form of responses: ``{"f": [{"v": cell}, …]}``, in schema order, with numbers as text."""
    return {"f": [{"v": _to_cell(row.get(field["name"]), field)} for field in schema]}


def _to_cell(value: Any, field: Field) -> Any:
    if field["mode"] == "REPEATED":
        return [{"v": _to_cell(element, {**field, "mode": "NULLABLE"})} for element in value or ()]
    if value is None:
        return None
    if field["type"] == "RECORD":
        return to_cells(value, field["fields"])
    return _SHOWN.get(field["type"], str)(value)


_SHOWN: dict[str, Callable[[Any], str]] = {
    "BOOLEAN": lambda value: str(value).lower(),
    "INTEGER": lambda value: str(int(value)),
    "JSON": lambda value: msgspec.json.encode(value).decode(),
    "TIMESTAMP": lambda value: str(_to_microseconds(value)),
}
