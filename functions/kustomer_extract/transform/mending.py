"""Values that readers of JSON stumble over, made such that none does."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from kustomer_extract.models import JsonValue

MAX_NESTING = 100
"""Levels within a JSON value; orjson writes 254 in all, and BigQuery reads 500
(https://cloud.google.com/bigquery/docs/json-data, read 2026-11-23)."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def mend(value: JsonValue, note: Callable[[], None], nesting: int = 0) -> JsonValue:
    """Make a value one that BigQuery and DuckDB read as JSON, and call `note` for every change.

    Lone surrogates become U+FFFD; integers beyond 64 bits, non-finite numbers and all below `MAX_NESTING` become text.
    """
    if isinstance(value, str):
        return value if value.isascii() else mend_text(value, note)
    if isinstance(value, dict) and nesting < MAX_NESTING:
        mended: dict[str, JsonValue] = {}
        for key, item in value.items():
            name = key if key.isascii() else to_unused(mend_text(key, note), mended)
            is_plain = type(item) is str and item.isascii()  # most are: spare them the call
            mended[name] = item if is_plain else mend(item, note, nesting + 1)
        return mended
    if isinstance(value, list) and nesting < MAX_NESTING:
        return [mend(item, note, nesting + 1) for item in value]
    if isinstance(value, float):
        fits = math.isfinite(value)
    elif isinstance(value, int):  # true and false, too
        fits = -(2**63) <= value < 2**64
    else:
        fits = value is None
    if fits:
        return value
    note()
    return _to_json_text(value)


def mend_text(text: str, note: Callable[[], None]) -> str:
    """Replace lone surrogates: they are no Unicode text, and no warehouse takes them."""
    mended = _LONE_SURROGATE.sub("\ufffd", text)
    if mended != text:
        note()
    return mended


def to_unused(name: str, taken: Container[str]) -> str:
    """Tell apart names that differed in their lone surrogates only."""
    while name in taken:
        name += "\ufffd"
    return name


def _to_json_text(value: JsonValue) -> str:
    """Write JSON of any depth, which neither orjson nor the standard library does."""
    values = [value]
    for item in values:  # grows while it is read: a container stands before what it contains
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
