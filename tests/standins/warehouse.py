"""The weakest warehouse that keeps the promises of its port: what BigQuery may do to a run, without BigQuery.

Staging tables are copies that outlive whoever made them until somebody drops them, a publish takes effect once per run
and table, and whatever is not there is refused. DuckDB is kinder: it lays views over chunks and forgets all of staging
at the next opening. Runs take milliseconds here, so thousands of them can go wrong in a test.
"""

from __future__ import annotations

import gzip
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import orjson

from kustomer_extract.adapters.duckdb.warehouse import ChunkLoad
from kustomer_extract.errors import RetryLater, WarehouseRefused
from kustomer_extract.models import Assembled, Staged, to_live_name, to_view_name
from kustomer_extract.views import Measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.models import Chunk, IntegrationName, Job, RunId, Table
    from kustomer_extract.schema import Field
    from kustomer_extract.views import FlatView

Row = dict[str, Any]


class MemoryWarehouse:
    """Implements `Warehouse` and `local.Activations`.

    Attributes:
        live, staging: Rows by the names of their tables.
        jobs: The rows of `_jobs`, in order.
        published: What was published of which run, and stays published when it is published again.
    """

    def __init__(self) -> None:
        self.live: dict[str, list[Row]] = {}
        self.staging: dict[str, list[Row]] = {}
        self.jobs: list[Job] = []
        self.views: dict[str, FlatView] = {}
        self.published: dict[tuple[RunId, Table], list[Row]] = {}
        self._active: set[IntegrationName] = set()

    def begin_load(self, chunk: Chunk, schema: Sequence[Field]) -> ChunkLoad:  # noqa: ARG002 - a port
        rows = [orjson.loads(line) for line in gzip.decompress(chunk.data).splitlines()]
        self.staging[chunk.name] = rows
        done: Future[Staged] = Future()
        done.set_result(Staged(name=chunk.name, rows=len(rows)))
        return ChunkLoad(done)

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:  # noqa: ARG002 - a port
        if missing := [chunk.name for chunk in chunks if chunk.name not in self.staging]:
            raise WarehouseRefused(f"no staging table {missing[0]}")
        return self._stage(name, [row for chunk in chunks for row in self.staging[chunk.name]])

    def deduplicate(self, name: str, assembled: Assembled, schema: Sequence[Field]) -> Assembled:  # noqa: ARG002 - a port
        if assembled.name not in self.staging:
            raise WarehouseRefused(f"no staging table {assembled.name}")
        return self._stage(name, list({row["id"]: row for row in self.staging[assembled.name]}.values()))

    def _stage(self, name: str, rows: list[Row]) -> Assembled:
        self.staging[name] = rows
        return Assembled(name=name, rows=len(rows), distinct_ids=len({row["id"] for row in rows}))

    def count_published(self, integration: IntegrationName, table: Table) -> int | None:
        rows = self.live.get(to_live_name(integration, table))
        return None if rows is None else len(rows)

    def publish(self, assembled: Assembled, job: Job, schema: Sequence[Field]) -> None:  # noqa: ARG002 - a port
        rows, known = self.staging.get(assembled.name), self.published.get((job.run_id, job.table))
        if known is not None:
            assert rows in (None, known), "a run publishes other rows than before"
            return
        if rows is None:
            raise RetryLater(f"staging table {assembled.name} is gone, nothing was published")
        self.live[to_live_name(job.integration, job.table)] = self.published[job.run_id, job.table] = rows

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
        known = {job.job_id for job in self.jobs}
        self.jobs.extend(job for job in jobs if job.job_id not in known)

    def fetch_jobs(self, integration: IntegrationName | None, *, limit: int) -> Sequence[Job]:
        return [job for job in reversed(self.jobs) if integration in {None, job.integration}][:limit]

    def is_active(self, integration: IntegrationName) -> bool:
        return integration in self._active

    def mark_active(self, integration: IntegrationName) -> None:
        self._active.add(integration)
