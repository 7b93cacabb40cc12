"""Reads a live table of a DuckDB file: its columns, and the ids that a staged table lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kustomer_extract.models import Vanished

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kustomer_extract.adapters.duckdb.file import DuckDbFile


def read_columns(file: DuckDbFile, table: str) -> dict[str, Any]:
    """Return all columns of a table, at any depth: path → type."""
    with file.open_cursor() as cursor:
        described = cursor.execute(f"SELECT * FROM {table} LIMIT 0").description or []  # noqa: S608 - our own name
    return dict(_iter_columns([(name, kind) for name, kind, *_ in described]))


def _iter_columns(columns: list[tuple[str, Any]], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, kind in columns:
        yield f"{prefix}{name}", kind
        inner = kind.child if kind.id == "list" else kind
        if inner.id == "struct":
            yield from _iter_columns(inner.children, f"{prefix}{name}.")


def count_older(file: DuckDbFile, table: str, moment: datetime) -> int:
    """Count the rows of a table that were created before this moment."""
    created_at = _find_created_at(file, table)
    if created_at is None:
        return 0
    ((rows,),) = file.query(f"SELECT count(*) FROM {table} WHERE {created_at} < TIMESTAMPTZ '{moment.isoformat()}'")  # noqa: S608 - our own names
    return int(rows)


def _find_created_at(file: DuckDbFile, table: str) -> str | None:
    """Return the SQL expression of a row's time of creation; None if the table has no such column."""
    columns = read_columns(file, table)
    if "attributes.createdAt" not in columns:
        return None
    first = "[1]" if columns["attributes"].id == "list" else ""
    return f"attributes{first}.createdAt"


def sample_vanished(
    file: DuckDbFile, table: str, staged: str, *, limit: int, created_since: datetime | None
) -> Vanished:
    """Compare the ids of a table with those of a staged one."""
    condition = "true"
    if created_since is not None:
        created_at = _find_created_at(file, table)
        if created_at is None:
            return Vanished()
        condition = f"{created_at} >= TIMESTAMPTZ '{created_since.isoformat()}'"
    rows = file.query(
        f"SELECT id, count(*) OVER () FROM {table} ANTI JOIN {staged} USING (id) WHERE {condition} "  # noqa: S608 - our own names
        "ORDER BY md5(id) LIMIT ?",
        [limit],
    )
    return Vanished(count=rows[0][1] if rows else 0, ids=tuple(id_ for id_, _ in rows))
