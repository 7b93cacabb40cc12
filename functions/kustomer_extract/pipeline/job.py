"""One table of one run: extract into chunks, load them, publish. Goes on from wherever the ledger says it stopped."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.config import is_running
from kustomer_extract.errors import GuardRefused, Stopped, UnknownIntegration, WarehouseRefused
from kustomer_extract.models import (
    Assembled,
    Batch,
    Chunk,
    Job,
    JobStatus,
    JsonObject,
    Page,
    Staged,
    Table,
    TableState,
    to_live_name,
    to_staging_name,
)
from kustomer_extract.pipeline.chunks import ChunkBuilder
from kustomer_extract.pipeline.guard import check_drop
from kustomer_extract.schema import load_schema, select
from kustomer_extract.transform import compile_transform, read_created_at, to_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from kustomer_extract.config import Integration
    from kustomer_extract.pipeline.ledger import Ledger
    from kustomer_extract.pipeline.limits import Limits
    from kustomer_extract.ports import Load, Ports, Source

_MAX_DRIFT_PATHS = 50


@dataclass(frozen=True, slots=True)
class _Loading:
    """A chunk on its way, and the table's state, but for `chunks`, once it is staged."""

    load: Load
    after: TableState


class TableJob:
    """Brings one table from its recorded state as far as time allows.

    Args:
        until: The soft deadline of this invocation.
    """

    def __init__(  # the whole invocation in seven named parts
        self,
        table: Table,
        *,
        integration: Integration,
        ledger: Ledger,
        limits: Limits,
        ports: Ports,
        source: Source,
        until: datetime,
    ) -> None:
        self._table = table
        self._integration = integration
        self._ledger = ledger
        self._limits = limits
        self._ports = ports
        self._source = source
        self._until = until
        self._config = integration.tables[table]
        self._schema = select(load_schema(table), self._config.columns)
        self._scope = events.Scope(integration=integration.name, run_id=ledger.state.run_id, table=table)

    def advance(self) -> bool:
        """Do the work; return False if time ran out before the end.

        Raises:
            NeedsPerson: the job has failed; the published table is as it was.
            RetryLater: try again from the recorded state.
            TakenOver: another invocation has the run.
        """
        job = self._ledger.table(self._table).job
        self._emit(events.JobStarted(job_id=job.job_id, resumed=job.started_at is not None))
        self._check_wanted()
        if job.started_at is None:
            self._ledger.change_job(self._table, started_at=self._ports.clock.now())
        if not self._ledger.table(self._table).extracted:
            self._extract()
        if not self._ledger.table(self._table).extracted or self._ports.clock.now() >= self._until:
            return False
        self._publish(self._assemble())
        return True

    def _extract(self) -> None:
        """Read pages into chunks; one chunk loads while the next is read."""
        here = self._ledger.table(self._table)
        reader = _Reader(self._table, self._integration, batch=self._batch(), job=here.job)
        builder = ChunkBuilder(max_rows=self._limits.chunk_rows, max_bytes=self._limits.chunk_bytes)
        number, loading = len(here.chunks), None
        with closing(self._source.iter_pages(self._table, start=here.cursor, until=self._until)) as pages:
            for page in pages:
                builder.add(reader.to_lines(page))
                here = TableState(job=reader.job, cursor=page.next, extracted=page.next is None)
                self._emit(events.PageRead(rows=reader.job.rows, pages=reader.job.pages))
                if builder.is_full and not here.extracted:
                    loading = self._exchange(loading, self._begin_load(builder, number, here))
                    number += 1
        if builder.rows:
            loading = self._exchange(loading, self._begin_load(builder, number, here))
        self._exchange(loading, None)
        self._record(here, ())
        if here.extracted and here.job.drift:
            self._emit(events.DriftFound(paths=here.job.drift))

    def _batch(self) -> Batch:
        return Batch(run_id=self._ledger.state.run_id, started_at=self._ledger.state.started_at)

    def _begin_load(self, builder: ChunkBuilder, number: int, after: TableState) -> _Loading:
        name = to_staging_name(self._ledger.state, self._table, number)
        chunk = Chunk(name=name, rows=builder.rows, data=builder.close())
        return _Loading(self._ports.warehouse.begin_load(chunk, self._schema), after)

    def _exchange(self, done: _Loading | None, begun: _Loading | None) -> _Loading | None:
        """Wait for the earlier load and record it, now that the later one is under way."""
        if done is not None:
            staged = done.load.wait(until=self._until + self._limits.load_time)
            self._record(done.after, (staged,))
            job = done.after.job
            self._emit(events.ChunkLoaded(chunk=staged.name, chunk_rows=staged.rows, rows=job.rows, pages=job.pages))
            self._check_wanted()
        return begun

    def _record(self, here: TableState, staged: tuple[Staged, ...]) -> None:
        """Commit a new position together with the chunks that led to it; a position already recorded needs nothing."""
        known = self._ledger.table(self._table)
        if staged or here.cursor != known.cursor or here.extracted != known.extracted:
            changed = replace(here, chunks=(*known.chunks, *staged))
            self._ledger.change_table(self._table, changed)
            self._ledger.commit(failures=0)

    def _check_wanted(self) -> None:
        """Stop if a person has paused or deleted the integration since the run began."""
        try:
            document = self._ports.configs.fetch(self._integration.name)
        except UnknownIntegration:
            document = {"status": "DELETED"}
        if not is_running(document):
            raise Stopped(f"stopped, because the integration is {document['status']}; the published table stays")

    def _assemble(self) -> Assembled:
        """Put the chunks together, count, and remove repeats."""
        state, table, warehouse = self._ledger.state, self._ledger.table(self._table), self._ports.warehouse
        assembled = warehouse.assemble(to_staging_name(state, self._table, "all"), table.chunks, self._schema)
        if assembled.rows != table.loaded_rows:
            raise WarehouseRefused(
                f"{table.loaded_rows} rows were loaded, but staging table {assembled.name} has {assembled.rows}: "
                "nothing was published. Look for somebody else's writes to the staging dataset, then run again"
            )
        if assembled.distinct_ids == assembled.rows:
            return assembled
        unique = warehouse.deduplicate(to_staging_name(state, self._table, "unique"), assembled, self._schema)
        if not unique.rows == unique.distinct_ids == assembled.distinct_ids:
            raise WarehouseRefused(
                f"{unique.name} has {unique.rows} rows for {assembled.distinct_ids} ids; report this"
            )
        return unique

    def _publish(self, assembled: Assembled) -> None:
        warehouse, table = self._ports.warehouse, self._table
        published_rows = warehouse.count_published(self._integration.name, table)
        self._check_guard(assembled.rows, published_rows)
        self._check_wanted()
        duplicates = self._ledger.table(table).loaded_rows - assembled.rows
        self._ledger.change_job(table, rows=assembled.rows, duplicates=duplicates)
        self._ledger.commit()  # the fence: whoever has lost the run does not publish
        warehouse.publish(assembled, self._ledger.table(table).job, self._schema)
        now = self._ports.clock.now()
        self._ledger.change_job(table, status=JobStatus.SUCCEEDED, published_at=now, finished_at=now)
        self._ledger.commit(failures=0)
        live_name = to_live_name(self._integration.name, table)
        self._emit(
            events.TablePublished(name_in_warehouse=live_name, rows=assembled.rows, replaced_rows=published_rows)
        )

    def _check_guard(self, rows: int, published_rows: int | None) -> None:
        limit = self._config.max_drop_percent
        try:
            check_drop(rows, published_rows, limit)
        except GuardRefused:
            self._emit(events.GuardRefusal(rows=rows, published_rows=published_rows or 0, max_drop_percent=limit))
            raise

    def _emit(self, event: events.Event) -> None:
        self._ports.log.emit(self._scope, event)


class _Reader:
    """Turns pages into lines and keeps the job's counts up to the last page."""

    def __init__(self, table: Table, integration: Integration, *, batch: Batch, job: Job) -> None:
        self.job = job
        self._to_row = compile_transform(load_schema(table), integration.tables[table].columns, table=table)
        self._batch = batch
        self._history_start = integration.history_start if table is Table.CONVERSATIONS else None

    def to_lines(self, page: Page) -> list[bytes]:
        """Transform the records of a page that are young enough."""
        drift: Counter[str] = Counter()
        lines = []
        for record in self._select(page.records):
            row, differences = self._to_row(record, batch=self._batch)
            lines.append(to_line(row))
            drift.update(differences)
        self.job = replace(
            self.job,
            rows=self.job.rows + len(lines),
            pages=self.job.pages + 1,
            bytes=self.job.bytes + page.size_bytes,
            retries=self.job.retries + page.retries,
            drift=_add_drift(self.job.drift, drift) if drift else self.job.drift,
        )
        return lines

    def _select(self, records: Iterable[JsonObject]) -> Iterable[JsonObject]:
        if self._history_start is None:
            return records
        return [record for record in records if not _is_before(record, self._history_start)]


def _is_before(record: JsonObject, start: datetime) -> bool:
    """Whether a conversation was created before `start`; one without a readable `createdAt` was not."""
    created_at = read_created_at(record)
    return created_at is not None and created_at < start


def _add_drift(known: Mapping[str, int], new: Counter[str]) -> dict[str, int]:
    """Add counts, for at most 50 paths."""
    total = dict(known)
    for path, count in new.items():
        if path in total or len(total) < _MAX_DRIFT_PATHS:
            total[path] = total.get(path, 0) + count
    return total
