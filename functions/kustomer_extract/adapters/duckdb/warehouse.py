"""Implements the `Warehouse` port on a DuckDB file: for a laptop instead of BigQuery, and for the tests as a fake.

::

    kustomer.<integration>_<table>   live tables, replaced in one transaction: readers see the old rows or the new
    kustomer._jobs                   the history of jobs
    kustomer._integrations           which integrations are ACTIVE
    kustomer.<…>__<run>              rows that are being loaded (staging.py), in a transaction of their own

DuckDB's lock on the file keeps a second process out. A killed process leaves nothing but uncommitted work.

Columns have BigQuery's names and nested types. If BigQuery would refuse a value, DuckDB refuses it, too, or changes it
silently: numbers, booleans and objects become text, 1.5 in an INTEGER becomes 2, true becomes 1, "yes" becomes true,
digits beyond microseconds are cut, unknown fields are dropped, a null in an array stays. The transform makes no such
values. An absent array is NULL here and empty in BigQuery.
Longer than 200 lines, because the port has many methods. Each has a few lines; the other modules do the work.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from kustomer_extract.adapters.duckdb.file import DuckDbFile
from kustomer_extract.adapters.duckdb.history import DuckDbHistory
from kustomer_extract.adapters.duckdb.published import count_older, read_columns, sample_vanished
from kustomer_extract.adapters.duckdb.sql import quote, to_literal
from kustomer_extract.adapters.duckdb.staging import DuckDbStaging
from kustomer_extract.adapters.duckdb.views import DuckDbViews
from kustomer_extract.errors import RetryLater, WarehouseRefused
from kustomer_extract.models import Assembled, IntegrationStatus, Staged, Vanished, describe_table, to_live_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from kustomer_extract.models import Chunk, IntegrationName, Job, Table
    from kustomer_extract.schema import Field
    from kustomer_extract.views import FlatView, Measured


class DuckDbWarehouse:
    """Implements `Warehouse` and `Activations`. Close it after use.

    A thread loads chunks while the next pages are read.
    """

    def __init__(self, file: DuckDbFile) -> None:
        self._file = file
        self.query = file.query
        self._published: set[str] = set()  # staging names that were published
        self._integrations = file.qualify("kustomer", "_integrations")
        self.query("SET GLOBAL TimeZone = 'UTC'")
        if not file.read_only:
            self._prepare(file.qualify("kustomer"))
        self.staging = DuckDbStaging(file)
        if not file.read_only:
            self.staging.clear()
        self._history = DuckDbHistory(file)
        self._views = DuckDbViews(file)
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="duckdb-load")

    def _prepare(self, live: str) -> None:
        statements = (
            f"CREATE SCHEMA IF NOT EXISTS {live}",
            f"CREATE TABLE IF NOT EXISTS {self._integrations} (name VARCHAR PRIMARY KEY, status VARCHAR)",
            # Writes at every opening, so that a read-only file or folder is refused before any page is read.
            f"COMMENT ON TABLE {self._integrations} IS 'Integrations that have been published'",
        )
        self._file.run(statements)

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False) -> Self:
        """Open the file, create it if needed, and drop the tables of killed runs; with `read_only` change nothing.

        Raises:
            WarehouseRefused: it is in use, not a DuckDB file, or may not be written; the message says what to do.
        """
        file = DuckDbFile.open(path, read_only=read_only)
        try:
            return cls(file)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Wait for the current load, and close the file."""
        self._loader.shutdown(cancel_futures=True)
        self.staging.close()
        self._file.close()

    # --- staging

    def begin_load(self, chunk: Chunk, schema: Sequence[Field]) -> ChunkLoad:
        """Start to load the chunk. It replaces an earlier chunk with its name."""
        return ChunkLoad(self._loader.submit(self.staging.load, chunk, schema))

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:
        """Drop all other chunks; these are already in one table."""
        return self.staging.assemble(name, chunks, schema)

    def deduplicate(self, name: str, assembled: Assembled, schema: Sequence[Field]) -> Assembled:  # noqa: ARG002 - both names mean the same table
        """Remove repeats in the same table."""
        return self.staging.deduplicate(name, schema)

    def drop(self, names: Sequence[str]) -> None:
        """Drop staged rows after the current load, which may load some of them."""
        self._loader.submit(self.staging.drop, names).result()

    # --- publishing

    def locate(self, integration: IntegrationName, table: Table) -> str:
        """Return the live table's name as used in a query."""
        return self._file.qualify("kustomer", to_live_name(integration, table))

    def count_published(self, integration: IntegrationName, table: Table) -> int | None:
        """Count the rows of the live table."""
        name = to_live_name(integration, table)
        if not self._is_published(name):
            return None
        ((rows,),) = self.query(f"SELECT count(*) FROM {self._file.qualify('kustomer', name)}")  # noqa: S608 - our own name
        return int(rows)

    def count_older(self, integration: IntegrationName, table: Table, *, created_before: datetime) -> int:
        """Count with a query."""
        name = to_live_name(integration, table)
        if not self._is_published(name):
            return 0
        return count_older(self._file, self._file.qualify("kustomer", name), created_before)

    def fetch_published_columns(self, integration: IntegrationName, table: Table) -> frozenset[str] | None:
        """Read the live table's columns."""
        name = to_live_name(integration, table)
        if not self._is_published(name):
            return None
        return frozenset(read_columns(self._file, self._file.qualify("kustomer", name)))

    def sample_vanished(
        self,
        assembled: Assembled,
        integration: IntegrationName,
        table: Table,
        *,
        limit: int,
        created_since: datetime | None,
    ) -> Vanished:
        """Compare the ids of the live table with the staged ones."""
        name = to_live_name(integration, table)
        if not self._is_published(name):
            return Vanished()
        if not self.staging.is_ready(assembled.name):
            raise RetryLater(f"DuckDB: staging table {assembled.name} is gone, nothing was published")
        live, staged = self._file.qualify("kustomer", name), self.staging.qualify(assembled.name)
        connection = self.staging.find(assembled.name)
        return sample_vanished(connection, live, staged, limit=limit, created_since=created_since)

    def publish(self, assembled: Assembled, job: Job, schema: Sequence[Field]) -> None:
        """Replace the live table with the staged one and describe its columns, in one transaction.

        Raises:
            RetryLater: the staged table is gone, because the run has ended.
        """
        name = to_live_name(job.integration, job.table)
        self._is_published(name)
        if not self.staging.is_ready(assembled.name):
            if assembled.name in self._published:
                return
            raise RetryLater(f"DuckDB: staging table {assembled.name} is gone, nothing was published")
        purpose = describe_table(job.integration, job.table)
        live = self._file.qualify("kustomer", name)
        comments = [f"COMMENT ON TABLE {live} IS {to_literal(purpose)}"] + [
            f"COMMENT ON COLUMN {live}.{quote(field.name)} IS {to_literal(field.description)}" for field in schema
        ]
        self.staging.release(assembled.name, to=name, statements=comments)
        self._published.add(assembled.name)

    def _is_published(self, name: str) -> bool:
        """Tell whether the live table exists; refuse a view with its name."""
        kind = self._file.list_kinds().get(name)
        if kind == "VIEW":
            raise WarehouseRefused(
                f"{self._file.path}: kustomer.{name} is a view, and only a table can be published there: rename it, "
                "or drop it; the next run publishes"
            )
        return kind is not None

    # --- flat views

    def put_view(self, view: FlatView, integration: IntegrationName, schema: Sequence[Field]) -> None:
        """Create or replace the flat view."""
        self._views.put(view, integration, schema)

    def drop_view(self, integration: IntegrationName, table: Table) -> None:
        """Drop the flat view, if there is one."""
        self._views.drop(integration, table)

    def measure_durations(self, integration: IntegrationName, table: Table, schema: Sequence[Field]) -> Measured:
        """Count the rows of the live table that show Kustomer's unit of duration."""
        return self._views.measure(integration, table, schema)

    # --- records

    def append_jobs(self, jobs: Sequence[Job]) -> None:
        """Append the jobs that `_jobs` does not have yet."""
        self._history.append(jobs)

    def fetch_jobs(self, integration: IntegrationName | None, *, limit: int) -> Sequence[Job]:
        """Read `_jobs`."""
        return self._history.fetch(integration, limit=limit)

    def is_active(self, integration: IntegrationName) -> bool:
        """Tell whether the integration was marked active."""
        if self._file.read_only and "_integrations" not in self._file.list_kinds():  # nobody made it yet
            return False
        return bool(self.query(f"SELECT 1 FROM {self._integrations} WHERE name = ?", [integration]))  # noqa: S608 - our own name

    def mark_active(self, integration: IntegrationName) -> None:
        """Mark the integration active."""
        status = IntegrationStatus.ACTIVE.value
        self.query(f"INSERT OR IGNORE INTO {self._integrations} VALUES (?, ?)", [integration, status])  # noqa: S608 - our own name


@dataclass(frozen=True, slots=True)
class ChunkLoad:
    """Implements `Load`."""

    future: Future[Staged]

    def wait(self, *, until: datetime) -> Staged:  # noqa: ARG002 - a local load takes a second
        """Wait until the load has ended."""
        return self.future.result()
