"""The table `_jobs` of a DuckDB file: one row per job, which the commands read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kustomer_extract.adapters.codec import load_columns, parse_rows, to_row
from kustomer_extract.adapters.duckdb.sql import names_of, quote, to_definitions, to_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.adapters.duckdb.file import DuckDbFile
    from kustomer_extract.models import IntegrationName, Job


class DuckDbHistory:
    """Appends to `_jobs`, and reads it.

    A file that is opened to write gets the table and the columns that it lacks. In a file that is only read, either may
    be missing.
    """

    def __init__(self, file: DuckDbFile) -> None:
        self._file = file
        self._table = file.qualify("kustomer", "_jobs")
        self._columns = load_columns()
        if file.read_only:
            return
        columns = to_definitions(self._columns)
        statements = [f"CREATE TABLE IF NOT EXISTS {self._table} ({columns}, PRIMARY KEY (integration, job_id))"] + [
            f"ALTER TABLE {self._table} ADD COLUMN IF NOT EXISTS {quote(column.name)} {to_type(column)}"
            for column in self._columns
        ]
        file.run(statements)

    def append(self, jobs: Sequence[Job]) -> None:
        """Append the jobs that the table does not have yet: all of them or none."""
        if not jobs:
            return
        rows = [{**to_row(job), "drift": json.dumps(dict(job.drift))} for job in jobs]
        places = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
        self._file.query(
            f"INSERT OR IGNORE INTO {self._table} ({names_of(self._columns)}) VALUES {places}",  # noqa: S608 - our own names
            [value for row in rows for value in row.values()],
        )

    def fetch(self, integration: IntegrationName | None, *, limit: int) -> list[Job]:
        """Read the newest jobs."""
        found = self._file.query(
            "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'kustomer' AND table_name = '_jobs'"
        )
        columns = {
            # Times without a zone: DuckDB needs the package pytz to return a zone.
            column.name: quote(column.name) + (" AT TIME ZONE 'UTC'" if column.type == "TIMESTAMP" else "")
            for column in self._columns
            if (column.name,) in found
        }
        if not columns:
            return []
        rows = self._file.query(
            f"SELECT {', '.join(columns.values())} FROM {self._table} WHERE integration = coalesce(?, integration) "  # noqa: S608 - our own names
            "ORDER BY started_at DESC NULLS LAST, job_id LIMIT ?",
            [integration, limit],
        )
        return parse_rows({name: _add_zone(value) for name, value in zip(columns, row, strict=True)} for row in rows)


def _add_zone(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
