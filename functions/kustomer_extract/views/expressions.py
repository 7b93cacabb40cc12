"""The kinds of columns of a flat view: expressions over paths of the nested table, as ``attributes.sla.name``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

CUSTOM_PATH = "attributes.custom"
CREATED = "attributes.createdAt"
FIRST_DONE, FIRST_DONE_TIME = "attributes.firstDone.createdAt", "attributes.firstDone.time"


@dataclass(frozen=True, slots=True)
class Path:
    """A value of the nested table: ``attributes.sla.name``. Of an array with one RECORD, its RECORD is used."""

    path: str


@dataclass(frozen=True, slots=True)
class Count:
    """A number that is 0 if it is absent."""

    path: str


@dataclass(frozen=True, slots=True)
class Only:
    """The element of an array with exactly one element; otherwise NULL."""

    path: str


@dataclass(frozen=True, slots=True)
class First:
    """The first of several values that is not NULL."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seconds:
    """The seconds from the first of several moments that is not NULL until another, with three decimals."""

    since: tuple[str, ...]
    until: str


@dataclass(frozen=True, slots=True)
class Duration:
    """One of Kustomer's durations, in seconds; NULL until its unit is measured."""

    path: str


@dataclass(frozen=True, slots=True)
class Custom:
    """A custom attribute, cast to `type`. A value that does not fit is NULL. JSON stays as it is."""

    name: str
    type: str


Catalogued: TypeAlias = Path | Count | Only | First | Seconds | Duration
Expression: TypeAlias = Catalogued | Custom
