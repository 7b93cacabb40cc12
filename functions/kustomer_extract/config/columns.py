"""Reads the selection of columns in a document, and checks every name against the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kustomer_extract.config.values import to_flag
from kustomer_extract.schema import ALWAYS_SELECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.config.level import Level
    from kustomer_extract.models import Table
    from kustomer_extract.schema import Field, Selection

RETIRED: Mapping[Table, Mapping[str, str]] = {}
"""Columns that were removed, by table: dotted path → the release that removed it. Old documents still name them."""

_ALLOWED = "true, false, or a map of its columns"
_ALLOWED_WITHOUT_FIELDS = "true or false: it has no columns of its own"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnReader:
    """Reads `columns` of one table.

    A selection that means the same as an absent name is None here, and is left out of the result.

    Attributes:
        retired: Dotted paths of removed columns, with the release that removed each.
        keeps_true: Whether true means something else than an absent name. It does where personal data is left out.
    """

    retired: Mapping[str, str]
    keeps_true: bool

    def read(self, table: Level, fields: Sequence[Field]) -> Selection:
        """Read `columns` of a table's map; absent is true."""
        chosen = self._read_column(table, "columns", fields=fields, dotted="")
        return True if chosen is None else chosen

    def _read_column(self, level: Level, name: str, *, fields: Sequence[Field], dotted: str) -> Selection | None:
        """Read true, false, or a map of the fields one level down; `dotted` is their path in the schema."""
        if isinstance(level.content.get(name), Mapping):
            return self._read_fields(level.enter(name), fields, dotted=dotted)
        return self._read_flag(level, name, allowed=_ALLOWED)

    def _read_fields(self, level: Level, fields: Sequence[Field], *, dotted: str) -> Selection | None:
        known = {field.name: field for field in fields}
        chosen: dict[str, Selection | None] = {}
        for name in level.content:
            field, path = known.get(name), f"{dotted}.{name}" if dotted else str(name)
            if field is None:
                self._refuse_or_warn(level, str(name), known=list(known), dotted=path)
            elif path in ALWAYS_SELECTED:
                _warn_if_false(level, name)
            else:
                chosen[name] = self._read_field(level, field, dotted=path)
        return _leave_out(chosen)

    def _read_field(self, level: Level, field: Field, *, dotted: str) -> Selection | None:
        if field.fields:
            return self._read_column(level, field.name, fields=field.fields, dotted=dotted)
        if field.is_custom and isinstance(level.content[field.name], Mapping):  # custom attributes, by name
            attributes = level.enter(field.name)
            return _leave_out({str(name): self._read_flag(attributes, name) for name in attributes.content})
        return self._read_flag(level, field.name)

    def _read_flag(self, level: Level, name: str, *, allowed: str = _ALLOWED_WITHOUT_FIELDS) -> bool | None:
        flag = level.read(name, to_flag, allowed=allowed, default=None)
        return flag if self.keeps_true or flag is False else None

    def _refuse_or_warn(self, level: Level, name: str, *, known: list[str], dotted: str) -> None:
        """Warn about the name of a removed column; refuse a name that never existed."""
        release = self.retired.get(dotted)
        if release is None:
            level.refuse_name(name, known)
        else:
            level.warn(name, f"no column any more since {release}; delete it here")


def _warn_if_false(level: Level, name: str) -> None:
    """Warn if a column that cannot be deselected is false."""
    if level.read(name, to_flag, allowed=_ALLOWED_WITHOUT_FIELDS, default=True) is False:
        level.warn(name, "false was read as true: this column is always there")


def _leave_out(chosen: Mapping[str, Selection | None]) -> Selection | None:
    return {name: selection for name, selection in chosen.items() if selection is not None} or None
