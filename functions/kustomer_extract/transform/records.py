"""What a table takes of its schema → one converter for all records of a table.

Every column becomes a function that takes a value and its place in the record, and returns the value for the row, or
None for "no value". What does not fit goes to `Misfits`: nothing is lost, and nothing raises.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, cast

from kustomer_extract.models import JsonObject, JsonValue, Table
from kustomer_extract.transform.misfits import Misfits, Place
from kustomer_extract.transform.values import CONVERTERS, Convert, convert_id, convert_text, parse_timestamp, to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    converters: dict[str, Convert] = {}
    for field in choice.fields:
        if field.name == "id":
            converters["id"] = convert_id
        elif not field.name.startswith("_"):
            converters[field.name] = _column(field, choice, ALIASES.get((table, field.name), {}))
    convert = _record(converters, {field.name: field for field in choice.fields if field.name in converters})
    keeps_rescued = any(field.name == "_rescued" for field in choice.columns)

    def to_row(record: JsonObject, *, batch: Batch) -> Fitted:
        if record.get("type") is None:
            record = {**record, "type": table.record_type}
        misfits = Misfits(keeps_unknown=choice.personal_data)
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


def _column(field: Field, choice: Choice, aliases: Mapping[str, str] = MappingProxyType({})) -> Convert:
    """Compile a column, or a field of one; `aliases` are other names of the fields directly below it."""
    if not field.is_selected:
        return _drop
    keeps = choice.personal_data or not field.holds_content
    if field.type == "RECORD":
        return _object(field, choice, aliases, keeps=keeps)
    return _value(field, choice) if keeps else _count_only(_value(field, choice))


def _value(field: Field, choice: Choice) -> Convert:
    convert = CONVERTERS[field.type]
    if field.is_custom:
        return _custom(convert, choice)
    lone = str if field.type == "STRING" else None
    return _array(convert, {}, lone=lone) if field.mode == "REPEATED" else convert


def _object(field: Field, choice: Choice, aliases: Mapping[str, str], *, keeps: bool) -> Convert:
    fields = {inner.name: inner for inner in field.fields}
    fields |= {alias: fields[name] for alias, name in aliases.items()}
    converters = {key: _column(inner, choice) for key, inner in fields.items()}
    convert = _record(converters, fields, keeps=keeps)
    if aliases:
        convert = _with_aliases(convert, aliases)
    if field.mode != "REPEATED":
        return convert
    convert = _array(convert, fields, lone=dict, keeps=keeps)
    return _channel_counts(converters, convert) if tuple(fields) == CHANNEL_COUNT else convert


def _count_only(convert: Convert) -> Convert:
    """Compile a column whose misfits may hold what customers wrote: none is kept."""

    def convert_and_count(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        with misfits.counting():
            return convert(value, place, misfits)

    return convert_and_count


def _custom(convert: Convert, choice: Choice) -> Convert:
    """Compile the organisation's own attributes: their names are noted, and some of them may be left out."""

    def convert_custom(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        if isinstance(value, dict):
            misfits.custom_names.extend(f"{name}[]" if isinstance(item, list) else name for name, item in value.items())
            if not choice.takes_every_custom_name:
                value = {name: item for name, item in value.items() if choice.takes_custom(name, item)}
        elif not choice.takes_every_custom_name:
            misfits.note(place)
            return None
        return convert(value, place, misfits)

    return convert_custom


def _drop(_value: JsonValue, _place: Place, _misfits: Misfits) -> JsonValue:
    """Convert a deselected field: to nothing."""
    return None


def _record(converters: Mapping[str, Convert], fields: Mapping[str, Field], *, keeps: bool = True) -> Convert:
    """Compile an object.

    Args:
        converters: In the order that its row will have.
        fields: Those of the same names.
        keeps: Whether what comes in its place is rescued, not only counted.
    """
    columns = tuple((name, convert_field is convert_text, convert_field) for name, convert_field in converters.items())

    def convert(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        if not isinstance(value, dict):
            if value not in _UNSET:
                misfits.reject(_prune(value, fields), place, keeps=keeps)
            return None
        row: Row = {}
        known = 0
        for name, is_text, convert_field in columns:
            item = value.get(name)
            if item is None:
                continue
            known += 1
            if is_text and type(item) is str and item.isascii():  # every other value is: spare it the call
                row[name] = item
                continue
            fitted = convert_field(item, (place, name), misfits)
            if fitted is not None:
                row[name] = fitted
        if known < len(value):  # the others are unknown, or null
            misfits.rescue_unknown(value, fields, place)
        return row or None

    return convert


def _with_aliases(convert: Convert, aliases: Mapping[str, str]) -> Convert:
    """Let an alias stand in for its column; where both have values, and different ones, rescue the alias's."""

    def convert_either(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        row = convert(value, place, misfits)
        for alias, name in aliases.items():
            if isinstance(row, dict) and alias in row:
                fitted = row.pop(alias)
                if row.setdefault(name, fitted) != fitted:
                    misfits.rescue(cast("JsonObject", value)[alias], (place, alias))
        return row

    return convert_either


def _array(convert_item: Convert, fields: Mapping[str, Field], *, lone: type | None, keeps: bool = True) -> Convert:
    """Compile an array; a value of type `lone` becomes an array of one."""

    def convert(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        if isinstance(value, list):
            items = []
            for index, item in enumerate(value):
                if item is not None:
                    fitted = convert_item(item, (place, index), misfits)
                    if fitted is not None:
                        items.append(fitted)
            return items or None
        if lone and isinstance(value, lone):
            fitted = convert_item(value, place, misfits)
            return None if fitted is None else [fitted]
        if lone is not dict or value not in _UNSET:
            misfits.reject(_prune(value, fields), place, keeps=keeps)
        return None

    return convert


def _channel_counts(converters: Mapping[str, Convert], convert_array: Convert) -> Convert:
    """Compile an array whose elements the API sends as the members of an object."""
    convert_channel, convert_count = (converters[name] for name in CHANNEL_COUNT)

    def convert(value: JsonValue, place: Place, misfits: Misfits) -> JsonValue:
        if not isinstance(value, dict):
            return convert_array(value, place, misfits)
        rows: list[Row] = []
        for channel, count in value.items():
            here = (place, channel)
            row = {"channel": convert_channel(channel, here, misfits)}
            if count is not None:
                row["count"] = convert_count(count, here, misfits)
            rows.append({name: fitted for name, fitted in row.items() if fitted is not None})
        return [row for row in rows if row] or None

    return convert


def _prune(value: JsonValue, fields: Mapping[str, Field]) -> JsonValue:
    """Take deselected fields out of a value that is about to be rescued in place of a RECORD."""
    if isinstance(value, list):
        return [_prune(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if key not in fields or fields[key].is_selected}
    return {key: _prune(item, _below(fields, key)) for key, item in kept.items()}


def _below(fields: Mapping[str, Field], key: str) -> Mapping[str, Field]:
    return {inner.name: inner for inner in fields[key].fields} if key in fields else {}
