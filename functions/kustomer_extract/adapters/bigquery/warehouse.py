"""Implements the `Warehouse` port on BigQuery: chunks go to a staging dataset, and one copy replaces the live table.

Only that copy publishes, so readers see the old table or the new one, and a run that dies before it leaves the old one.
Tables that are left in the staging dataset expire.
Longer than 200 lines, because the port has many methods. Each has a few lines; the other modules do the work.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from google.api_core.exceptions import BadRequest, Forbidden, NotFound
from google.cloud import bigquery

from kustomer_extract.adapters.bigquery.history import BigQueryHistory
from kustomer_extract.adapters.bigquery.live import LiveTables
from kustomer_extract.adapters.bigquery.loads import ChunkLoad
from kustomer_extract.adapters.bigquery.rollback import roll_back
from kustomer_extract.adapters.bigquery.views import BigQueryViews
from kustomer_extract.adapters.bigquery.work import (
    APPEND,
    REPLACE,
    BigQueryJobs,
    Timeouts,
    to_bigquery_id,
    to_unique_id,
)
from kustomer_extract.adapters.google.errors import Service
from kustomer_extract.errors import RetryLater, WarehouseRefused
from kustomer_extract.models import Assembled, Staged, Vanished, to_live_name
from kustomer_extract.schema import find, schema_hash, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from kustomer_extract.models import Chunk, IntegrationName, Job, RunId, Table
    from kustomer_extract.ports import Clock
    from kustomer_extract.schema import Field
    from kustomer_extract.views import FlatView, Measured

_MAX_COPY_SOURCES = 1200  # https://cloud.google.com/bigquery/quotas#copy_jobs, read 2026-11-23
_DROPS_AT_ONCE = 8
_MAX_HISTORY = 1000  # jobs among which a run is looked for; time travel does not reach back so far


class BigQueryWarehouse:
    """Implements `Warehouse`.

    Args:
        client: Its project has the datasets and pays for the jobs.
        dataset, staging_dataset: Their names, without the project.
        location: The location of both datasets.
        clock: The clock for waiting.
        labels: Labels for every job, in addition to integration, table and run_id.
        timeouts: How long to wait for BigQuery.
    """

    def __init__(
        self,
        client: bigquery.Client,
        *,
        dataset: str,
        staging_dataset: str,
        location: str,
        clock: Clock,
        labels: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        live, self._staging = f"{client.project}.{dataset}", f"{client.project}.{staging_dataset}"
        self._timeouts = timeouts or Timeouts()
        self._jobs = BigQueryJobs(
            client,
            location=location,
            labels={"app": "kustomer-extract", **(labels or {})},
            clock=clock,
            timeouts=self._timeouts,
        )
        self._live = LiveTables(client, dataset=live, jobs=self._jobs, timeouts=self._timeouts)
        self._views = BigQueryViews(client, dataset=live, jobs=self._jobs, timeouts=self._timeouts)
        self._history = BigQueryHistory(self._jobs, table=f"{live}._jobs")
        self._service = _describe_service(live, self._staging, location)

    def begin_load(self, chunk: Chunk, schema: Sequence[Field]) -> ChunkLoad:
        """Upload the chunk; its rows are in the staging table of its name once the load's `wait` returns."""
        table, labels = f"{self._staging}.{chunk.name}", _to_labels(chunk.name)
        with self._service.translate(f"loading {chunk.name}"):
            job = self._jobs.begin_load(
                to_bigquery_id(chunk.name), chunk.data, table, schema=to_json(schema), write=REPLACE, labels=labels
            )
        staged = Staged(name=chunk.name, rows=chunk.rows)
        return ChunkLoad(staged=staged, job=job, schema=schema, jobs=self._jobs, service=self._service)

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:
        """Copy all chunks into one staging table, with several copy jobs if there are too many for one."""
        table, labels = f"{self._staging}.{name}", _to_labels(name)
        sources = [f"{self._staging}.{chunk.name}" for chunk in chunks]
        with self._service.translate(f"assembling {name}"):
            if not sources:
                self._create_empty(table, schema)
            for start in range(0, len(sources), _MAX_COPY_SOURCES):
                some, write = sources[start : start + _MAX_COPY_SOURCES], APPEND if start else REPLACE
                self._jobs.copy(to_unique_id(name), some, table, write=write, labels=labels)
            return self._count(name)

    def deduplicate(self, name: str, assembled: Assembled, schema: Sequence[Field]) -> Assembled:
        """Insert one row per id into a table with the explicit schema, which keeps the descriptions of the columns."""
        table, columns = f"{self._staging}.{name}", ", ".join(f"`{field.name}`" for field in schema)
        sql = (
            f"INSERT INTO `{table}` SELECT {columns} FROM `{self._staging}.{assembled.name}` WHERE TRUE "  # noqa: S608 - our own names
            f"QUALIFY ROW_NUMBER() OVER (PARTITION BY id{_order_by_latest(schema)}) = 1"
        )
        with self._service.translate(f"removing repeats into {name}"):
            self._create_empty(table, schema)
            self._jobs.query(to_unique_id(name), sql, labels=_to_labels(name))
            return self._count(name)

    def locate(self, integration: IntegrationName, table: Table) -> str:
        """Return the live table's name as used in a query."""
        return f"`{self._live.dataset}.{to_live_name(integration, table)}`"

    def count_published(self, integration: IntegrationName, table: Table) -> int | None:
        """Read the live table's number of rows from its metadata."""
        name = to_live_name(integration, table)
        with self._service.translate(f"looking at {name}"):
            return self._live.count(name)

    def count_older(self, integration: IntegrationName, table: Table, *, created_before: datetime) -> int:
        """Count with a query."""
        name = to_live_name(integration, table)
        with self._service.translate(f"counting the older rows of {name}"):
            return self._live.count_older(name, created_before)

    def fetch_published_columns(self, integration: IntegrationName, table: Table) -> frozenset[str] | None:
        """Read the live table's columns from its metadata."""
        name = to_live_name(integration, table)
        with self._service.translate(f"looking at {name}"):
            return self._live.read_columns(name)

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
        name, source = to_live_name(integration, table), f"{self._staging}.{assembled.name}"
        with self._service.translate(f"comparing {name} with {assembled.name}"), self._expect(source):
            return self._live.sample_vanished(name, source, limit=limit, created_since=created_since)

    def publish(self, assembled: Assembled, job: Job, schema: Sequence[Field]) -> None:
        """Copy the staged table over the live one, then describe it.

        The id of the copy job is made from run, table and columns, and not from the attempt. An invocation that stalled
        and continues after its successor has published finds the id taken, and publishes nothing. A run whose columns
        changed during the run publishes what it has read since.

        Raises:
            RetryLater: also if the staged table is gone. Then another invocation has ended this run and dropped its
                staging; the state, which is read again at redelivery, says so.
        """
        name = to_live_name(job.integration, job.table)
        job_id = to_bigquery_id("publish", job.integration, job.table, job.run_id, schema_hash(schema))
        source = f"{self._staging}.{assembled.name}"
        with self._service.translate(f"publishing {name}"):
            with self._expect(source):
                self._live.replace(name, source, job_id=job_id, labels=_to_labels(assembled.name))
            self._live.describe(job)

    def rollback(self, integration: IntegrationName, table: Table, run_id: RunId) -> Job:
        """Publish the rows of an earlier run again, by time travel; return the job that records this in `_jobs`.

        Raises:
            WarehouseRefused: the run did not publish the table, or BigQuery no longer has its rows.
        """
        name = to_live_name(integration, table)
        jobs = [job for job in self.fetch_jobs(integration, limit=_MAX_HISTORY) if job.table is table]
        with self._service.translate(f"rolling back {name}"):
            done = roll_back(self._live, name, jobs=jobs, run_id=run_id, clock=self._clock)
        self.append_jobs([done])
        return done

    def drop(self, names: Sequence[str]) -> None:
        """Delete staging tables, several at a time: a long run has thousands."""

        def delete(name: str) -> None:
            self._client.delete_table(f"{self._staging}.{name}", not_found_ok=True, **self._timeouts.call)

        with self._service.translate("dropping staging tables"), ThreadPoolExecutor(_DROPS_AT_ONCE) as pool:
            for _ in pool.map(delete, names):
                pass

    def put_view(self, view: FlatView, integration: IntegrationName, schema: Sequence[Field]) -> None:
        """Create or replace the flat view."""
        with self._service.translate(f"making the flat view of {to_live_name(integration, view.table)}"):
            self._views.put(view, integration, schema)

    def drop_view(self, integration: IntegrationName, table: Table) -> None:
        """Drop the flat view, if there is one."""
        with self._service.translate(f"dropping the flat view of {to_live_name(integration, table)}"):
            self._views.drop(integration, table)

    def measure_durations(self, integration: IntegrationName, table: Table, schema: Sequence[Field]) -> Measured:
        """Count the rows of the live table that show Kustomer's unit of duration."""
        with self._service.translate(f"measuring durations in {to_live_name(integration, table)}"):
            return self._views.measure(integration, table, schema)

    def append_jobs(self, jobs: Sequence[Job]) -> None:
        """Write jobs of one run into `_jobs`."""
        with self._service.translate("writing _jobs"):
            self._history.append(jobs)

    def fetch_jobs(self, integration: IntegrationName | None, *, limit: int) -> Sequence[Job]:
        """Read `_jobs`; without that table there are no jobs."""
        with self._service.translate("reading _jobs"):
            return self._history.fetch(integration, limit=limit) if self._exists(self._history.table) else ()

    @contextmanager
    def _expect(self, staged: str) -> Iterator[None]:
        """Ask for redelivery if something is not found because the staged table is gone."""
        try:
            yield
        except NotFound as error:
            if not self._exists(staged):
                name = staged.rpartition(".")[2]
                raise RetryLater(f"BigQuery: staging table {name} is gone, nothing was published") from error
            raise

    def _exists(self, table: str) -> bool:
        try:
            self._client.get_table(table, **self._timeouts.call)
        except NotFound:
            return False
        return True

    def _create_empty(self, table: str, schema: Sequence[Field]) -> None:
        fields = [bigquery.SchemaField.from_api_repr(field) for field in to_json(schema)]
        self._client.delete_table(table, not_found_ok=True, **self._timeouts.call)
        self._client.create_table(bigquery.Table(table, schema=fields), exists_ok=True, **self._timeouts.call)

    def _count(self, name: str) -> Assembled:
        sql = f"SELECT COUNT(*) AS all_rows, COUNT(DISTINCT id) AS ids FROM `{self._staging}.{name}`"  # noqa: S608 - our own name
        (row,) = self._jobs.query(to_unique_id(name), sql, labels=_to_labels(name))
        return Assembled(name=name, rows=row["all_rows"], distinct_ids=row["ids"])


def find_location(client: bigquery.Client, dataset: str) -> str:
    """Return the location of a dataset. Its jobs have to run there."""
    name = f"{client.project}.{dataset}"
    with _describe_service(name, f"{name}_staging", "any").translate(f"looking for dataset {name}"):
        return str(client.get_dataset(name).location)


def _describe_service(live: str, staging: str, location: str) -> Service:
    return Service(
        name="BigQuery",
        refuse=lambda what, cure: WarehouseRefused(f"{what}. {cure}"),
        cures={
            NotFound: f"The datasets {live} and {staging} must exist in location {location}: run terraform apply, or "
            "correct the function's settings. If only a table is gone, the next run makes it again",
            BadRequest: "If somebody has partitioned, clustered or constrained the live table, rename or drop it: the "
            "next run makes it again. Otherwise please report this",
            Forbidden: f"Grant the caller roles/bigquery.dataEditor on {live} and {staging}, and "
            f"roles/bigquery.jobUser on project {live.partition('.')[0]}",
        },
    )


def _order_by_latest(schema: Sequence[Field]) -> str:
    """Return the ORDER BY that puts the latest `updatedAt` first; an empty text if it is not selected."""
    attributes = find(schema, ["attributes"])
    if attributes is None or find(schema, ["attributes", "updatedAt"]) is None:
        return ""
    first = "[SAFE_OFFSET(0)]" if attributes.mode == "REPEATED" else ""
    return f" ORDER BY attributes{first}.updatedAt DESC"


def _to_labels(staging_name: str) -> dict[str, str]:
    """Read the labels of a job from the name of its table: ``acme_conversations__20261123t030000z_1a2b3c4d__2_7``."""
    match = re.fullmatch(r"(.+)_([a-z]+)__([0-9a-z_]+?)__[0-9]+_\w+", staging_name)
    if match is None:
        return {}
    return {"integration": match[1], "table": match[2], "run_id": match[3].replace("_", "-")}
