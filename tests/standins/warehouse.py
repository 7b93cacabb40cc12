"""A warehouse in memory that keeps what its port promises, and no more. It is as strict as BigQuery, but fast.

Staging tables stay until they are dropped, a publish takes effect once per run, table and columns, and a missing table
is an error. DuckDB is less strict: it drops all staging tables when it is opened again. The contract suite of the port
tests this warehouse like the other two. `docs/adr/0007-a-warehouse-in-memory.md` says why it exists.
"""

from __future__ import annotations

import gzip
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kustomer_extract.adapters.bigquery.loads import to_row_rejection
from kustomer_extract.adapters.duckdb.warehouse import ChunkLoad
from kustomer_extract.errors import RetryLater, WarehouseRefused
from kustomer_extract.models import Assembled, Staged, Vanished, describe_table, to_live_name, to_view_name
from kustomer_extract.schema import iter_paths, schema_hash, to_json
from kustomer_extract.views import Measured
from tests.standins.google.bigquery.rows import RowError, check_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.models import Chunk, IntegrationName, Job, RunId, Table
    from kustomer_extract.schema import Field
    from kustomer_extract.views import FlatView

Row = dict[str, Any]


class MemoryWarehouse:
    """Implements `Warehouse` and `Activations`.

    Attributes:
        live, staging: Rows, by the name of the table.
        jobs: The rows of `_jobs`, in order.
        descriptions: The descriptions of the live tables and their columns.
        foreign_views: Views of other people that have the names of live tables.
        columns: The columns of the live tables.
        published: The rows that each run published. Publishing them again has no effect.
    """

    def __init__(self) -> None:
        self.live: dict[str, list[Row]] = {}
        self.staging: dict[str, list[Row]] = {}
        self.jobs: list[Job] = []
        self.views: dict[str, FlatView] = {}
        self.columns: dict[str, frozenset[str]] = {}
        self.published: dict[tuple[RunId, Table, str], list[Row]] = {}
        self.descriptions: dict[str, tuple[str, dict[str, str]]] = {}
        self.foreign_views: set[str] = set()
        self._active: set[IntegrationName] = set()

    def begin_load(self, chunk: Chunk, schema: Sequence[Field]) -> ChunkLoad:
        is_gzip, done = chunk.data.startswith(b"\x1f\x8b"), Future[Staged]()
        lines = gzip.decompress(chunk.data) if is_gzip else chunk.data
        try:
            check_rows(lines, to_json(schema))
        except RowError as error:
            done.set_exception(to_row_rejection(chunk.name, [{"message": str(error)}], schema))
            return ChunkLoad(done)
        rows = self.staging[chunk.name] = [msgspec.json.decode(line) for line in lines.splitlines()]
        done.set_result(Staged(name=chunk.name, rows=len(rows)))
        return ChunkLoad(done)

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:  # noqa: ARG002 - a port
        if missing := [chunk.name for chunk in chunks if chunk.name not in self.staging]:
            raise WarehouseRefused(f"no staging table {missing[0]}")
        return self._stage(name, [row for chunk in chunks for row in self.staging[chunk.name]])

    def deduplicate(self, name: str, assembled: Assembled, schema: Sequence[Field]) -> Assembled:  # noqa: ARG002 - a port
        if assembled.name not in self.staging:
            raise WarehouseRefused(f"no staging table {assembled.name}")
        rows = sorted(self.staging[assembled.name], key=_to_update)
        return self._stage(name, list({row["id"]: row for row in rows}.values()))

    def _stage(self, name: str, rows: list[Row]) -> Assembled:
        self.staging[name] = rows
        return Assembled(name=name, rows=len(rows), distinct_ids=len({row["id"] for row in rows}))

    def locate(self, integration: IntegrationName, table: Table) -> str:
        return to_live_name(integration, table)

    def count_published(self, integration: IntegrationName, table: Table) -> int | None:
        rows = self.live.get(self._check_place(integration, table))
        return None if rows is None else len(rows)

    def _check_place(self, integration: IntegrationName, table: Table) -> str:
        name = to_live_name(integration, table)
        if name in self.foreign_views:
            raise WarehouseRefused(f"{name} is a view: rename it")
        return name

    def count_older(self, integration: IntegrationName, table: Table, *, created_before: datetime) -> int:
        rows = self.live.get(to_live_name(integration, table), [])
        return sum(_first(row).get("createdAt") is not None and not _is_since(row, created_before) for row in rows)

    def fetch_published_columns(self, integration: IntegrationName, table: Table) -> frozenset[str] | None:
        return self.columns.get(to_live_name(integration, table))

    def sample_vanished(
        self,
        assembled: Assembled,
        integration: IntegrationName,
        table: Table,
        *,
        limit: int,
        created_since: datetime | None,
    ) -> Vanished:
        if assembled.name not in self.staging:
            raise RetryLater(f"staging table {assembled.name} is gone")
        fresh = {row["id"] for row in self.staging[assembled.name]}
        rows = self.live.get(to_live_name(integration, table), [])
        gone = [row["id"] for row in rows if row["id"] not in fresh and _is_since(row, created_since)]
        return Vanished(count=len(gone), ids=tuple(gone[:limit]))

    def publish(self, assembled: Assembled, job: Job, schema: Sequence[Field]) -> None:
        key = (job.run_id, job.table, schema_hash(schema))
        rows, known = self.staging.get(assembled.name), self.published.get(key)
        if known is not None:
            assert rows in (None, known), "a run publishes other rows than before"
            return
        if rows is None:
            raise RetryLater(f"staging table {assembled.name} is gone, nothing was published")
        name = self._check_place(job.integration, job.table)
        purpose = describe_table(job.integration, job.table)
        self.descriptions[name] = purpose, {field.name: field.description for field in schema}
        self.live[name] = self.published[key] = rows
        self.columns[name] = frozenset(".".join(path) for path, _ in iter_paths(schema))

    def drop(self, names: Sequence[str]) -> None:
        for name in names:
            self.staging.pop(name, None)

    def put_view(self, view: FlatView, integration: IntegrationName, schema: Sequence[Field]) -> None:  # noqa: ARG002 - a port
        self.views[to_view_name(integration, view.table)] = view

    def drop_view(self, integration: IntegrationName, table: Table) -> None:
        self.views.pop(to_view_name(integration, table), None)

    def measure_durations(self, integration: IntegrationName, table: Table, schema: Sequence[Field]) -> Measured:  # noqa: ARG002 - a port
        return Measured(rows=0, seconds=0, milliseconds=0)

    def append_jobs(self, jobs: Sequence[Job]) -> None:
        known = {(job.integration, job.job_id) for job in self.jobs}
        self.jobs.extend(job for job in jobs if (job.integration, job.job_id) not in known)

    def fetch_jobs(self, integration: IntegrationName | None, *, limit: int) -> Sequence[Job]:
        jobs = [job for job in self.jobs if integration in {None, job.integration}]
        return sorted(sorted(jobs, key=lambda job: job.job_id), key=_to_start, reverse=True)[:limit]

    def is_active(self, integration: IntegrationName) -> bool:
        return integration in self._active

    def mark_active(self, integration: IntegrationName) -> None:
        self._active.add(integration)


def _to_start(job: Job) -> datetime:
    return job.started_at or datetime.min.replace(tzinfo=UTC)


def _to_update(row: Row) -> datetime:
    updated_at = _first(row).get("updatedAt")
    return datetime.fromisoformat(updated_at) if updated_at else datetime.min.replace(tzinfo=UTC)


def _first(row: Row) -> Row:
    """Get the attributes, which may be an array with one element."""
    attributes = row.get("attributes") or {}
    first: Row = attributes[0] if isinstance(attributes, list) else attributes
    return first


def _is_since(row: Row, moment: datetime | None) -> bool:
    """Whether a row was created since then. Without a moment, every row counts."""
    created_at = _first(row).get("createdAt")
    return moment is None or (created_at is not None and datetime.fromisoformat(created_at) >= moment)
