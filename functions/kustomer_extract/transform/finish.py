"""Writes, for each RECORD, the function that takes out of an object what the row must not have.

It takes out deselected and unknown fields, empty objects and arrays, and texts that are no times. Objects that msgspec
accepted and repaired ones both come here: no deselected field has another way to the row.

It is written as source, as `dataclasses` writes an ``__init__``: most fields are absent, and a loop over them takes
twice the time of the line that each one gets here. For a RECORD with a time, an object and an array it is::

    def finish(row, place, mismatches):
        if (value := row.sentAt) is not None and (time := to_utc(value)) != value:
            row.sentAt = keep_time(value, time, (place, "sentAt"), mismatches)
        if (value := row.meta) is not None and not (value and finish_meta(value, (place, "meta"), mismatches)):
            row.meta = None
        if (value := row.teams) is not None and not value:
            row.teams = None
        return row != empty_

An object in which nothing need be taken out is only compared with an empty one.
Only names of the schema become source. Names that the API makes up are values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from kustomer_extract.transform.judge import is_plain_array, to_attribute
from kustomer_extract.transform.mismatches import Mismatches, Place
from kustomer_extract.transform.values import to_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from msgspec import Struct

    from kustomer_extract.schema import Choice, Field

Finish: TypeAlias = Callable[[Any, Place, Mismatches], Any]

_DESELECTED = """
    row.{attribute} = None"""
_TIME = """
    if (value := row.{attribute}) is not None and (time := to_utc(value)) != value:
        row.{attribute} = keep_time(value, time, (place, "{name}"), mismatches)"""
_RECORD = """
    if (value := row.{attribute}) is not None and not (value and finish_{name}(value, (place, "{name}"), mismatches)):
        row.{attribute} = None"""
_PLAIN_RECORD = """
    if (value := row.{attribute}) is not None and (not value or value == empty_{name}):
        row.{attribute} = None"""
_PLAIN_ARRAY = """
    if (value := row.{attribute}) is not None and not value:
        row.{attribute} = None"""
_ARRAY = """
    if (value := row.{attribute}) is not None:
        row.{attribute} = finish_{name}(value, (place, "{name}"), mismatches) if value else None"""
_STEP = """
    {name}(row, place, mismatches)"""


def compile_finish(
    fields: Sequence[Field],
    inner: Mapping[str, Finish],
    *,
    empty: Mapping[str, Struct],
    choice: Choice,
    aliases: Mapping[str, str],
    unknown: Mapping[str, str],
) -> Finish | None:
    """Write and compile the function of a RECORD. It tells whether anything is left of the object.

    Returns:
        None if nothing need be taken out of its objects.

    Args:
        fields: All its fields; `is_selected` tells which ones the row has.
        inner: Name → function of each array of RECORDs in it, and of each RECORD that has a function.
        empty: Name → object without values: its own (name ``""``), and those of the RECORDs in it.
        choice: Tells which custom attributes the row has.
        aliases: Second name → name of a field.
        unknown: Attribute → name of fields that the schema does not know.
    """
    finishes = {field.name: inner.get(field.name, _finish_times) for field in fields}
    custom = next((field.name for field in fields if field.is_selected and field.is_custom), "")
    names: dict[str, Any] = {
        "to_utc": to_utc,
        "keep_time": _keep_time,
        "choose_custom": _to_choose_custom(custom, choice),
        "merge_aliases": partial(_merge_aliases, aliases),
        "rescue_unknown": partial(_rescue_unknown, unknown),
        **{f"finish_{name}": finish for name, finish in finishes.items()},
        **{f"empty_{name}": row for name, row in empty.items()},
    }
    steps = {"merge_aliases": aliases, "choose_custom": custom, "rescue_unknown": unknown}
    lines = [*_iter_lines(fields, inner), *(_STEP.format(name=name) for name, needed in steps.items() if needed)]
    if not any(lines):
        return None
    exec("".join(("def finish(row, place, mismatches):", *lines, "\n    return row != empty_")), names)  # noqa: S102 - see above
    finish: Finish = names["finish"]
    return finish


def _iter_lines(fields: Sequence[Field], inner: Mapping[str, Finish]) -> Iterator[str]:
    """Write the lines of the fields: times first, so that aliases are compared as times; then what is inside."""
    for field in sorted(fields, key=lambda field: bool(field.fields)):
        template = ""
        if not field.is_selected:
            template = _DESELECTED
        elif is_plain_array(field):
            template = _PLAIN_ARRAY
        elif field.mode == "REPEATED":
            template = _ARRAY
        elif field.fields:
            template = _RECORD if field.name in inner else _PLAIN_RECORD
        elif field.type == "TIMESTAMP":
            template = _TIME
        yield template.format(name=field.name, attribute=to_attribute(field.name))


def _keep_time(text: str, time: str | None, place: Place, mismatches: Mismatches) -> str | None:
    """Return the time in UTC, and rescue a text that is none. An empty text is no value."""
    if text and not time:
        mismatches.rescue(text, place)
    return time


def _finish_times(items: Sequence[str | None], place: Place, mismatches: Mismatches) -> list[str] | None:
    """Finish an array of times."""
    times = [_keep_time(text, to_utc(text), (place, at), mismatches) for at, text in enumerate(items) if text]
    return [time for time in times if time] or None


def _merge_aliases(aliases: Mapping[str, str], row: Any, place: Place, mismatches: Mismatches) -> None:
    """Use the value of an alias where its field has none. If both have different values, rescue that of the alias."""
    for alias, name in aliases.items():
        value = getattr(row, alias)
        if value is not None:
            setattr(row, alias, None)
            if getattr(row, name) is None:
                setattr(row, name, value)
            elif getattr(row, name) != value:
                mismatches.rescue(value, (place, alias))


def _to_choose_custom(name: str, choice: Choice) -> Finish:
    """Make the step that collects the names of custom attributes, and takes out those that are deselected."""
    takes_every_name = choice.takes_every_custom_name

    def choose_custom(row: Any, place: Place, mismatches: Mismatches) -> None:
        value = getattr(row, name)
        if isinstance(value, dict):
            mismatches.custom_names += [f"{key}[]" if isinstance(item, list) else key for key, item in value.items()]
            if not takes_every_name:
                setattr(row, name, {key: item for key, item in value.items() if choice.takes_custom(key, item)})
        elif value is not None and not takes_every_name:
            mismatches.count((place, name))
            setattr(row, name, None)

    return choose_custom


def _rescue_unknown(unknown: Mapping[str, str], row: Any, place: Place, mismatches: Mismatches) -> None:
    """Move the fields that the schema does not know to where unknown fields go."""
    for attribute, name in unknown.items():
        value = getattr(row, attribute)
        if value is not None:
            setattr(row, attribute, None)
            mismatches.rescue_unknown(value, (place, name), is_storable=True)
