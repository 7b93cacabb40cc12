"""Collects the values of a record that fit no column: for the row's `_rescued` column, and for the drift of the job."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from kustomer_extract.transform.storable import MAX_NESTING, to_storable, to_storable_text, to_unused_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kustomer_extract.models import JsonValue
    from kustomer_extract.schema import Choice, Field

Place: TypeAlias = "tuple[Place, str | int] | None"
"""Where a value is in the record: the place of its parent, and its key or index there. None: the record itself."""

_NAMES = {str: "string", bool: "boolean", int: "number", float: "number", list: "array"}


class Mismatches:
    """The differences between one record and the schema, as the converters report them.

    Attributes:
        rescued: JSON Pointer (RFC 6901) → the value as it came, without its deselected fields.
        drift: One JSON Pointer per difference, with ``*`` for array indices.
        custom_names: Names of the custom attributes of the record.
        new: Unknown fields that msgspec refused: the path of the RECORD, and the field's name.

    Args:
        paths: All fields of the schema.
        choice: Without personal data an unknown field is counted with its path and type, and its value is not kept. A
            known field without content keeps single values and arrays of them, but no objects: an object may have
            unknown fields.
    """

    __slots__ = ("_choice", "_paths", "custom_names", "drift", "new", "rescued")

    def __init__(self, paths: Mapping[tuple[str, ...], Field], choice: Choice) -> None:
        self._paths = paths
        self._choice = choice
        self.rescued: dict[str, JsonValue] = {}
        self.drift: list[str] = []
        self.custom_names: list[str] = []
        self.new: list[tuple[tuple[str, ...], str]] = []

    def rescue(self, value: JsonValue, place: Place, *, is_storable: bool = False) -> None:
        """Keep a value that does not fit its column. What msgspec has accepted is storable."""
        pointer, counted, path = _read_place(place)
        field = self._paths.get(path)
        if not self._choice.personal_data and field is None:
            self.drift.append(f"{counted} ({_NAMES.get(type(value), 'object')})")
            return
        self.drift.append(counted)
        if self._choice.personal_data or not (field is None or field.holds_content or _has_objects(value)):
            kept = _prune(value, field.fields, self._choice) if field and field.fields else value
            self.rescued[to_unused_name(pointer, self.rescued)] = kept if is_storable else to_storable(kept, _ignore)

    def rescue_new(self, path: tuple[str, ...], name: str, value: JsonValue, around: Place) -> None:
        """Keep a field that msgspec refused, because the schema does not know it; `path` is that of its RECORD."""
        self.new.append((path, name))
        self.rescue_unknown(value, (around, name))

    def rescue_unknown(self, value: JsonValue, place: Place, *, is_storable: bool = False) -> None:
        """Keep a field that the schema does not know, unless it holds nothing."""
        if not _holds_nothing(value):
            self.rescue(value, place, is_storable=is_storable)

    def count(self, place: Place) -> None:
        """Count a difference whose value was converted and is in the row."""
        self.drift.append(_read_place(place)[1])


def _holds_nothing(value: JsonValue) -> bool:
    """Tell whether a value is null or empty, or contains only such values, at any depth."""
    values = [value]
    for item in values:  # the list grows while it is read
        if isinstance(item, dict | list):
            values.extend(item.values() if isinstance(item, dict) else item)
        elif item is not None and item != "":
            return False
    return True


def _has_objects(value: JsonValue) -> bool:
    values = [value]
    for item in values:  # the list grows while it is read
        values.extend(item if isinstance(item, list) else ())
    return any(isinstance(item, dict) for item in values)


def _prune(value: JsonValue, fields: Sequence[Field], choice: Choice, nesting: int = 0) -> JsonValue:
    """Remove the deselected fields from a value that could not be converted, and what is nested too deeply to look."""
    if not fields or not isinstance(value, list | dict):
        return value
    if nesting > MAX_NESTING:
        return None
    if isinstance(value, list):
        return [_prune(item, fields, choice, nesting + 1) for item in value]
    known = {field.name: field for field in fields}
    kept = {key: item for key, item in value.items() if key not in known or _is_kept(known[key], choice)}
    return {
        key: _prune(item, known[key].fields if key in known else (), choice, nesting + 1) for key, item in kept.items()
    }


def _is_kept(field: Field, choice: Choice) -> bool:
    """Whether all of the field is selected: which custom attributes are is not looked at here."""
    return field.is_selected and (choice.takes_every_custom_name or not field.is_custom)


def _ignore() -> None:
    """Do nothing: a rescued value has been counted already."""


@lru_cache(maxsize=1_000)
def _read_place(place: Place) -> tuple[str, str, tuple[str, ...]]:
    """Return a place as a JSON Pointer, as a pointer with ``*`` for indices, and as the tuple of its field names."""
    steps: list[str | int] = []
    while place is not None:
        place, step = place
        steps.insert(0, step)
    escaped = [step.replace("~", "~0").replace("/", "~1") if isinstance(step, str) else step for step in steps]
    pointers = ("".join(f"/{step}" for step in escaped), "".join(f"/{_star(step)}" for step in escaped))
    pointer, counted = (to_storable_text(text, _ignore) for text in pointers)
    return pointer, counted, tuple(step for step in steps if isinstance(step, str))


def _star(step: str | int) -> str:
    return step if isinstance(step, str) else "*"
