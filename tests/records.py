"""Records that tests write as Python values: as the API sends them, and as rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kustomer_extract.models import Record
from kustomer_extract.transform import Transform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kustomer_extract.models import Batch, Table
    from kustomer_extract.schema import Choice


def pack(value: Mapping[str, Any]) -> Record:
    """Make a record as the API sends it."""
    return Record(value.get("id"), json.dumps(value).encode())


def unpack(record: Record) -> dict[str, Any]:
    """Read a record."""
    value: dict[str, Any] = json.loads(bytes(record.body))
    return value


def to_row(record: Any, choice: Choice, *, table: Table, batch: Batch) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a record's row and its drift.

    The transform learns the unknown fields of a record. So it gets the record twice, and the row must be the same.
    """
    transform, body = Transform(choice, table=table, batch=batch), json.dumps(record).encode()
    line, drift, names = transform(body)
    again = transform(body)
    assert json.loads(again.line) == json.loads(line)
    assert (sorted(again.drift), again.custom_names) == (sorted(drift), names)
    return json.loads(line), drift
