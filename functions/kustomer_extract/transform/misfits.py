"""What a record holds and its row cannot: the row's `_rescued` column, and the drift of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from kustomer_extract.transform.mending import mend, mend_text, to_unused

if TYPE_CHECKING:
    from collections.abc import Container

    from kustomer_extract.models import JsonObject, JsonValue

Place: TypeAlias = "tuple[Place, str | int] | None"
"""Where a value stands: the place of its parent, and its key or index there. None: the record itself."""


class Misfits:
    """The misfits of one record, as converters report them.

    Attributes:
        rescued: JSON Pointer (RFC 6901) → value as it came.
        drift: A pointer per difference from the schema, with ``*`` for indices.
    """

    __slots__ = ("drift", "rescued")

    def __init__(self) -> None:
        self.rescued: dict[str, JsonValue] = {}
        self.drift: list[str] = []

    def rescue(self, value: JsonValue, place: Place) -> None:
        """Keep a value that has no column, or does not fit it."""
        self.note(place)
        self.rescued[to_unused(_to_pointer(place), self.rescued)] = mend(value, _ignore)

    def rescue_unknown(self, members: JsonObject, known: Container[str], place: Place) -> None:
        """Keep the members of an object that it should not have, unless they hold nothing."""
        for name, value in members.items():
            if name not in known and not _holds_nothing(value):
                self.rescue(value, (place, name))

    def note(self, place: Place) -> None:
        """Count a difference whose value is in the row all the same."""
        self.drift.append(_to_pointer(place, index="*"))


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
