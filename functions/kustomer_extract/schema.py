"""Schema files → field trees, and the selection of columns over them. Pure but for reading the package's own files.

A schema file, `schemas/<table>.json`, is a list in BigQuery's own JSON format (name, type, mode, description, fields),
with one key of ours, `personal`: the single source for the loader, Terraform's seed, the documentation and the tests.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kustomer_extract.models import JsonValue, Table

Selection: TypeAlias = "bool | Mapping[str, Selection]"

ALWAYS_SELECTED = frozenset({"id", "type", "_batch_id", "_batch_runtime"})
"""Columns of every table that no selection removes."""

_IMPERSONAL: Mapping[str, tuple[type, ...]] = {
    "Num": (int, float, NoneType),
    "At": (str, NoneType),
    "Bool": (bool, NoneType),
    "Id": (str, NoneType),
}
"""Ends of the names of custom attributes that hold nobody's words (docs/kustomer-api.md), and what they hold."""


class Personal(enum.StrEnum):
    """How a field has to do with a person."""

    CONTENT = "content"  # words of or about a customer, or what may be; without personal data only if ticked itself
    CUSTOMER = "customer"  # an id that stands for a customer
    STAFF = "staff"  # an id or a name of somebody who works there


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column, or a field of a RECORD.

    Attributes:
        type: STRING, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, JSON or RECORD (BigQuery's names).
        mode: NULLABLE or REPEATED.
        fields: Of a RECORD; empty otherwise.
        personal: The mark of personal data; None for what is none.
        is_selected: Whether a table has it; see `Choice`.
    """

    name: str
    type: str
    mode: str
    description: str
    fields: tuple[Field, ...] = ()
    personal: Personal | None = None
    is_selected: bool = True

    @property
    def is_custom(self) -> bool:
        """Whether it holds the organisation's own attributes, so that a selection may name them one by one."""
        return self.name == "custom" and self.type == "JSON"

    @property
    def holds_content(self) -> bool:
        """Whether it, or a field below it, is marked as content."""
        return self.personal is Personal.CONTENT or any(field.holds_content for field in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a table takes of its schema. Made once a run; nothing else applies a selection.

    Attributes:
        fields: All fields, for only so are deselected ones told from unknown ones; `is_selected` is False where the
            selection leaves a field out with all that is in it.
        columns: What the table will have. `ALWAYS_SELECTED` stay; a RECORD with nothing left goes.
        custom: Names of custom attributes that the selection states.
        personal_data: False: content is taken only where it is ticked itself, and nothing unknown is kept.
    """

    fields: tuple[Field, ...]
    columns: tuple[Field, ...]
    custom: Mapping[str, bool]
    personal_data: bool

    @property
    def takes_every_custom_name(self) -> bool:
        """Whether no custom attribute is left out by its name."""
        return self.personal_data and all(self.custom.values())

    def shows_custom(self, name: str) -> bool:
        """Whether a custom attribute of this name may be taken at all."""
        if name in self.custom or self.personal_data:
            return self.custom.get(name, True)
        return name.endswith(tuple(_IMPERSONAL))

    def takes_custom(self, name: str, value: JsonValue) -> bool:
        """Whether a custom attribute is taken: by its name; without personal data its value must keep to it, too."""
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
    """Decide what a table takes.

    Args:
        fields: All columns of the table.
        selection: True, False, or a map from columns to what is selected below them; an absent column is selected.
        personal_data: False: a field marked as content is selected only if the map says True for itself. Of the
            column `custom`, attributes whose names end like those of text are taken only if the map names them.
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
    """Keep the columns that a table will have; see `choose`."""
    return choose(fields, selection, personal_data=personal_data).columns


def _decide(field: Field, selection: Selection, *, personal_data: bool) -> Field:
    """Mark a field, and those below it; `selection` is that of the level above."""
    chosen = part(selection, field.name)
    is_ticked = isinstance(selection, Mapping) and selection.get(field.name) is True
    if chosen is not False and field.personal is Personal.CONTENT and not field.is_custom:
        chosen = personal_data or is_ticked
    below = tuple(_decide(inner, chosen, personal_data=personal_data) for inner in field.fields)
    return replace(field, fields=below, is_selected=chosen is not False)


def _keep_selected(fields: Sequence[Field]) -> tuple[Field, ...]:
    kept = (replace(field, fields=_keep_selected(field.fields)) for field in fields if field.is_selected)
    return tuple(field for field in kept if field.fields or field.type != "RECORD")


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


def list_content(fields: Sequence[Field]) -> frozenset[str]:
    """List the dotted paths that are marked as content."""
    return frozenset(".".join(path) for path, field in iter_paths(fields) if field.personal is Personal.CONTENT)


def to_json(fields: Sequence[Field]) -> list[dict[str, object]]:
    """Write the fields as BigQuery's API represents them: a schema file without its marks."""
    return [
        {"name": field.name, "type": field.type, "mode": field.mode, "description": field.description}
        | ({"fields": to_json(field.fields)} if field.fields else {})
        for field in fields
    ]


def schema_hash(fields: Sequence[Field]) -> str:
    """Digest names, types, modes and order into 12 hexadecimal digits; descriptions do not count."""
    shape = [(path, field.type, field.mode) for path, field in iter_paths(fields)]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:12]
