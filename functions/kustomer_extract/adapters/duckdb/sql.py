"""Writes SQL in DuckDB's dialect: names, types, and the table function that reads a chunk. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kustomer_extract.schema import find

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kustomer_extract.schema import Field

_TYPES = {
    "BOOLEAN": "BOOLEAN",
    "FLOAT": "DOUBLE",
    "INTEGER": "BIGINT",
    "JSON": "JSON",
    "STRING": "VARCHAR",
    "TIMESTAMP": "TIMESTAMPTZ",
}
_MAX_ROW_BYTES = (
    100 * 1024 * 1024
)  # BigQuery's limit: https://cloud.google.com/bigquery/quotas#load_jobs, read 2026-11-23


def quote(name: str) -> str:
    """Write a name: ``"from"``."""
    return '"' + name.replace('"', '""') + '"'


def to_literal(text: str) -> str:
    """Write a text: ``'it''s'``."""
    return "'" + text.replace("'", "''") + "'"


def to_type(field: Field) -> str:
    """Write a column's type: ``STRUCT("preview" VARCHAR, "tags" VARCHAR[])[]``."""
    if field.type == "RECORD":
        inner = ", ".join(f"{quote(part.name)} {to_type(part)}" for part in field.fields)
        plain = f"STRUCT({inner})"
    else:
        plain = _TYPES[field.type]
    return f"{plain}[]" if field.mode == "REPEATED" else plain


def to_definitions(fields: Sequence[Field]) -> str:
    """Write the columns of a CREATE TABLE."""
    return ", ".join(f"{quote(field.name)} {to_type(field)}" for field in fields)


def read_chunk(file: Path, fields: Sequence[Field]) -> str:
    """Write the table function that reads newline-delimited JSON, of a gzip file if it ends so, into these fields."""
    columns = ", ".join(f"{to_literal(field.name)}: {to_literal(to_type(field))}" for field in fields)
    return (
        f"read_json({to_literal(str(file))}, columns = {{{columns}}}, format = 'newline_delimited', "
        f"maximum_object_size = {_MAX_ROW_BYTES})"
    )


def names_of(fields: Sequence[Field]) -> str:
    """List the columns."""
    return ", ".join(quote(field.name) for field in fields)


def order_by_latest(fields: Sequence[Field]) -> str:
    """Return the ORDER BY that puts the latest `updatedAt` first; an empty text if it is not selected."""
    attributes = find(fields, ["attributes"])
    if attributes is None or find(fields, ["attributes", "updatedAt"]) is None:
        return ""
    return f" ORDER BY attributes{'[1]' if attributes.mode == 'REPEATED' else ''}.updatedAt DESC NULLS LAST"
