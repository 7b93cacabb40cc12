"""Changes the JSON values that BigQuery or DuckDB could not read, so that both can store them."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from kustomer_extract.models import JsonValue

MAX_NESTING = 100
"""Levels within a JSON value that are kept. orjson writes 254 levels in all, and BigQuery reads 500
(https://cloud.google.com/bigquery/docs/json-data, read 2026-11-23)."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def to_storable(value: JsonValue, note: Callable[[], None], nesting: int = 0) -> JsonValue:
    """Return the value in a form that BigQuery and DuckDB read as JSON; call `note` for every change.

    Lone surrogates become U+FFFD. Integers beyond 64 bits, infinite numbers, not-a-number, and everything deeper than
    `MAX_NESTING` become text.
    """
    if isinstance(value, str):
        return value if value.isascii() else to_storable_text(value, note)
    if isinstance(value, dict) and nesting < MAX_NESTING:
        storable: dict[str, JsonValue] = {}
        for key, item in value.items():
            name = key if key.isascii() else to_unused_name(to_storable_text(key, note), storable)
            is_plain = type(item) is str and item.isascii()  # most values; they need no call
            storable[name] = item if is_plain else to_storable(item, note, nesting + 1)
        return storable
    if isinstance(value, list) and nesting < MAX_NESTING:
        return [to_storable(item, note, nesting + 1) for item in value]
    if isinstance(value, float):
        fits = math.isfinite(value)
    elif isinstance(value, int):  # booleans are integers, too
        fits = -(2**63) <= value < 2**64
    else:
        fits = value is None
    if fits:
        return value
    note()
    return _to_json_text(value)


def to_storable_text(text: str, note: Callable[[], None]) -> str:
    """Replace lone surrogates: they are not valid Unicode, and no warehouse stores them."""
    storable = _LONE_SURROGATE.sub("\ufffd", text)
    if storable != text:
        note()
    return storable


def to_unused_name(name: str, taken: Container[str]) -> str:
    """Return a name that is not taken: two names may have differed in their lone surrogates only."""
    while name in taken:
        name += "\ufffd"
    return name


def _to_json_text(value: JsonValue) -> str:
    """Write JSON of any depth. Neither orjson nor the standard library can."""
    values = [value]
    for item in values:  # the list grows while it is read: a container comes before its contents
        values.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    texts: dict[int, str] = {}
    for item in reversed(values):
        if isinstance(item, dict):
            members = ", ".join(f"{json.dumps(key)}: {texts[id(below)]}" for key, below in item.items())
            texts[id(item)] = f"{{{members}}}"
        elif isinstance(item, list):
            texts[id(item)] = f"[{', '.join(texts[id(below)] for below in item)}]"
        else:
            texts[id(item)] = json.dumps(item)
    return texts[id(value)]
