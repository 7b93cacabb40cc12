"""Reads JSON with every integer exact, and of a record only when it was created."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, cast

import msgspec

from kustomer_extract.errors import BrokenPage
from kustomer_extract.transform.values import parse_timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from kustomer_extract.models import JsonObject, JsonValue

_MAX_DIGITS = 4300  # https://docs.python.org/3/library/stdtypes.html#int-max-str-digits, read 2026-11-26


def parse_json(body: bytes) -> JsonValue:
    """Read JSON, every integer exact.

    msgspec is fast, but refuses lone surrogates, NaN, 1e999 and very long integers. The standard library reads them.

    Raises:
        ValueError: The body is not JSON, or is nested too deeply.
    """
    try:
        return cast("JsonValue", msgspec.json.decode(body))
    except (ValueError, RecursionError):
        pass
    try:
        return cast("JsonValue", json.loads(bytes(body), parse_int=_to_int))
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error


def _to_int(digits: str) -> int | float:
    """Read an integer. Python refuses thousands of digits; such a number becomes infinity."""
    return int(digits) if len(digits) <= _MAX_DIGITS else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def read_object(record: bytes) -> JsonObject:
    """Read a whole record.

    Raises:
        BrokenPage: Python cannot read it: of JSON of a thousand levels, how many it reads depends on who calls.
    """
    try:
        return cast("JsonObject", parse_json(record))
    except ValueError as error:
        raise BrokenPage(f"a record cannot be read ({error}); report it to Kustomer's support") from error


class _Attributes(msgspec.Struct):
    createdAt: Any = None  # noqa: N815 - the API's name


class _Record(msgspec.Struct):
    attributes: _Attributes | None = None


_read_attributes = msgspec.json.Decoder(_Record).decode


def read_created_at(record: bytes) -> datetime | None:
    """Read `attributes.createdAt` of a record; None if it is missing or not a time. Raises as `read_object`."""
    text: object
    try:
        found = _read_attributes(record).attributes
        text = found.createdAt if found else None
    except (ValueError, RecursionError):  # attributes are no object, or there is something that msgspec refuses
        attributes = read_object(record).get("attributes")
        text = attributes.get("createdAt") if isinstance(attributes, dict) else None
    return parse_timestamp(text) if isinstance(text, str) else None
