"""What a record holds and its row cannot: the row's `_rescued` column, and the drift of the job."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from kustomer_extract.transform.mending import mend, mend_text, to_unused

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from kustomer_extract.models import JsonObject, JsonValue

Place: TypeAlias = "tuple[Place, str | int] | None"
"""Where a value stands: the place of its parent, and its key or index there. None: the record itself."""


class Misfits:
    """The misfits of one record, as converters report them.

    Attributes:
        rescued: JSON Pointer (RFC 6901) → value as it came.
        drift: A pointer per difference from the schema, with ``*`` for indices.
        custom_names: Of custom attributes.

    Args:
        keeps_unknown: False: of unknown fields the path and the type are counted, and of known ones single values
            are kept, or arrays of them, but no objects: these have unknown fields of their own.
    """

    __slots__ = ("_keeps_known", "_keeps_unknown", "custom_names", "drift", "rescued")

    def __init__(self, *, keeps_unknown: bool) -> None:
        self._keeps_known = True
        self._keeps_unknown = keeps_unknown
        self.rescued: dict[str, JsonValue] = {}
        self.drift: list[str] = []
        self.custom_names: list[str] = []

    def rescue(self, value: JsonValue, place: Place) -> None:
        """Keep a value that does not fit its column."""
        self.note(place)
        if self._keeps_known and (self._keeps_unknown or not _has_objects(value)):
            self.rescued[to_unused(_to_pointer(place), self.rescued)] = mend(value, _ignore)

    def reject(self, value: JsonValue, place: Place, *, keeps: bool) -> None:
        """Rescue a value, or only count it."""
        if keeps:
            self.rescue(value, place)
        else:
            self.note(place)

    def rescue_unknown(self, members: JsonObject, known: Container[str], place: Place) -> None:
        """Keep the members of an object that it should not have, unless they hold nothing."""
        for name, value in members.items():
            if name in known or _holds_nothing(value):
                continue
            if self._keeps_unknown:
                self.rescue(value, (place, name))
            else:
                self.drift.append(f"{_to_pointer((place, name), index='*')} ({_to_type(value)})")

    def note(self, place: Place) -> None:
        """Count a difference whose value is in the row all the same."""
        self.drift.append(_to_pointer(place, index="*"))

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Keep nothing for a while: only count."""
        before, self._keeps_known = self._keeps_known, False
        try:
            yield
        finally:
            self._keeps_known = before


def _to_type(value: JsonValue) -> str:
    """Name the type as JSON does."""
    names = {str: "string", bool: "boolean", int: "number", float: "number", list: "array"}
    return names.get(type(value), "object")


def _has_objects(value: JsonValue) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_has_objects, value)))


def _holds_nothing(value: JsonValue) -> bool:
    """Tell whether a value is null, empty, or made of such values alone, at any depth."""
    values = [value]
    for item in values:  # grows while it is read
        if isinstance(item, dict | list):
            values.extend(item.values() if isinstance(item, dict) else item)
        elif item is not None and item != "":
            return False
    return True


def _ignore() -> None:
    """Count nothing: a rescued value has been counted already."""


def _to_pointer(place: Place, *, index: str | None = None) -> str:
    steps = []
    while place is not None:
        place, step = place
        steps.append(step.replace("~", "~0").replace("/", "~1") if isinstance(step, str) else index or str(step))
    return mend_text("".join(f"/{step}" for step in reversed(steps)), _ignore)
