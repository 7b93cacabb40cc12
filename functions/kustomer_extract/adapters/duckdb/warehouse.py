"""A DuckDB file behind the `Warehouse` port: BigQuery on a laptop, and the fake of the tests.

::

    kustomer.<integration>_<table>   live tables, replaced in one transaction: readers see the old rows or the new
    kustomer._jobs                   the history of jobs
    kustomer._integrations           which integrations are ACTIVE
    kustomer_staging.*               chunks (tables) and what is assembled of them (views); emptied at every opening

DuckDB's lock on the file keeps a second process out; what a killed one left is in staging only, or not committed.

Columns have BigQuery's names and nested types. Where BigQuery refuses a value, DuckDB refuses it too, or coerces it
silently: numbers, booleans and objects become text, 1.5 in an INTEGER becomes 2, true becomes 1, "yes" becomes true,
digits beyond microseconds are cut, unknown fields are dropped, a null in an array stays. The transform makes none of
these. An absent array is NULL here, and empty in BigQuery.
"""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import duckdb

from kustomer_extract.adapters.duckdb.file import DuckDbFile
from kustomer_extract.adapters.duckdb.history import DuckDbHistory
from kustomer_extract.adapters.duckdb.sql import (
    quote,
    read_chunk,
    select_all,
    select_latest,
    to_literal,
)
from kustomer_extract.errors import RetryLater, RowRejected, WarehouseRefused
from kustomer_extract.models import Assembled, IntegrationStatus, Staged, to_live_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kustomer_extract.models import Chunk, IntegrationName, Job, Table
    from kustomer_extract.schema import Field

_MISFITS = (duckdb.InvalidInputException, duckdb.DataError)  # what read_json raises for a row it cannot read


class DuckDbWarehouse:
    """Implements `Warehouse` and `local.Activations`. Close it after use.

    Chunks are loaded in a thread of their own, while the next pages are read.
    """

    def __init__(self, file: DuckDbFile) -> None:
        self._file = file
        self.query = file.query
        live, staging = file.qualify("kustomer"), file.qualify("kustomer_staging")
        self._integrations = f"{live}._integrations"
        for statement in (
            "SET GLOBAL TimeZone = 'UTC'",
            "DROP SCHEMA IF EXISTS kustomer_staging CASCADE",  # here, DuckDB does not understand the full name
            f"CREATE SCHEMA {staging}",
            f"CREATE SCHEMA IF NOT EXISTS {live}",
            f"CREATE TABLE IF NOT EXISTS {self._integrations} (name VARCHAR PRIMARY KEY, status VARCHAR)",
        ):
            file.query(statement)
        self._history = DuckDbHistory(file)
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="duckdb-load")

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open the file, made if need be, and empty its staging.

        Raises:
            WarehouseRefused: it is in use, not a DuckDB file, or may not be written; the message says what to do.
        """
        file = DuckDbFile.open(path)
        try:
            return cls(file)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Wait for a load that is under way and let go of the file."""
        self._loader.shutdown(cancel_futures=True)
        self._file.close()

    # --- staging

    def begin_load(self, chunk: Chunk, schema: Sequence[Field]) -> ChunkLoad:
        """Begin to load the chunk; it replaces an earlier one of its name."""
        return ChunkLoad(self._loader.submit(self._load, chunk, schema))

    def _load(self, chunk: Chunk, schema: Sequence[Field]) -> Staged:
        with self._file.open_cursor() as cursor, tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "chunk.ndjson.gz")
            file.write_bytes(chunk.data)
            try:
                cursor.execute(f"CREATE OR REPLACE TABLE {self._stage(chunk.name)} AS FROM {read_chunk(file, schema)}")
            except _MISFITS as error:
                raise _to_rejection(chunk.name, error, _find_misfit(cursor, file, schema)) from None
            ((rows,),) = cursor.fetchall()
        return Staged(name=chunk.name, rows=rows)

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:
        """Lay a view over all chunks: it costs nothing, and publishing reads it once."""
        return self._create_view(name, select_all([self._stage(chunk.name) for chunk in chunks], schema))

    def deduplicate(self, name: str, assembled: Assembled, schema: Sequence[Field]) -> Assembled:
        """Lay a view over `assembled`."""
        return self._create_view(name, select_latest(self._stage(assembled.name), schema))

    def _create_view(self, name: str, query: str) -> Assembled:
        try:
            self.query(f"CREATE OR REPLACE VIEW {self._stage(name)} AS {query}")
        except duckdb.CatalogException as error:
            raise WarehouseRefused(f"DuckDB: a staging table of {name} is gone; the next run makes it again") from error
        ((rows, ids),) = self.query(f"SELECT count(*), count(DISTINCT id) FROM {self._stage(name)}")  # noqa: S608 - our own name
        return Assembled(name=name, rows=rows, distinct_ids=ids)

    def drop(self, names: Sequence[str]) -> None:
        """Drop staging tables and views, once no load is under way: it may be the load of one of them."""
        self._loader.submit(self._drop, names).result()

    def _drop(self, names: Sequence[str]) -> None:
        kinds = self._find_kinds("kustomer_staging")
        for name in names:
            if name in kinds:
                self.query(f"DROP {kinds[name]} {self._stage(name)}")

    def _find_kinds(self, schema: str) -> dict[str, str]:
        """Say of everything in a schema whether it is a TABLE or a VIEW."""
        rows = self.query(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = ?", [schema]
        )
        return {name: "VIEW" if kind == "VIEW" else "TABLE" for name, kind in rows}

    # --- publishing

    def count_published(self, integration: IntegrationName, table: Table) -> int | None:
        """Count the rows of the live table."""
        name = to_live_name(integration, table)
        if not self._is_published(name):
            return None
        ((rows,),) = self.query(f"SELECT count(*) FROM {self._file.qualify('kustomer', name)}")  # noqa: S608 - our own name
        return int(rows)

    def publish(self, assembled: Assembled, job: Job, schema: Sequence[Field]) -> None:
        """Replace the live table and describe its columns, in one transaction.

        Raises:
            RetryLater: the staged table is gone: somebody else has ended this run.
        """
        name = to_live_name(job.integration, job.table)
        self._is_published(name)
        if assembled.name not in self._find_kinds("kustomer_staging"):
            raise RetryLater(f"DuckDB: staging table {assembled.name} is gone, nothing was published")
        purpose = f"Kustomer {job.table} of {job.integration}; every run of kustomer-extract replaces all rows."
        live = self._file.qualify("kustomer", name)
        with self._file.transaction():
            self.query(f"CREATE OR REPLACE TABLE {live} AS FROM {self._stage(assembled.name)}")
            self.query(f"COMMENT ON TABLE {live} IS {to_literal(purpose)}")
            for field in schema:
                self.query(f"COMMENT ON COLUMN {live}.{quote(field.name)} IS {to_literal(field.description)}")

    def _is_published(self, name: str) -> bool:
        """Tell whether the live table exists; refuse what is no table."""
        kind = self._find_kinds("kustomer").get(name)
        if kind == "VIEW":
            raise WarehouseRefused(
                f"{self._file.path}: kustomer.{name} is a view, and only a table can be published there: rename it, "
                "or drop it; the next run publishes"
            )
        return kind is not None

    # --- records

    def append_jobs(self, jobs: Sequence[Job]) -> None:
        """Write the jobs that `_jobs` does not have yet."""
        self._history.append(jobs)

    def fetch_jobs(self, integration: IntegrationName | None, *, limit: int) -> Sequence[Job]:
        """Read `_jobs`."""
        return self._history.fetch(integration, limit=limit)

    def is_active(self, integration: IntegrationName) -> bool:
        """Tell whether it was ever marked active."""
        return bool(self.query(f"SELECT 1 FROM {self._integrations} WHERE name = ?", [integration]))  # noqa: S608 - our own name

    def mark_active(self, integration: IntegrationName) -> None:
        """Remember that a run of it has been published."""
        status = IntegrationStatus.ACTIVE.value
        self.query(f"INSERT OR IGNORE INTO {self._integrations} VALUES (?, ?)", [integration, status])  # noqa: S608 - our own name

    def _stage(self, name: str) -> str:
        return self._file.qualify("kustomer_staging", name)


@dataclass(frozen=True, slots=True)
class ChunkLoad:
    """Implements `Load`."""

    future: Future[Staged]

    def wait(self, *, until: datetime) -> Staged:  # noqa: ARG002 - a local load takes a second: it ends by itself
        """Wait for its end."""
        return self.future.result()


def _find_misfit(cursor: duckdb.DuckDBPyConnection, file: Path, schema: Sequence[Field]) -> str | None:
    """Name the column that cannot be read, by reading each alone: DuckDB's message quotes values, and names none."""
    for field in schema:
        try:
            cursor.execute(f"SELECT count({quote(field.name)}) FROM {read_chunk(file, [field])}")  # noqa: S608 - our own name
        except _MISFITS:
            return field.name
    return None


def _to_rejection(chunk: str, error: duckdb.Error, column: str | None) -> RowRejected:
    line = re.search(r"in line (\d+)", str(error))
    place = f"near line {line[1] if line else '?'}, column {column or '?'}"
    return RowRejected(
        f"DuckDB refuses a row of {chunk} {place}; the published table stays. A row that passed the transform must "
        "load: please report this; until it is mended, deselect the column in the configuration document"
    )
