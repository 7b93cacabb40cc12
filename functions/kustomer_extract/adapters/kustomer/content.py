"""Splits the body of a good answer into records, and reads of them only what lists and searches need. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from kustomer_extract.models import Record
from kustomer_extract.transform import parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.models import JsonValue


@dataclass(frozen=True, slots=True)
class Content:
    """The page of an answer: ``{"data": [record, ...], "links": ..., "meta": ...}``."""

    records: Sequence[Record]
    links: JsonValue = None
    meta: JsonValue = None


def read_content(body: bytes) -> Content | None:
    """Read a page; None if the body is JSON of another form.

    Raises:
        ValueError: it is not JSON, or only a part of it.
    """
    try:
        return _split(body)
    except (ValueError, RecursionError):  # it is no page, or has what msgspec refuses: lone surrogates, NaN
        page = parse_json(body)
    data = page.get("data") if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        return None
    records = [Record(one.get("id"), json.dumps(one).encode()) for one in data]
    return Content(records, page.get("links"), page.get("meta"))


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    links: Any = None
    meta: Any = None


class _Head(msgspec.Struct):
    id: Any = None


_read_page = msgspec.json.Decoder(_Page).decode
_read_head = msgspec.json.Decoder(_Head).decode
_find_id = re.compile(rb'\{"type":"\w+","id":"([^"\\]+)"').match  # as records begin; the rest need not be read


def _split(body: bytes) -> Content:
    """Find the records in the body.

    Raises:
        ValueError, RecursionError: msgspec cannot read the page.
    """
    body.decode()  # msgspec looks only at the encoding of the texts that it returns
    page = _read_page(body)
    return Content([Record(_read_id(raw), raw) for raw in page.data], page.links, page.meta)


def _read_id(record: bytes) -> JsonValue:
    """Read the id. Of two in one object, which JSON leaves open, it is the first."""
    found = _find_id(record)
    return found[1].decode() if found else cast("JsonValue", _read_head(record).id)
