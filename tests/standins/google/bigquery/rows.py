"""Rows as load jobs take them and as answers show them: newline-delimited JSON checked against a schema, and cells.

The check is as strict as BigQuery's, and stricter where the two would be hard to tell apart: keys match their case,
a TIMESTAMP is text, a BOOLEAN is true, false or their text.
Source: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json, read 2026-11-23.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from tests.standins.google.bigquery.schemas import Field, Schema

Check: TypeAlias = Callable[[Any], None]

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INT64 = range(-(2**63), 2**63)


class RowError(Exception):
    """A value does not fit; the message is BigQuery's."""


def check_rows(content: bytes, schema: Schema) -> int:
    """Check newline-delimited JSON, line by line.

    Returns:
        The number of rows.

    Raises:
        RowError: for the first row that does not fit, with its byte position.
    """
    check = _build_record_check(schema, "")
    position = count = 0
    for line in content.split(b"\n"):
        if line.strip():
            try:
                check(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise _at(position, f"Parser terminated before end of string: {error}") from error
            except RowError as error:
                raise _at(position, str(error)) from error
            count += 1
        position += len(line) + 1
    return count


def _at(position: int, message: str) -> RowError:
    return RowError(
        f"Error while reading data, error message: JSON parsing error in row starting at position {position}: {message}"
    )


def _build_record_check(schema: Schema, prefix: str) -> Check:
    checks = {field["name"]: _build_check(field, prefix + field["name"]) for field in schema}
    required = {field["name"] for field in schema if field["mode"] == "REQUIRED"}

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise RowError(f"JSON object expected for record field: {prefix.rstrip('.') or 'the row'}.")
        for name, item in value.items():
            known = checks.get(name)
            if known is None:
                raise RowError(f"No such field: {prefix}{name}.")
            known(item)
        if not required <= value.keys():
            raise RowError(f"Missing required field: {prefix}{min(required - value.keys())}.")

    return check


def _build_check(field: Field, path: str) -> Check:
    kind, mode = field["type"], field["mode"]
    check_value = _build_record_check(field["fields"], f"{path}.") if kind == "RECORD" else _SCALARS[kind](path)

    def check_array(value: Any) -> None:
        if type(value) is not list:
            raise _null(path) if value is None else RowError(f"Array expected for repeated field: {path}.")
        for element in value:
            if element is None:
                raise _null(path)
            check_value(element)

    def check_required(value: Any) -> None:
        if value is None:
            raise _null(path)
        check_one(value)

    def check_one(value: Any) -> None:
        if value is not None:
            if type(value) is list and kind != "JSON":
                raise RowError(f"Array specified for non-repeated field: {path}.")
            check_value(value)

    return {"REPEATED": check_array, "REQUIRED": check_required, "NULLABLE": check_one}[mode]


def _null(path: str) -> RowError:
    return RowError(f"Only optional fields can be set to NULL. Field: {path}; Value: NULL")


def _wrong(path: str, kind: str, value: Any) -> RowError:
    return RowError(f"Could not convert value to {kind}. Field: {path}; Value: {value}")


def _json(_: str) -> Check:
    return lambda _: None


def _string(path: str) -> Check:
    def check(value: Any) -> None:
        if type(value) is not str and isinstance(value, (dict, list)):
            raise RowError(f"JSON object specified for non-record field: {path}")

    return check


def _integer(path: str) -> Check:
    def check(value: Any) -> None:
        try:
            fits = type(value) is not bool and int(value) in _INT64 and (type(value) is not float or value.is_integer())
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise _wrong(path, "integer", value)

    return check


def _float(path: str) -> Check:
    def check(value: Any) -> None:
        try:
            fits = type(value) is not bool and float(value) is not None
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise _wrong(path, "double", value)

    return check


def _boolean(path: str) -> Check:
    def check(value: Any) -> None:
        if type(value) is not bool and not (type(value) is str and value.lower() in {"true", "false"}):
            raise _wrong(path, "boolean", value)

    return check


def _timestamp(path: str) -> Check:
    def check(value: Any) -> None:
        try:
            to_microseconds(value)
        except (TypeError, ValueError) as error:
            raise _wrong(path, "timestamp", value) from error

    return check


_SCALARS: dict[str, Callable[[str], Check]] = {
    "STRING": _string,
    "INTEGER": _integer,
    "FLOAT": _float,
    "BOOLEAN": _boolean,
    "TIMESTAMP": _timestamp,
    "JSON": _json,
}


@functools.lru_cache(maxsize=1 << 16)
def to_microseconds(text: str) -> int:
    """Convert the text of a TIMESTAMP to microseconds since 1970; without a zone it is UTC.

    Raises:
        ValueError, TypeError: it is not one.
    """
    if not _TIMESTAMP.fullmatch(text):
        raise ValueError(text)
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def to_cells(row: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Show a row as answers do: ``{"f": [{"v": cell}, …]}``, in the schema's order; numbers as text."""
    return {"f": [{"v": _to_cell(row.get(field["name"]), field)} for field in schema]}


def _to_cell(value: Any, field: Field) -> Any:
    if field["mode"] == "REPEATED":
        return [{"v": _to_cell(element, {**field, "mode": "NULLABLE"})} for element in value or ()]
    if value is None:
        return None
    match field["type"]:
        case "RECORD":
            return to_cells(value, field["fields"])
        case "TIMESTAMP":
            return str(to_microseconds(value))
        case "JSON":
            return orjson.dumps(value).decode()
        case "INTEGER":
            return str(int(value))
        case _:
            return str(value).lower() if type(value) is bool else str(value)
