"""What a table takes of its schema → one converter for all records of a table.

Every column becomes a function that takes a value and its place in the record, and returns the value for the row, or
None for "no value". What does not fit goes to `Misfits`: nothing is lost, and nothing raises.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, cast

from kustomer_extract.models import JsonObject, JsonValue, Table
from kustomer_extract.schema import iter_paths
from kustomer_extract.transform.misfits import Misfits, Place
from kustomer_extract.transform.values import (
    CONVERTERS,
    INTEGER_AS_TEXT,
    Convert,
    convert_id,
    parse_timestamp,
    to_rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kustomer_extract.models import Batch
    from kustomer_extract.schema import Choice, Field

Row: TypeAlias = dict[str, JsonValue]
Drift: TypeAlias = tuple[str, ...]
ALIASES: Mapping[tuple[Table, str], Mapping[str, str]] = {
    (Table.SATISFACTION, "attributes"): {"modified": "modifiedAt"},
}
"""Other names of a column's fields: Kustomer's own sample of a survey has `modified` (docs/kustomer-api.md)."""

CHANNEL_COUNT = ("channel", "count")
"""The fields of an array that the API sends as an object: ``{"email": 2}`` → ``[{"channel": "email", "count": 2}]``."""

_UNSET: tuple[JsonValue, ...] = ([], "")
"""What the API sends in place of an object that has no value (docs/kustomer-api.md)."""

_PLAIN = {"STRING": str, "INTEGER": int, "FLOAT": float, "BOOLEAN": bool}
"""Python's types of the values that mostly go into the row as they are."""

_LONE = {"STRING": str, "RECORD": dict}


class Fitted(NamedTuple):
    """What became of a record.

    Attributes:
        drift: A JSON Pointer per misfit with ``*`` for array indices, for example ``/attributes/tags/*``; where
            personal data is left out, ``(type)`` follows it if the field is unknown.
        custom_names: Of the custom attributes that the record has.
    """

    row: Row
    drift: Drift
    custom_names: tuple[str, ...]


class ToRow(Protocol):
    """A compiled transform."""

    def __call__(self, record: JsonObject, *, batch: Batch) -> Fitted:
        """Turn one API object into one row of its table, and say what did not fit.

        From ``{"id": str, "type": str, "attributes": {"createdAt": ISO 8601, ...}, "relationships": {...}}``
        to   ``{"id": str, "type": str, "attributes": [{"createdAt": RFC 3339 UTC, ...}], ...,
        "_rescued": {JSON Pointer: value}, "_batch_id": str, "_batch_runtime": RFC 3339 UTC}``,
        keys in schema order; absent values are left out.

        Args:
            record: One element of the response's ``data`` list; its ``id`` is a non-empty string, or an integer.
            batch: Run id and start of the run (UTC), the same for every row of the run.
        """


def compile_transform(choice: Choice, *, table: Table) -> ToRow:
    """Prepare the conversion of a table's records.

    Args:
        choice: What it leaves out reaches neither the row nor `_rescued`.
        table: Decides on the constant `type` and on aliases.
    """
    aliases = {name: names for (of, name), names in ALIASES.items() if of is table}
    fields = [
        _with_aliases(field, aliases.get(field.name, {})) for field in choice.fields if not field.name.startswith("_")
    ]
    converters = {field.name: _column(field, choice, aliases.get(field.name, {})) for field in fields}
    convert = _object(fields, converters | {"id": convert_id})
    paths = dict(iter_paths(fields))
    keeps_rescued = any(field.name == "_rescued" for field in choice.columns)

    def to_row(record: JsonObject, *, batch: Batch) -> Fitted:
        if record.get("type") is None:
            record = {**record, "type": table.record_type}
        misfits = Misfits(paths, personal_data=choice.personal_data)
        row = cast("Row", convert(record, None, misfits) or {})
        if misfits.rescued and keeps_rescued:
            row["_rescued"] = misfits.rescued
        row["_batch_id"] = batch.run_id
        row["_batch_runtime"] = to_rfc3339(batch.started_at)
        return Fitted(row, tuple(misfits.drift), tuple(misfits.custom_names))

    return to_row


def read_created_at(record: JsonObject) -> datetime | None:
    """Read `attributes.createdAt` of a record; None where it is missing or no timestamp."""
    attributes = record.get("attributes")
    created_at = attributes.get("createdAt") if isinstance(attributes, dict) else None
    return parse_timestamp(created_at) if isinstance(created_at, str) else None


def _with_aliases(field: Field, aliases: Mapping[str, str]) -> Field:
    """Add the other names of the fields of a RECORD, as fields of their own."""
    others = (
        replace(inner, name=alias) for alias, name in aliases.items() for inner in field.fields if inner.name == name
    )
    return replace(field, fields=(*field.fields, *others))


def _column(field: Field, choice: Choice, aliases: Mapping[str, str]) -> Convert:
    """Compile a column, or a field of one; `aliases` are other names of the fields directly below it."""
    converters = {inner.name: _column(inner, choice, {}) for inner in field.fields}
    if field.is_custom:
        convert = _custom(choice)
    else:
        convert = _object(field.fields, converters) if field.fields else CONVERTERS[field.type]
    if aliases:
        convert = _merge_aliases(convert, aliases)
    if field.mode == "REPEATED":
        convert = _array(convert, lone=_LONE.get(field.type))
    return _channel_counts(field.fields, converters, convert) if tuple(converters) == CHANNEL_COUNT else convert


def _object(fields: Sequence[Field], converters: Mapping[str, Convert]) -> Convert:
    """Compile an object; its row has the fields in their order."""
    known = {field.name for field in fields}
    columns: list[tuple[str, Any, Convert]] = [  # a name, the type of what is taken as it is, the converter
        (field.name, _PLAIN.get(field.type) if field.mode != "REPEATED" else None, converters[field.name])
        for field in fields
        if field.is_selected
    ]

    def convert(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        if not isinstance(value, dict):
            if value not in _UNSET:
                misfits.rescue(value, place)
            return None
        row: Row = {}
        met = 0
        for name, plain, convert_field in columns:
            item = value.get(name)
            if item is None:
                continue
            met += 1
            if type(item) is plain and (
                item.isascii() if plain is str else plain is bool or -INTEGER_AS_TEXT < item < INTEGER_AS_TEXT
            ):
                row[name] = item
                continue
            fitted = convert_field(item, (place, name), misfits)
            if fitted is not None:
                row[name] = fitted
        if met < len(value):  # the others are unknown, deselected, or null
            misfits.rescue_unknown(value, known, place)
        return row or None

    return convert


def _merge_aliases(convert: Convert, aliases: Mapping[str, str]) -> Convert:
    """Let an alias stand in for its field; where both have values, and different ones, rescue the alias's."""

    def convert_and_merge(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        row = convert(value, place, misfits)
        for alias, name in aliases.items():
            if isinstance(row, dict) and alias in row:
                fitted = row.pop(alias)
                if row.setdefault(name, fitted) != fitted:
                    misfits.rescue(cast("JsonObject", value)[alias], (place, alias))
        return row

    return convert_and_merge


def _custom(choice: Choice) -> Convert:
    """Compile the organisation's own attributes: their names are noted, and some of them may be left out."""
    convert_json = CONVERTERS["JSON"]

    def convert(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        if isinstance(value, dict):
            misfits.custom_names.extend(f"{name}[]" if isinstance(item, list) else name for name, item in value.items())
            if not choice.takes_every_custom_name:
                value = {name: item for name, item in value.items() if choice.takes_custom(name, item)}
        elif not choice.takes_every_custom_name:
            misfits.note(place)
            return None
        return convert_json(value, place, misfits)

    return convert


def _array(convert_item: Convert, *, lone: type | None) -> Convert:
    """Compile an array; a value of type `lone` becomes an array of one."""

    def convert(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        if isinstance(value, list):
            items = [convert_item(item, (place, at), misfits) for at, item in enumerate(value) if item is not None]
            return [item for item in items if item is not None] or None
        if lone and isinstance(value, lone):
            item = convert_item(value, place, misfits)
            return None if item is None else [item]
        if lone is not dict or value not in _UNSET:
            misfits.rescue(value, place)
        return None

    return convert


def _channel_counts(fields: Sequence[Field], converters: Mapping[str, Convert], convert_array: Convert) -> Convert:
    """Compile an array whose elements the API sends as the members of an object."""
    taken = [(field.name, converters[field.name]) for field in fields if field.is_selected]

    def convert(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        if not isinstance(value, dict):
            return convert_array(value, place, misfits)
        rows = []
        for channel, count in value.items():
            member = {"channel": channel, "count": count}
            items = {
                name: to(member[name], (place, channel), misfits) for name, to in taken if member[name] is not None
            }
            rows.append({name: item for name, item in items.items() if item is not None})
        return [row for row in rows if row] or None

    return convert
