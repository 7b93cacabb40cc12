"""Reads the schema files into trees of fields, and applies a selection of columns to them.

A schema file, `schemas/<table>.json`, is a list in BigQuery's own JSON format (name, type, mode, description, fields),
with one key of ours, `personal`. The loader, Terraform's first document, the documentation
and the tests all use these files. This module is pure, except that it reads them.
A little over 200 lines, because a field, a file of fields and a choice of fields are one subject.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kustomer_extract.models import JsonValue, Table

Selection: TypeAlias = "bool | Mapping[str, Selection]"

ALWAYS_SELECTED = frozenset({"id", "type", "_batch_id", "_batch_runtime"})
"""Columns of every table that cannot be deselected."""

_IMPERSONAL: Mapping[str, tuple[type, ...]] = {
    "Num": (int, float, NoneType),
    "At": (str, NoneType),
    "Bool": (bool, NoneType),
    "Id": (str, NoneType),
}
"""Name endings of custom attributes that hold no text about people (docs/kustomer-api.md), and the types they hold."""


class Personal(enum.StrEnum):
    """How a field relates to a person."""

    CONTENT = "content"  # holds, or may hold, words of or about a customer
    CUSTOMER = "customer"  # an id of a customer
    STAFF = "staff"  # an id or a name of a member of staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column, or a field of a RECORD.

    Attributes:
        type: STRING, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, JSON or RECORD (BigQuery's names).
        mode: NULLABLE or REPEATED.
        fields: The fields of a RECORD; empty for other types.
        personal: The kind of personal data; None if it holds none.
        is_selected: Whether the table will have it; see `Choice`.
    """

    name: str
    type: str
    mode: str
    description: str
    fields: tuple[Field, ...] = ()
    personal: Personal | None = None
    is_selected: bool = True

    def __hash__(self) -> int:
        """Hash without what lies below, which would be the whole tree every time."""
        return hash((self.name, self.type, self.mode, self.is_selected))

    @property
    def is_custom(self) -> bool:
        """Whether it holds the organisation's custom attributes, which a selection may name one by one."""
        return self.name == "custom" and self.type == "JSON"

    @property
    def holds_content(self) -> bool:
        """Whether it, or a field below it, is marked as content."""
        return self.personal is Personal.CONTENT or any(field.holds_content for field in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A schema with a selection applied to it. Only `choose` applies a selection.

    Attributes:
        fields: All fields, so that a deselected field can be told from an unknown one. `is_selected` is False where the
            selection leaves out a field and everything below it.
        columns: The columns that the table will have. A RECORD without selected fields is not among them.
        custom: The custom attributes that the selection names: True if selected.
        personal_data: False: a field with content is selected only by its own name, and unknown fields are not kept.
    """

    fields: tuple[Field, ...]
    columns: tuple[Field, ...]
    custom: Mapping[str, bool]
    personal_data: bool

    @property
    def takes_every_custom_name(self) -> bool:
        """Whether every custom attribute is selected."""
        return self.personal_data and all(self.custom.values())

    def shows_custom(self, name: str) -> bool:
        """Whether a custom attribute with this name can be selected, whatever its value."""
        if name in self.custom or self.personal_data:
            return self.custom.get(name, True)
        return name.endswith(tuple(_IMPERSONAL))

    def takes_custom(self, name: str, value: JsonValue) -> bool:
        """Whether a custom attribute is selected. Without personal data its value must match its name's type."""
        if name in self.custom or self.personal_data:
            return self.custom.get(name, True)
        kinds = next((kinds for end, kinds in _IMPERSONAL.items() if name.endswith(end)), ())
        return all(isinstance(item, kinds) for item in (value if isinstance(value, list) else [value]))


@cache
def load_schema(table: Table) -> tuple[Field, ...]:
    """Read all columns of a table, in order."""
    file = resources.files("kustomer_extract") / "schemas" / f"{table}.json"
    return _parse_fields(json.loads(file.read_bytes()))


def _parse_fields(items: Sequence[Any]) -> tuple[Field, ...]:
    return tuple(
        Field(
            **{
                **item,
                "fields": _parse_fields(item.get("fields", ())),
                "personal": Personal(item["personal"]) if "personal" in item else None,
            }
        )
        for item in items
    )


def choose(fields: Sequence[Field], selection: Selection, *, personal_data: bool = True) -> Choice:
    """Apply a selection to a schema.

    Args:
        fields: All columns of the table.
        selection: True, False, or a map from columns to what is selected below them. An absent column is selected.
        personal_data: False: a field marked as content is selected only if the map has True for that very field. A
            custom attribute whose name may stand for text is selected only if the map names it.
    """
    decided = tuple(
        field if field.name in ALWAYS_SELECTED else _decide(field, selection, personal_data=personal_data)
        for field in fields
    )
    custom = part(part(selection, "attributes"), "custom")
    return Choice(
        fields=decided,
        columns=_keep_selected(decided),
        custom={name: chosen is True for name, chosen in custom.items()} if isinstance(custom, Mapping) else {},
        personal_data=personal_data,
    )


def select(fields: Sequence[Field], selection: Selection, *, personal_data: bool = True) -> tuple[Field, ...]:
    """Return the columns that a table will have; see `choose`."""
    return choose(fields, selection, personal_data=personal_data).columns


def _decide(field: Field, selection: Selection, *, personal_data: bool) -> Field:
    """Set `is_selected` of a field and of all below it; `selection` belongs to the level above."""
    chosen = part(selection, field.name)
    is_ticked = isinstance(selection, Mapping) and selection.get(field.name) is True
    if chosen is not False and field.personal is Personal.CONTENT and not field.is_custom:
        chosen = personal_data or is_ticked
    if isinstance(chosen, Mapping):
        return _set_selected(field, chosen, personal_data=personal_data)
    return _set_selected_alike(field, chosen, personal_data=personal_data)


def _set_selected(field: Field, chosen: Selection, *, personal_data: bool) -> Field:
    below = tuple(_decide(inner, chosen, personal_data=personal_data) for inner in field.fields)
    return replace(field, fields=below, is_selected=chosen is not False)


@lru_cache(maxsize=4096)
def _set_selected_alike(field: Field, chosen: bool, *, personal_data: bool) -> Field:  # noqa: FBT001 - a selection
    """Do the same where one answer holds for all below: every hop asks for it again, for hundreds of fields."""
    return _set_selected(field, chosen, personal_data=personal_data)


@lru_cache(maxsize=4096)
def _keep_selected(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    kept = (replace(field, fields=_keep_selected(field.fields)) for field in fields if field.is_selected)
    return tuple(field for field in kept if field.fields or field.type != "RECORD")


def part(selection: Selection, name: str) -> Selection:
    """Return the selection that applies to the column `name`, one level down."""
    return selection.get(name, True) if isinstance(selection, Mapping) else selection


def find(fields: Sequence[Field], path: Sequence[str]) -> Field | None:
    """Look up a field by its path, for example ``["attributes", "sla", "name"]``; None if there is none."""
    name, *below = path
    field = next((field for field in fields if field.name == name), None)
    return find(field.fields, below) if field and below else field


def list_arrays(fields: Sequence[Field]) -> frozenset[str]:
    """List the top-level columns that are stored as an array with one RECORD."""
    return frozenset(field.name for field in fields if field.type == "RECORD" and field.mode == "REPEATED")


def iter_paths(fields: Sequence[Field]) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Yield every field with its path, at any depth, a RECORD before its fields."""
    for field in fields:
        yield (field.name,), field
        for path, inner in iter_paths(field.fields):
            yield (field.name, *path), inner


def list_content(fields: Sequence[Field]) -> frozenset[str]:
    """List the dotted paths that are marked as content."""
    return frozenset(".".join(path) for path, field in iter_paths(fields) if field.personal is Personal.CONTENT)


def to_json(fields: Sequence[Field]) -> list[dict[str, object]]:
    """Write the fields as BigQuery's API represents them: without `personal`."""
    return [
        {"name": field.name, "type": field.type, "mode": field.mode, "description": field.description}
        | ({"fields": to_json(field.fields)} if field.fields else {})
        for field in fields
    ]


def schema_hash(fields: Sequence[Field]) -> str:
    """Hash names, types, modes and order into 12 hexadecimal digits. Descriptions do not count."""
    shape = [(path, field.type, field.mode) for path, field in iter_paths(fields)]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:12]
