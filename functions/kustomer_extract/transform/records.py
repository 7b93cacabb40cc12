"""Compiles the selected columns of a table into one function: the bytes of a record in, the line of its row out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from msgspec import json

from kustomer_extract.models import Table
from kustomer_extract.schema import iter_paths
from kustomer_extract.transform.mismatches import Mismatches
from kustomer_extract.transform.reading import read_object
from kustomer_extract.transform.shapes import Shape
from kustomer_extract.transform.values import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kustomer_extract.models import Batch
    from kustomer_extract.schema import Choice, Field
    from kustomer_extract.transform.shapes import Made

Drift: TypeAlias = tuple[str, ...]
ALIASES: Mapping[tuple[Table, str], Mapping[str, str]] = {
    (Table.SATISFACTION, "attributes"): {"modified": "modifiedAt"},
}
"""Second names of fields. Kustomer's own sample of a survey has `modified` (docs/kustomer-api.md)."""

_MOST_LESSONS = 20
"""How often a table's types are made anew for unknown fields: each time keeps a megabyte. An API may make up names."""

_MOST_LEARNED = 100
"""How many of them are learned: each costs every record a look."""


class Transformed(NamedTuple):
    """The row of a record, and how the record differs from the schema.

    Attributes:
        line: The row as a line of JSON.
        drift: One JSON Pointer per difference, with ``*`` for array indices: ``/attributes/tags/*``. Where
            personal data is left out, ``(type)`` follows the pointer of an unknown field.
        custom_names: Names of the custom attributes of the record.
    """

    line: bytes
    drift: Drift
    custom_names: tuple[str, ...]


class Transform:
    """A compiled transform of a table's records.

    Args:
        choice: A deselected field reaches neither the row nor `_rescued`.
        table: Decides which constant `type` a record gets and which second names its fields have.
        batch: The run, the same for all rows.
    """

    def __init__(self, choice: Choice, *, table: Table, batch: Batch) -> None:
        self._choice = choice
        self._type = table.record_type
        self._aliases: dict[tuple[str, ...], Mapping[str, str]] = {
            (name,): names for (of, name), names in ALIASES.items() if of is table
        }
        self._fields = [
            _with_aliases(field, self._aliases.get((field.name,), {}))
            for field in choice.fields
            if not field.name.startswith("_")
        ]
        self._paths = dict(iter_paths(self._fields))
        self._keeps_rescued = any(field.name == "_rescued" for field in choice.columns)
        self._encode = json.Encoder().encode
        stamp = {"_batch_id": batch.run_id, "_batch_runtime": to_rfc3339(batch.started_at)}
        self._end = b",%b\n" % self._encode(stamp)[1:]
        self._learned: dict[tuple[str, ...], dict[str, str]] = {}
        self._compilations = 0
        self._made: dict[object, Made] = {}
        self._shape: Shape | None = None

    def _compile(self) -> Shape:
        """Make the types; for a first record only, because that takes longer than an empty table."""
        self._compilations += 1
        self._shape = Shape(self._fields, self._choice, learned=self._learned, aliases=self._aliases, made=self._made)
        self._decode = json.Decoder(self._shape.struct).decode
        return self._shape

    def __call__(self, record: bytes) -> Transformed:
        """Turn one API object into one row of its table, and say what did not fit.

        From ``{"id": str, "type": str, "attributes": {"createdAt": ISO 8601, ...}, "relationships": {...}}``
        to   ``{"id": str, "type": str, "attributes": [{"createdAt": RFC 3339 UTC, ...}], ...,
        "_rescued": {JSON Pointer: value}, "_batch_id": str, "_batch_runtime": RFC 3339 UTC}``,
        keys in schema order; absent values are left out.

        Args:
            record: One element of the response's ``data`` list; its ``id`` is a non-empty string, or an integer.

        Raises:
            BrokenPage: It is nested so deeply that Python cannot read it.
        """
        shape = self._shape or self._compile()
        mismatches = Mismatches(self._paths, self._choice)
        try:
            row: Any = self._decode(record)
        except (ValueError, RecursionError):
            read = read_object(record)
            typed = read if read.get("type") is not None else {**read, "type": self._type}
            row = shape.repair(typed, None, mismatches)
        else:
            if row.type is None:
                row.type = self._type
        shape.finish(row, None, mismatches)
        rescued = b""
        if mismatches.rescued and self._keeps_rescued:
            rescued = b',"_rescued":%b' % self._encode(mismatches.rescued)
        if mismatches.new:
            self._learn(mismatches.new)
        line = b"".join((self._encode(row)[:-1], rescued, self._end))
        return Transformed(line, tuple(mismatches.drift), tuple(mismatches.custom_names))

    def _learn(self, new: Sequence[tuple[tuple[str, ...], str]]) -> None:
        """Let msgspec accept unknown fields from now on; `Shape.finish` rescues them."""
        fresh = [
            (path, name)
            for path, name in dict.fromkeys(new)
            if name not in self._learned.get(path, {}).values()
            and name.isprintable()
            and '"' not in name
            and "\\" not in name  # msgspec has no such names
        ]
        count = sum(map(len, self._learned.values()))
        if fresh and self._compilations <= _MOST_LESSONS and count < _MOST_LEARNED:
            for path, name in fresh[: _MOST_LEARNED - count]:
                names = self._learned.setdefault(path, {})
                names[f"unknown_{len(names)}"] = name
            self._compile()


def _with_aliases(field: Field, aliases: Mapping[str, str]) -> Field:
    """Add a field for each second name of a field of a RECORD."""
    others = (
        replace(inner, name=alias) for alias, name in aliases.items() for inner in field.fields if inner.name == name
    )
    return replace(field, fields=(*field.fields, *others))
