"""Writes the SQL of flat views. The adapters provide the dialect; the structure of a query is the same in both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

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
    from collections.abc import Callable, Collection, Mapping

    from kustomer_extract.views.columns import FlatView
    from kustomer_extract.views.expressions import Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The parts of SQL in which the warehouses differ, as templates.

    Attributes:
        quote: The character around a name.
        literal: Turns a text into a literal.
        first: Written after an array: its first element, or NULL.
        only: The element of the array ``{0}`` if it has exactly one, or NULL.
        seconds: The seconds from the moment ``{0}`` until the moment ``{1}``.
        null_number: A NULL of the type of a duration.
        json: The JSON at the path ``{1}`` (a literal) in the JSON ``{0}``.
        scalar: The same as a value of the type ``{2}``, or NULL if it does not fit.
        types: Type in the schema → type in the warehouse.
        count_if: The number of rows for which the condition ``{0}`` holds.
    """

    quote: str
    literal: Callable[[str], str]
    first: str
    only: str
    seconds: str
    null_number: str
    json: str
    scalar: str
    types: Mapping[str, str]
    count_if: str


@dataclass(frozen=True, slots=True)
class _Writer:
    dialect: Dialect
    arrays: Collection[str]
    per_second: int | None = None

    def write(self, expression: Expression) -> str:  # noqa: PLR0911 - one for each kind
        """Write one column."""
        match expression:
            case Path(path):
                return self.refer(path)
            case Count(path):
                return f"COALESCE({self.refer(path)}, 0)"
            case Only(path):
                return self.dialect.only.format(self.refer(path))
            case First(paths):
                return f"COALESCE({', '.join(map(self.refer, paths))})"
            case Seconds(since, until):
                return self.dialect.seconds.format(self.write(First(since)), self.refer(until))
            case Duration(path):
                return f"{self.refer(path)} / {self.per_second}" if self.per_second else self.dialect.null_number
            case Custom(name, kind):
                custom, key = self.refer(CUSTOM_PATH), self.dialect.literal(_to_json_path(name))
                if kind == "JSON":
                    return self.dialect.json.format(custom, key)
                return self.dialect.scalar.format(custom, key, self.dialect.types[kind])
            case _ as never:
                assert_never(never)

    def refer(self, path: str) -> str:
        """Write a path: ``"attributes"[1]."sla"."name"``. It is NULL if a part is absent."""
        parts = path.split(".")
        return ".".join(
            self.quote(part) + (self.dialect.first if ".".join(parts[: place + 1]) in self.arrays else "")
            for place, part in enumerate(parts)
        )

    def quote(self, name: str) -> str:
        """Write a name."""
        return f"{self.dialect.quote}{name}{self.dialect.quote}"


def to_select(view: FlatView, table: str, *, dialect: Dialect, arrays: Collection[str]) -> str:
    """Write a view's query on `table` (full name, quoted); `arrays` are its columns with one RECORD in an array."""
    writer = _Writer(dialect, arrays, view.per_second)
    columns = [f"{writer.write(column.expression)} AS {writer.quote(column.name)}" for column in view.columns]
    return f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - our own names


def to_measurement(table: str, *, dialect: Dialect, arrays: Collection[str]) -> str:
    """Write the query that measures Kustomer's unit of duration.

    ``firstDone.time`` is compared with ``firstDone.createdAt - createdAt``. The query counts the rows that have both,
    then those in which they agree within 1 % if the unit is a second, then if it is a millisecond.
    """
    writer = _Writer(dialect, arrays)
    seconds = writer.write(Seconds((CREATED,), FIRST_DONE))
    agree = [dialect.count_if.format(f"ABS(told / measured / {unit} - 1) <= 0.01") for unit in (1, 1000)]
    return (
        f"SELECT COUNT(*), {', '.join(agree)} FROM ("  # noqa: S608 - our own names
        f"SELECT {writer.refer(FIRST_DONE_TIME)} AS told, {seconds} AS measured FROM {table}"
        ") AS durations WHERE told > 0 AND measured > 0"
    )


def _to_json_path(name: str) -> str:
    """Write the path to a key: ``$."orderNumberStr"``. A name may hold any character."""
    return "$." + json.dumps(name, ensure_ascii=False)
