"""What a record holds and its row cannot: the row's `_rescued` column, and the drift of the job."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from kustomer_extract.transform.mending import mend, mend_text, to_unused

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from kustomer_extract.models import JsonObject, JsonValue
    from kustomer_extract.schema import Field

Place: TypeAlias = "tuple[Place, str | int] | None"
"""Where a value stands: the place of its parent, and its key or index there. None: the record itself."""

_NAMES = {str: "string", bool: "boolean", int: "number", float: "number", list: "array"}


class Misfits:
    """The misfits of one record, as converters report them.

    Attributes:
        rescued: JSON Pointer (RFC 6901) → value as it came, without what is deselected in it.
        drift: A pointer per difference from the schema, with ``*`` for indices.
        custom_names: Of custom attributes.

    Args:
        paths: All fields that the schema knows.
        personal_data: False: of unknown fields, path and type are counted; of known ones without content, single
            values are kept, or arrays of them, but no objects: these have unknown fields of their own.
    """

    __slots__ = ("_paths", "_personal_data", "custom_names", "drift", "rescued")

    def __init__(self, paths: Mapping[tuple[str, ...], Field], *, personal_data: bool) -> None:
        self._paths = paths
        self._personal_data = personal_data
        self.rescued: dict[str, JsonValue] = {}
        self.drift: list[str] = []
        self.custom_names: list[str] = []

    def rescue(self, value: JsonValue, place: Place) -> None:
        """Keep a value that does not fit its column."""
        pointer, counted, path = _read_place(place)
        field = self._paths.get(path)
        if not self._personal_data and field is None:
            self.drift.append(f"{counted} ({_NAMES.get(type(value), 'object')})")
            return
        self.drift.append(counted)
        if self._personal_data or not (field is None or field.holds_content or _has_objects(value)):
            pruned = _prune(value, field.fields) if field and field.fields else value
            self.rescued[to_unused(pointer, self.rescued)] = mend(pruned, _ignore)

    def rescue_unknown(self, members: JsonObject, known: Container[str], place: Place) -> None:
        """Keep the members of an object that it should not have, unless they hold nothing."""
        for name, value in members.items():
            if name not in known and not _holds_nothing(value):
                self.rescue(value, (place, name))

    def note(self, place: Place) -> None:
        """Count a difference whose value is in the row all the same."""
        self.drift.append(_read_place(place)[1])


def _holds_nothing(value: JsonValue) -> bool:
    """Tell whether a value is null, empty, or made of such values alone, at any depth."""
    values = [value]
    for item in values:  # grows while it is read
        if isinstance(item, dict | list):
            values.extend(item.values() if isinstance(item, dict) else item)
        elif item is not None and item != "":
            return False
    return True


def _has_objects(value: JsonValue) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_has_objects, value)))


def _prune(value: JsonValue, fields: Sequence[Field]) -> JsonValue:
    """Take deselected fields out of a value that came in place of an object."""
    if isinstance(value, list):
        return [_prune(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    known = {field.name: field for field in fields}
    kept = {key: item for key, item in value.items() if key not in known or known[key].is_selected}
    return {key: _prune(item, known[key].fields if key in known else ()) for key, item in kept.items()}


def _ignore() -> None:
    """Count nothing: a rescued value has been counted already."""


@lru_cache(maxsize=1_000)
def _read_place(place: Place) -> tuple[str, str, tuple[str, ...]]:
    """Write a place as a pointer, and as one with ``*`` for indices; and list its names."""
    steps: list[str | int] = []
    while place is not None:
        place, step = place
        steps.insert(0, step)
    escaped = [step.replace("~", "~0").replace("/", "~1") if isinstance(step, str) else step for step in steps]
    pointers = ("".join(f"/{step}" for step in escaped), "".join(f"/{_star(step)}" for step in escaped))
    pointer, counted = (mend_text(text, _ignore) for text in pointers)
    return pointer, counted, tuple(step for step in steps if isinstance(step, str))


def _star(step: str | int) -> str:
    return step if isinstance(step, str) else "*"
