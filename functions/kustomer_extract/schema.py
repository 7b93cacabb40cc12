"""Schema files → field trees, and the selection of columns over them. Pure but for reading the package's own files.

A schema file, `schemas/<table>.json`, is a list in BigQuery's own JSON format (name, type, mode, description, fields):
the single source for the loader, Terraform's seed, the documentation and the tests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kustomer_extract.models import Table

Selection: TypeAlias = "bool | Mapping[str, Selection]"

ALWAYS_SELECTED = frozenset({"id", "type", "_batch_id", "_batch_runtime"})
"""Columns of every table that no selection removes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column, or a field of a RECORD.

    Attributes:
        type: STRING, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, JSON or RECORD (BigQuery's names).
        mode: NULLABLE or REPEATED.
        fields: Of a RECORD; empty otherwise.
    """

    name: str
    type: str
    mode: str
    description: str
    fields: tuple[Field, ...] = ()


@cache
def load_schema(table: Table) -> tuple[Field, ...]:
    """Read all columns of a table, in order."""
    file = resources.files("kustomer_extract") / "schemas" / f"{table}.json"
    return _parse_fields(json.loads(file.read_bytes()))


def _parse_fields(items: Sequence[Any]) -> tuple[Field, ...]:
    return tuple(Field(**{**item, "fields": _parse_fields(item.get("fields", ()))}) for item in items)


def select(fields: Sequence[Field], selection: Selection) -> tuple[Field, ...]:
    """Keep the columns that a table will have.

    Args:
        fields: All columns of the table.
        selection: True, False, or a map from columns to what is selected below them; an absent column is selected.

    Returns:
        The fields in their order. `ALWAYS_SELECTED` stay; a RECORD with nothing left goes.
    """
    kept = (
        field if field.name in ALWAYS_SELECTED else _select_field(field, part(selection, field.name))
        for field in fields
    )
    return tuple(field for field in kept if field)


def _select_field(field: Field, selection: Selection) -> Field | None:
    if isinstance(selection, bool) or not field.fields:
        return field if selection is not False else None
    below = (_select_field(inner, part(selection, inner.name)) for inner in field.fields)
    kept = tuple(inner for inner in below if inner)
    return replace(field, fields=kept) if kept else None


def part(selection: Selection, name: str) -> Selection:
    """Go one level down: the selection that holds for the column `name`."""
    return selection.get(name, True) if isinstance(selection, Mapping) else selection


def find(fields: Sequence[Field], path: Sequence[str]) -> Field | None:
    """Look up a field by its path, for example ``["attributes", "sla", "name"]``; None if there is none."""
    name, *below = path
    field = next((field for field in fields if field.name == name), None)
    return find(field.fields, below) if field and below else field


def list_arrays(fields: Sequence[Field]) -> frozenset[str]:
    """List the columns that are arrays of one: records at the top, as the source has them."""
    return frozenset(field.name for field in fields if field.type == "RECORD" and field.mode == "REPEATED")


def iter_paths(fields: Sequence[Field]) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Yield every field with its path, at any depth, a RECORD before its fields."""
    for field in fields:
        yield (field.name,), field
        for path, inner in iter_paths(field.fields):
            yield (field.name, *path), inner


def to_json(fields: Sequence[Field]) -> list[dict[str, object]]:
    """Write the fields as BigQuery's API represents them: the inverse of reading a schema file."""
    return [
        {"name": field.name, "type": field.type, "mode": field.mode, "description": field.description}
        | ({"fields": to_json(field.fields)} if field.fields else {})
        for field in fields
    ]


def schema_hash(fields: Sequence[Field]) -> str:
    """Digest names, types, modes and order into 12 hexadecimal digits; descriptions do not count."""
    shape = [(path, field.type, field.mode) for path, field in iter_paths(fields)]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:12]
