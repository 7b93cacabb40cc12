"""Tells msgspec which values of the API fit a column. It judges a record while it reads it, in C.

https://jcristharif.com/msgspec/constraints.html, read 2026-11-27
"""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Raw, Struct

from kustomer_extract.transform.values import INTEGER_AS_TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kustomer_extract.schema import Field

CHANNEL_COUNT = ("channel", "count")
"""The fields of an array that the API sends as an object: ``{"email": 2}`` → ``[{"channel": "email", "count": 2}]``."""

_LEVELS = 4
"""Levels of a JSON value that msgspec judges. With each one more it has twice as many types to learn."""

_NO_TEXT: Any = Annotated[str, Meta(max_length=0)]
_NO_ITEMS: Any = Annotated[list[Any], Meta(max_length=0)]


def _to_json_type(levels: int) -> Any:
    """Describe JSON that every warehouse can store: without integers beyond 64 bits, and without deep nesting."""
    single: Any = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | float | bool | str
    below: Any = _to_json_type(levels - 1) | None if levels else None
    return single | list[below] | dict[str, below] if levels else single


JSON = _to_json_type(_LEVELS)
"""Any value but null."""

_SINGLE: Mapping[str, Any] = {
    "BOOLEAN": bool,
    "FLOAT": Annotated[float, Meta(gt=-INTEGER_AS_TEXT, lt=INTEGER_AS_TEXT)],  # beyond, integers would be rounded
    "INTEGER": Annotated[int, Meta(gt=-INTEGER_AS_TEXT, lt=INTEGER_AS_TEXT)],
    "JSON": JSON,
    "STRING": str,
    "TIMESTAMP": str,  # msgspec's own type rounds a seventh digit of a second
}

_ONE: Mapping[str, Any] = {name: single | None for name, single in _SINGLE.items()}
_MANY: Mapping[str, Any] = {name: list[single] | None for name, single in _SINGLE.items()}  # type: ignore[valid-type]
OPTIONAL_JSON = _ONE["JSON"]
_COUNT: Any = _SINGLE["INTEGER"]


def to_type(field: Field, struct: type[Struct] | None) -> Any:
    """Return the type of a field; `struct` is that of a RECORD's objects.

    What is deselected is not even read. `[]` and an empty text stand for a RECORD without a value, as in the API
    (docs/kustomer-api.md).
    """
    if not field.is_selected:
        return Raw
    if struct is None:
        return _MANY[field.type] if field.mode == "REPEATED" else _ONE[field.type]
    if field.mode != "REPEATED":
        return struct | _NO_TEXT | _NO_ITEMS | None
    lone: Any = dict[str, _COUNT] if counts_channels(field) else struct
    return lone | list[struct] | _NO_TEXT | None  # type: ignore[valid-type]


def to_attribute(name: str) -> str:
    """Name the attribute of a field: one field of the API has the name of a keyword, `and`."""
    return f"{name}_" if iskeyword(name) else name


def counts_channels(field: Field) -> bool:
    """Whether it is an array of counts; see `CHANNEL_COUNT`."""
    return tuple(inner.name for inner in field.fields) == CHANNEL_COUNT


def is_plain_array(field: Field) -> bool:
    """Whether it is an array whose items need nothing but what msgspec looks at."""
    return field.is_selected and field.mode == "REPEATED" and field.type not in {"RECORD", "TIMESTAMP"}
