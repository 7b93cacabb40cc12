"""Makes a shape for each RECORD of a schema: the type of its objects for msgspec, their repair, and their finish.

msgspec accepts an object only if the schema has all its fields and every value fits. One that it refuses is repaired:
each value that does not fit is converted or rescued. Either is finished.
A little over 200 lines, because type, repair and finish of an object name the same fields.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from msgspec import Struct, defstruct

from kustomer_extract.transform.finish import Finish, compile_finish
from kustomer_extract.transform.judge import OPTIONAL_JSON, counts_channels, is_plain_array, to_attribute, to_type
from kustomer_extract.transform.values import CONVERTERS, Convert, convert_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kustomer_extract.models import JsonObject, JsonValue
    from kustomer_extract.schema import Choice, Field
    from kustomer_extract.transform.mismatches import Mismatches, Place

Path: TypeAlias = tuple[str, ...]
Names: TypeAlias = "Mapping[Path, Mapping[str, str]]"
"""Path of a RECORD → name → name, for some of its fields."""

_UNSET: tuple[JsonValue, ...] = ([], "")
"""The API sends these in place of an object that has no value (docs/kustomer-api.md)."""

_LONE = {"STRING": str, "RECORD": dict}
"""Where the API sends one value instead of an array, a value of this type becomes an array of one."""


class Made(NamedTuple):
    """What objects of the same form share.

    Attributes:
        struct: Their type, with one optional attribute for each field.
        empty: An object without values.
        finish: See `Shape.finish`; None if nothing need be taken out.
    """

    struct: type[Struct]
    empty: Struct
    finish: Finish | None


class Shape:
    """The objects of a RECORD, or whole records.

    Attributes:
        inner: Name → shape of each RECORD in it.
        struct: Their type.
        finish: Takes out of an object what the row must not have; returns whether anything is left.
        is_plain: Whether nothing need be taken out.

    Args:
        fields: All fields; `is_selected` tells which ones the row has.
        path: The names of the RECORDs around, and its own.
        learned: Attribute → name of unknown fields that msgspec is to accept.
        aliases: Second name → name of a field.
        made: What was made so far, by form. Half of the RECORDs have the form of another one; and where something is
            learned, most are as before.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        choice: Choice,
        *,
        learned: Names,
        aliases: Names,
        made: dict[object, Made],
        path: Path = (),
    ) -> None:
        self._known = {field.name for field in fields}
        self._path = path
        selected = [field for field in fields if field.is_selected]
        self.inner: Mapping[str, Shape] = {
            field.name: Shape(
                field.fields, choice, learned=learned, aliases=aliases, made=made, path=(*path, field.name)
            )
            for field in selected
            if field.fields
        }
        form = (_to_form(fields), *(_to_form_of_names(names, path) for names in (learned, aliases)))
        if form not in made:
            unknown = dict(learned.get(path, {}))  # as it is now: a later form has more
            made[form] = self._make(fields, choice, unknown, aliases.get(path, {}))
        self.struct, self._empty, finish = made[form]
        self.is_plain = finish is None
        self.finish: Finish = finish or self._is_filled
        self._repairs = {field.name: self._to_repair(field) for field in selected}

    def _make(
        self, fields: Sequence[Field], choice: Choice, unknown: Mapping[str, str], aliases: Mapping[str, str]
    ) -> Made:
        struct = self._to_struct(fields, unknown)
        empty = struct()
        finish = compile_finish(
            fields,
            {
                field.name: shape.finish_all if field.mode == "REPEATED" else shape.finish
                for field in fields
                if (shape := self.inner.get(field.name)) and not (shape.is_plain and field.mode != "REPEATED")
            },
            empty={"": empty, **{name: shape._empty for name, shape in self.inner.items()}},  # noqa: SLF001 - of this class
            choice=choice,
            aliases=aliases,
            unknown=unknown,
        )
        return Made(struct, empty, finish)

    def _to_struct(self, fields: Sequence[Field], unknown: Mapping[str, str]) -> type[Struct]:
        inner = {name: shape.struct for name, shape in self.inner.items()}
        members = [(to_attribute(field.name), to_type(field, inner.get(field.name)), None) for field in fields]
        members += [(attribute, OPTIONAL_JSON, None) for attribute in unknown]
        return defstruct(
            "_".join(("row", *self._path)),
            members,
            forbid_unknown_fields=True,
            omit_defaults=True,
            gc=False,
            rename={**{to_attribute(field.name): field.name for field in fields}, **unknown},
        )

    def _is_filled(self, row: Any, _place: Place, _mismatches: Mismatches) -> bool:
        return bool(row != self._empty)

    def finish_all(self, value: Any, place: Place, mismatches: Mismatches) -> Sequence[object] | None:
        """Finish an array of objects, or the object that the API sends in its place."""
        if isinstance(value, list):
            return [row for at, row in enumerate(value) if row and self.finish(row, (place, at), mismatches)] or None
        if not isinstance(value, dict):
            return [value] if self.finish(value, place, mismatches) else None
        counts = [self.struct(channel=channel, count=count) for channel, count in value.items()]
        return [row for row in counts if self.finish(row, place, mismatches)] or None

    # Repair

    def repair(self, value: JsonObject, place: Place, mismatches: Mismatches) -> Struct:
        """Turn an object that msgspec refused into one that it would have accepted; rescue what does not fit."""
        fitting = {
            to_attribute(name): repair(item, (place, name), mismatches)
            for name, repair in self._repairs.items()
            if (item := value.get(name)) is not None
        }
        for name, item in value.items():
            if name not in self._known:
                mismatches.rescue_new(self._path, name, item, place)
        return self.struct(**fitting)

    def repair_count(self, channel: str, count: JsonValue, place: Place, mismatches: Mismatches) -> Struct:
        """Make an object from a member of an object of counts; see `CHANNEL_COUNT`."""
        value = {"channel": channel, "count": count}
        return self.struct(
            **{
                name: repair(item, place, mismatches)
                for name, repair in self._repairs.items()
                if (item := value[name]) is not None
            }
        )

    def _to_repair(self, field: Field) -> Convert:
        if field.fields:
            repair: Convert = partial(_repair_object, self.inner[field.name])
        else:
            repair = convert_id if (*self._path, field.name) == ("id",) else CONVERTERS[field.type]
        if field.mode == "REPEATED":
            repair = partial(_repair_array, repair, field)
        return partial(_repair_counts, self.inner[field.name], repair) if counts_channels(field) else repair


def _to_form(fields: Sequence[Field]) -> object:
    """Return what decides which type the objects of a RECORD get, and what is taken out of them."""
    return tuple((field.name, field.type, field.mode, field.is_selected, _to_form(field.fields)) for field in fields)


def _to_form_of_names(names: Names, path: Path) -> object:
    """Return those of these names that are in the RECORD at this path."""
    return tuple((at[len(path) :], *of.items()) for at, of in names.items() if at[: len(path)] == path)


def _repair_object(shape: Shape, value: JsonValue, place: Place, mismatches: Mismatches) -> Any:
    if isinstance(value, dict):
        return shape.repair(value, place, mismatches)
    if value not in _UNSET:
        mismatches.rescue(value, place)
    return None


def _repair_array(repair: Convert, field: Field, value: JsonValue, place: Place, mismatches: Mismatches) -> Any:
    """Repair the items. What is still to be finished keeps its place, and an only object is no array yet."""
    is_plain, lone = is_plain_array(field), _LONE.get(field.type)
    if isinstance(value, list):
        items = [None if item is None else repair(item, (place, at), mismatches) for at, item in enumerate(value)]
        return [item for item in items if item is not None] if is_plain else items
    if lone and isinstance(value, lone):
        item = repair(value, place, mismatches)
        return [item] if is_plain and item is not None else item
    if lone is not dict or value not in _UNSET:
        mismatches.rescue(value, place)
    return None


def _repair_counts(shape: Shape, repair: Convert, value: JsonValue, place: Place, mismatches: Mismatches) -> Any:
    """Repair an object of counts by channel; an array of them is like any other."""
    if not isinstance(value, dict):
        return repair(value, place, mismatches)
    return [shape.repair_count(channel, count, (place, channel), mismatches) for channel, count in value.items()]
