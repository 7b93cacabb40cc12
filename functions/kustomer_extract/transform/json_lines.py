"""Reads JSON with every integer exact, and writes lines of JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kustomer_extract.models import JsonValue

_BEFORE_NUMBER = b":,[- \t\r\n"
_OUTLINE = bytes(
    ord("0") if char in b"0123456789" else ord(":") if char in _BEFORE_NUMBER else ord("x") for char in range(256)
)
_MAX_DIGITS = 4300  # https://docs.python.org/3/library/stdtypes.html#int-max-str-digits, read 2026-11-26
_LONG_NUMBER = b":" + b"0" * 19  # -2^63 - 1 has 19 digits; an id is text, so its digits follow a quote or a slash


def parse_json(body: bytes) -> JsonValue:
    """Read a JSON object or array, every integer exact.

    orjson is fast, but refuses lone surrogates, NaN and 1e999, and silently rounds integers beyond 64 bits to floats.
    The standard library reads such bodies. The search for long numbers takes a fifth of orjson's time.

    Raises:
        ValueError: The body is not JSON.
    """
    if _LONG_NUMBER not in body.translate(_OUTLINE):
        try:
            return cast("JsonValue", orjson.loads(body))
        except orjson.JSONDecodeError:
            pass
    try:
        return cast("JsonValue", json.loads(body, parse_int=_to_int))
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error


def _to_int(digits: str) -> int | float:
    """Read an integer. Python refuses thousands of digits; such a number becomes infinity."""
    return int(digits) if len(digits) <= _MAX_DIGITS else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def to_line(row: Mapping[str, JsonValue]) -> bytes:
    """Write a row as one line of newline-delimited JSON."""
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
