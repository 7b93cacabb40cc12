"""Compiles the selected columns of a table into one function that converts its records.

Every column becomes a function. It takes a value and its place in the record, and returns the value for the row, or
None for "no value". A value that does not fit goes to `Mismatches`: nothing is lost, and nothing raises.
Longer than 200 lines, because each kind of column is one small function, and they call each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, cast

from kustomer_extract.models import JsonObject, JsonValue, Table
from kustomer_extract.schema import iter_paths
from kustomer_extract.transform.mismatches import Mismatches, Place
from kustomer_extract.transform.values import (
    CONVERTERS,
    INTEGER_AS_TEXT,
    Convert,
    convert_id,
    parse_timestamp,
    to_rfc3339,
    to_utc,
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
"""Second names of fields. Kustomer's own sample of a survey has `modified` (docs/kustomer-api.md)."""

CHANNEL_COUNT = ("channel", "count")
"""The fields of an array that the API sends as an object: ``{"email": 2}`` → ``[{"channel": "email", "count": 2}]``."""

_UNSET: tuple[JsonValue, ...] = ([], "")
"""The API sends these in place of an object that has no value (docs/kustomer-api.md)."""

_PLAIN = {"STRING": str, "INTEGER": int, "FLOAT": float, "BOOLEAN": bool, "TIMESTAMP": str}
"""The Python types of usual values. They go into the row without a call of their converter, and most unchanged."""

_SINGLE = {"STRING": str, "RECORD": dict}
"""Where the API sends one value instead of an array, a value of this type becomes an array of one."""


class Transformed(NamedTuple):
    """The row of a record, and how the record differs from the schema.

    Attributes:
        drift: One JSON Pointer per difference, with ``*`` for array indices: ``/attributes/tags/*``. Where
            personal data is left out, ``(type)`` follows the pointer of an unknown field.
        custom_names: Names of the custom attributes of the record.
    """

    row: Row
    drift: Drift
    custom_names: tuple[str, ...]


class ToRow(Protocol):
    """A compiled transform."""

    def __call__(self, record: JsonObject, *, batch: Batch) -> Transformed:
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
        choice: A deselected field reaches neither the row nor `_rescued`.
        table: Decides which constant `type` a record gets and which second names its fields have.
    """
    aliases = {name: names for (of, name), names in ALIASES.items() if of is table}
    fields = [
        _with_aliases(field, aliases.get(field.name, {})) for field in choice.fields if not field.name.startswith("_")
    ]
    converters = {
        field.name: _column(field, choice, aliases.get(field.name, {})) for field in fields if field.is_selected
    }
    convert = _object(fields, converters | {"id": convert_id})
    paths = dict(iter_paths(fields))
    keeps_rescued = any(field.name == "_rescued" for field in choice.columns)

    def to_row(record: JsonObject, *, batch: Batch) -> Transformed:
        if record.get("type") is None:
            record = {**record, "type": table.record_type}
        mismatches = Mismatches(paths, personal_data=choice.personal_data)
        row = cast("Row", convert(record, None, mismatches) or {})
        if mismatches.rescued and keeps_rescued:
            row["_rescued"] = mismatches.rescued
        row["_batch_id"] = batch.run_id
        row["_batch_runtime"] = to_rfc3339(batch.started_at)
        return Transformed(row, tuple(mismatches.drift), tuple(mismatches.custom_names))

    return to_row


def read_created_at(record: JsonObject) -> datetime | None:
    """Read `attributes.createdAt` of a record; None if it is missing or not a timestamp."""
    attributes = record.get("attributes")
    created_at = attributes.get("createdAt") if isinstance(attributes, dict) else None
    return parse_timestamp(created_at) if isinstance(created_at, str) else None


def _with_aliases(field: Field, aliases: Mapping[str, str]) -> Field:
    """Add a field for each second name of a field of a RECORD."""
    others = (
        replace(inner, name=alias) for alias, name in aliases.items() for inner in field.fields if inner.name == name
    )
    return replace(field, fields=(*field.fields, *others))


def _column(field: Field, choice: Choice, aliases: Mapping[str, str]) -> Convert:
    """Compile a selected column or field; `aliases` are second names of the fields directly below it."""
    converters = {inner.name: _column(inner, choice, {}) for inner in field.fields if inner.is_selected}
    if field.is_custom:
        convert = _custom(choice)
    else:
        convert = _object(field.fields, converters) if field.fields else CONVERTERS[field.type]
    if aliases:
        convert = _merge_aliases(convert, aliases)
    if field.mode == "REPEATED":
        convert = _array(convert, single=_SINGLE.get(field.type))
    is_count = tuple(inner.name for inner in field.fields) == CHANNEL_COUNT
    return _channel_counts(field.fields, converters, convert) if is_count else convert


def _object(fields: Sequence[Field], converters: Mapping[str, Convert]) -> Convert:
    """Compile an object. The converted object has its fields in schema order."""
    known = {field.name for field in fields}
    columns: list[tuple[str, Any, bool, Convert]] = [  # name, type of usual values, whether it is a time, converter
        (
            field.name,
            _PLAIN.get(field.type) if field.mode != "REPEATED" else None,
            field.type == "TIMESTAMP",
            converters[field.name],
        )
        for field in fields
        if field.is_selected
    ]

    def convert(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
        if not isinstance(value, dict):
            if value not in _UNSET:
                mismatches.rescue(value, place)
            return None
        row: Row = {}
        known_members = 0
        for name, plain, is_time, convert_field in columns:
            item = value.get(name)
            if item is None:
                continue
            known_members += 1
            fitted = None
            if type(item) is plain and (
                item.isascii() if plain is str else plain is bool or -INTEGER_AS_TEXT < item < INTEGER_AS_TEXT
            ):
                fitted = to_utc(item) if is_time else item
            if fitted is None:
                fitted = convert_field(item, (place, name), mismatches)
            if fitted is not None:
                row[name] = fitted
        if known_members < len(value):  # the other members are unknown, deselected, or null
            mismatches.rescue_unknown(value, known, place)
        return row or None

    return convert


def _merge_aliases(convert: Convert, aliases: Mapping[str, str]) -> Convert:
    """Use the value of an alias where its field has none. If both have different values, rescue that of the alias."""

    def convert_and_merge(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
        row = convert(value, place, mismatches)
        for alias, name in aliases.items():
            if isinstance(row, dict) and alias in row:
                fitted = row.pop(alias)
                if row.setdefault(name, fitted) != fitted:
                    mismatches.rescue(cast("JsonObject", value)[alias], (place, alias))
        return row

    return convert_and_merge


def _custom(choice: Choice) -> Convert:
    """Compile the column of custom attributes: collect their names, and leave out those that are deselected."""
    convert_json = CONVERTERS["JSON"]

    def convert(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
        if isinstance(value, dict):
            mismatches.custom_names.extend(
                f"{name}[]" if isinstance(item, list) else name for name, item in value.items()
            )
            if not choice.takes_every_custom_name:
                value = {name: item for name, item in value.items() if choice.takes_custom(name, item)}
        elif not choice.takes_every_custom_name:
            mismatches.count(place)
            return None
        return convert_json(value, place, mismatches)

    return convert


def _array(convert_item: Convert, *, single: type | None) -> Convert:
    """Compile an array. A value of type `single` that came instead of an array becomes an array of one."""

    def convert(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
        if isinstance(value, list):
            if not value:
                return None
            if single is str and all([type(item) is str and item.isascii() for item in value]):  # noqa: C419 - faster
                return value
            items = [convert_item(item, (place, at), mismatches) for at, item in enumerate(value) if item is not None]
            return [item for item in items if item is not None] or None
        if single and isinstance(value, single):
            item = convert_item(value, place, mismatches)
            return None if item is None else [item]
        if single is not dict or value not in _UNSET:
            mismatches.rescue(value, place)
        return None

    return convert


def _channel_counts(fields: Sequence[Field], converters: Mapping[str, Convert], convert_array: Convert) -> Convert:
    """Compile an array that the API sends as an object, one member for each element; see `CHANNEL_COUNT`."""
    taken = [(field.name, converters[field.name]) for field in fields if field.is_selected]

    def convert(value: JsonValue, place: Place, mismatches: Mismatches) -> JsonValue:
        if not isinstance(value, dict):
            return convert_array(value, place, mismatches)
        rows = []
        for channel, count in value.items():
            member = {"channel": channel, "count": count}
            items = {
                name: to(member[name], (place, channel), mismatches) for name, to in taken if member[name] is not None
            }
            rows.append({name: item for name, item in items.items() if item is not None})
        return [row for row in rows if row] or None

    return convert
