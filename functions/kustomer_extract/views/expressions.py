"""What a column of a flat view may be: an expression over paths of the nested table, as ``attributes.sla.name``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

CUSTOM_PATH = "attributes.custom"
CREATED = "attributes.createdAt"
FIRST_DONE, FIRST_DONE_TIME = "attributes.firstDone.createdAt", "attributes.firstDone.time"


@dataclass(frozen=True, slots=True)
class Path:
    """A value of the nested table: ``attributes.sla.name``. Arrays of one are looked into."""

    path: str


@dataclass(frozen=True, slots=True)
class Count:
    """A number whose absence means never: 0."""

    path: str


@dataclass(frozen=True, slots=True)
class Only:
    """The element of an array that has exactly one."""

    path: str


@dataclass(frozen=True, slots=True)
class First:
    """The first of some values that is there."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seconds:
    """The seconds from the first of some moments that is there to another, with three decimals."""

    since: tuple[str, ...]
    until: str


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration of Kustomer's in seconds; NULL until the unit is measured."""

    path: str


@dataclass(frozen=True, slots=True)
class Custom:
    """A custom attribute, cast safely to `type`: what does not fit is NULL. JSON stays as it is."""

    name: str
    type: str


Expression: TypeAlias = Path | Count | Only | First | Seconds | Duration | Custom
