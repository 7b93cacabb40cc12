"""Schema files → field trees, and the selection of columns over them. Pure but for reading the package's own files.

A schema file, `schemas/<table>.json`, is a list in BigQuery's own JSON format (name, type, mode, description, fields):
the single source for the loader, Terraform's seed, the documentation and the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Selection: TypeAlias = "bool | Mapping[str, Selection]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column, or a field of a RECORD.

    Attributes:
        type: STRING, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, JSON or RECORD (BigQuery's names).
        mode: NULLABLE or REPEATED.
        fields: Of a RECORD; empty otherwise.
    """

    name: str
    type: str
    mode: str
    description: str
    fields: tuple[Field, ...] = ()
