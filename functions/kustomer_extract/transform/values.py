"""One converter per BigQuery type. It takes a JSON value that is not null, and returns the value for the row, or None.

A value that does not fit is reported to `Mismatches`.
The values of a row are plain JSON: a TIMESTAMP is RFC 3339 text in UTC, and an INTEGER from ±2^53 on is text.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias, cast

from kustomer_extract.models import JsonValue
from kustomer_extract.transform.mismatches import Mismatches, Place
from kustomer_extract.transform.storable import to_storable, to_storable_text

Convert: TypeAlias = Callable[[JsonValue, Place, Mismatches], JsonValue]

INTEGER_AS_TEXT = 2**53
"""From here on, BigQuery expects integers as text: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json
(read 2026-11-23)."""

_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", flags=re.ASCII)
_PLAIN_TEXT = re.compile(r"true|false|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", flags=re.ASCII)
_MAX_DIGITS = 400  # a double has at most 309 before its point; Python refuses integers of more than 4,300
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d:\d\d\.\d{3}Z", flags=re.ASCII)


def convert_text(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
    """Convert strings; rescue everything else."""
    if isinstance(value, str):
        return value if value.isascii() else to_storable_text(value, lambda: mismatches.count(place))
    mismatches.rescue(value, place)
    return None


def convert_id(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
    """Convert a record's own id. An integer becomes text."""
    if type(value) is int:
        mismatches.count(place)
        return str(value)
    return convert_text(value, place, mismatches)


def _or_exact_text(to_fitting: Callable[[JsonValue], JsonValue]) -> Convert:
    """Compile a column of numbers or booleans. The exact text of one is also converted, and counted as drift."""

    def convert(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
        fitting = to_fitting(value)
        if fitting is None and isinstance(value, str):
            fitting = to_fitting(_read_text(value))
            if fitting is not None:
                mismatches.count(place)
        if fitting is None:
            mismatches.rescue(value, place)
        return fitting

    return convert


def _read_text(text: str) -> JsonValue:
    """Read ``3``, ``-0.5``, ``1e3`` or ``true`` as JSON does; return None for anything else."""
    return cast("JsonValue", json.loads(text)) if len(text) <= _MAX_DIGITS and _PLAIN_TEXT.fullmatch(text) else None


def _to_integer(value: JsonValue) -> int | str | None:
    """Convert integers of 64 bits, also when written as 3.0."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if type(whole) is int and -(2**63) <= whole < 2**63:  # True is an int as well
        return whole if -INTEGER_AS_TEXT < whole < INTEGER_AS_TEXT else str(whole)
    return None


def _to_float(value: JsonValue) -> float | None:
    """Convert finite numbers that a double holds exactly."""
    if isinstance(value, float) and math.isfinite(value):
        return value
    if type(value) is int and abs(value) <= sys.float_info.max and float(value) == value:
        return float(value)
    return None


def _to_boolean(value: JsonValue) -> bool | None:
    """Convert true and false."""
    return value if isinstance(value, bool) else None


def convert_json(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
    """Convert any value, changed where BigQuery or DuckDB could not read it."""
    return to_storable(value, lambda: mismatches.count(place))


def convert_timestamp(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
    """Keep texts; whether one is a time is told at the end, as for those that msgspec accepted."""
    if not isinstance(value, str):
        mismatches.rescue(value, place)
        return None
    return value


CONVERTERS: Mapping[str, Convert] = {
    "BOOLEAN": _or_exact_text(_to_boolean),
    "FLOAT": _or_exact_text(_to_float),
    "INTEGER": _or_exact_text(_to_integer),
    "JSON": convert_json,
    "STRING": convert_text,
    "TIMESTAMP": convert_timestamp,
}


@lru_cache(maxsize=4_000)  # a record repeats the same time in several fields
def to_utc(text: str) -> str | None:
    """Write an ISO 8601 time of the years 1 to 9999 as RFC 3339 in UTC, to the microsecond; None if it is none.

    No zone means UTC. A time in Kustomer's usual form stays as it is.
    """
    if _USUAL_TIME.fullmatch(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return None
        return text
    moment = parse_timestamp(text)
    return to_rfc3339(moment) if moment else None


def parse_timestamp(text: str) -> datetime | None:
    """Read a time and convert it to UTC; None if the text is not a time."""
    if not _ISO_8601.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None


def to_rfc3339(moment: datetime) -> str:
    """Write a time in UTC: ``2031-07-04T07:00:00Z``, with microseconds if there are any."""
    return moment.isoformat().replace("+00:00", "Z")
