"""Decides the columns of a flat view: those of the catalogue whose paths the table has, and the custom attributes.

A view names only columns that its table has.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from kustomer_extract.schema import iter_paths
from kustomer_extract.views.catalogue import COLUMNS
from kustomer_extract.views.expressions import (
    CREATED,
    CUSTOM_PATH,
    FIRST_DONE,
    FIRST_DONE_TIME,
    Count,
    Custom,
    Duration,
    First,
    Only,
    Path,
    Seconds,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from kustomer_extract.models import Table
    from kustomer_extract.schema import Field
    from kustomer_extract.views.expressions import Catalogued, Expression

LIST_MARK = "[]"  # behind the name of a custom attribute that holds a list
_MIN_MEASURED = 100  # rows that are needed to confirm a unit
_MIN_AGREEING = 0.95  # part of these rows that must agree

_TYPES = {"Str": "STRING", "Txt": "STRING", "Url": "STRING", "Id": "STRING", "Tree": "STRING"} | {
    "Num": "FLOAT",
    "At": "TIMESTAMP",
    "Bool": "BOOLEAN",
}
"""End of a custom attribute's name → type of its column. All others stay JSON.

Source: https://developer.kustomer.com/docs/concepts/custom-attributes, read 2026-11-23. `Tree` is not documented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewColumn:
    """A column of a flat view.

    Attributes:
        description: What it holds, with its unit.
    """

    name: str
    expression: Expression
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatView:
    """A view on one table.

    Attributes:
        per_second: How many of Kustomer's units of duration make a second; None if that is not known.
    """

    table: Table
    columns: tuple[ViewColumn, ...]
    per_second: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How many rows of a table show Kustomer's unit of duration.

    Attributes:
        rows: Conversations that have both a duration until done and the two moments it lies between.
        seconds, milliseconds: Those whose duration agrees with the moments within 1 %, if that is the unit.
    """

    rows: int
    seconds: int
    milliseconds: int

    @property
    def per_second(self) -> int | None:
        """How many units make a second; None if too few rows agree."""
        for count, units in ((self.milliseconds, 1000), (self.seconds, 1)):
            if self.rows >= _MIN_MEASURED and count >= _MIN_AGREEING * self.rows:
                return units
        return None


def has_view(table: Table) -> bool:
    """Tell whether a table has a flat view."""
    return table in COLUMNS


def can_measure(paths: Collection[str]) -> bool:
    """Tell whether a table has the columns that are needed to measure the unit of duration."""
    return {CREATED, FIRST_DONE, FIRST_DONE_TIME} <= set(paths)


def list_paths(fields: Sequence[Field]) -> frozenset[str]:
    """List the columns of a table at any depth: ``attributes.sla.name``."""
    return frozenset(".".join(path) for path, _ in iter_paths(fields))


def build_view(
    table: Table, paths: Collection[str], *, custom: Iterable[str] = (), per_second: int | None = None
) -> FlatView:
    """Build the view of a table that has these columns.

    Args:
        table: One that `has_view`.
        paths: The columns of the table, at any depth: ``attributes.sla.name``.
        custom: Names of custom attributes that occur; ``labelsStr[]`` says that one holds a list somewhere.
        per_second: See `FlatView`.
    """
    columns = [
        ViewColumn(name=name, expression=narrowed, description=description)
        for name, (expression, description) in COLUMNS[table].items()
        if (narrowed := _narrow(expression, paths)) is not None
    ]
    if CUSTOM_PATH in paths:
        columns += _build_custom(custom)
    return FlatView(table=table, columns=tuple(columns), per_second=per_second)


def _narrow(expression: Catalogued, paths: Collection[str]) -> Catalogued | None:
    """Remove from an expression the columns that the table lacks; None if it has no meaning without them."""
    match expression:
        case Path(path) | Count(path) | Only(path) | Duration(path):
            return expression if path in paths else None
        case First(choices):
            left = tuple(path for path in choices if path in paths)
            return First(left) if left else None
        case Seconds(since, until):
            left = tuple(path for path in since if path in paths)
            return Seconds(left, until) if left and until in paths else None
        case _ as never:
            assert_never(never)


def _build_custom(names: Iterable[str]) -> list[ViewColumn]:
    """Build a column for each custom attribute: ``orderNumberStr`` becomes ``custom_order_number_str``."""
    given = set(names)
    taken: set[str] = set()
    columns = []
    for name in sorted({found.removesuffix(LIST_MARK) for found in given}):
        stem = f"custom_{_to_snake_case(name)}"
        unique = next(choice for choice in _iter_names(stem) if choice not in taken)
        taken.add(unique)
        kind = "JSON" if f"{name}{LIST_MARK}" in given else to_custom_type(name)
        end = "; NULL if it is not set" if kind == "JSON" else ", as its name ends; NULL if it does not fit"
        columns.append(
            ViewColumn(name=unique, expression=Custom(name, kind), description=f"Custom attribute {name}{end}.")
        )
    return columns


def to_custom_type(name: str) -> str:
    """Return the type that a custom attribute's name implies: ``refundNum`` is a FLOAT; otherwise JSON."""
    return next((kind for end, kind in _TYPES.items() if name.endswith(end)), "JSON")


def _to_snake_case(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def _iter_names(stem: str) -> Iterable[str]:
    """Yield the name, then the name with numbers: attributes may differ in case only, and columns must not."""
    yield stem
    yield from (f"{stem}_{number}" for number in itertools.count(2))
