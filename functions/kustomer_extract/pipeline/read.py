"""Reads a table from where it stopped: pages become rows, rows become chunks, chunks go to staging."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import GuardRefused, NeedsPerson, RetryLater
from kustomer_extract.models import Batch, Chunk, Page, TableState, to_staging_name
from kustomer_extract.pipeline.chunks import ChunkBuilder
from kustomer_extract.pipeline.rows import RowReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kustomer_extract.models import Staged
    from kustomer_extract.pipeline.table import TableWork
    from kustomer_extract.ports import Load


def read(work: TableWork) -> None:
    """Read a table to its end, or until time is up.

    Raises:
        NeedsPerson: the extract cannot be completed, or `history_start` leaves nothing of it.
        RetryLater: it cannot be completed now. The pages that were read are staged and recorded.
    """
    reading = _Reading(work)
    with closing(work.source.iter_pages(work.table, start=work.state.cursor, until=work.invocation.until)) as pages:
        while isinstance(taken := _take(pages), Page):
            reading.add(taken)
    if isinstance(taken, RetryLater):
        with suppress(RetryLater):  # report the first failure
            reading.close()
        raise taken
    reading.check_history()
    reading.close()


def _take(pages: Iterator[Page]) -> Page | RetryLater | None:
    """Return the next page, or the temporary failure that prevents it; None after the last page."""
    try:
        return next(pages, None)
    except RetryLater as error:
        return error


@dataclass(frozen=True, slots=True)
class _Loading:
    """A chunk that is being loaded, and the table's progress once it is staged (without the chunk itself)."""

    load: Load
    position: TableState


class _Reading:
    """Collects pages into chunks. One chunk is loaded while the next is read."""

    def __init__(self, work: TableWork) -> None:
        self._work = work
        limits, state = work.invocation.limits, work.ledger.state
        self._builder = ChunkBuilder(
            max_rows=limits.chunk_rows, max_bytes=limits.chunk_bytes, compresses=limits.compresses_chunks
        )
        batch = Batch(run_id=state.run_id, started_at=state.started_at)
        self._rows = RowReader(work.integration, work.choice, table=work.table, batch=batch, job=work.state.job)
        self._position = work.state
        self._number = len(work.state.chunks)
        self._loading: _Loading | None = None
        self._discarded: tuple[Staged, ...] = ()

    def add(self, page: Page) -> None:
        """Add the rows of a page."""
        if page.restart:
            self._discard()
        self._builder.add(self._rows.to_lines(page))
        job = self._rows.job
        self._position = replace(self._position, job=job, cursor=page.next, extracted=page.next is None)
        self._work.emit(events.PageRead(rows=job.rows, pages=job.pages, expected_rows=job.expected_rows))
        if self._builder.is_full and not self._position.extracted and self._has_new_page():
            self._load()

    def close(self) -> None:
        """Load the rest, and record how far the table was read."""
        if not self._has_new_page() and not self._position.extracted:
            self._builder.close()
            self._position = replace(self._position, job=self._work.state.job)
        if self._builder.rows:
            self._load()
        self._settle()
        known = self._work.state
        if replace(self._position, job=known.job) != known:
            self._record(self._position)

    def _has_new_page(self) -> bool:
        """Tell whether there is progress: a source that continues reads its latest page again, which is none."""
        return self._position.cursor != self._work.state.cursor

    def check_history(self) -> None:
        """Refuse an empty table where there are conversations, before anything is recorded.

        This process is sure to see some of those that are left out: it reads the last page.

        Raises:
            GuardRefused: `history_start` leaves out everything.
        """
        start = self._work.integration.history_start
        if start is None or not self._position.extracted or self._position.job.rows or not self._rows.left_out:
            return
        raise GuardRefused(
            f"history_start leaves out everything: all {self._work.table} that were read were created before "
            f"{start:%Y-%m-%d}; nothing is published. Set an earlier history_start in the configuration document and "
            "run again; if nothing is wanted, set `selected: false` for this table"
        )

    def _discard(self) -> None:
        """Discard what was read so far, because the source starts over. The next write updates the state."""
        self._builder.close()
        if self._loading is not None:
            self._discarded += (self._wait(self._loading),)
            self._loading = None
        self._discarded += self._position.chunks
        self._rows.reset()
        self._position = replace(self._position, chunks=())

    def _load(self) -> None:
        """Start to load the chunk, then wait for the one before."""
        name = to_staging_name(self._work.ledger.state, self._work.table, self._number)
        chunk = Chunk(name=name, rows=self._builder.rows, data=self._builder.close())
        load = self._work.invocation.ports.warehouse.begin_load(chunk, self._work.schema)
        self._number += 1
        self._settle(begun=_Loading(load, self._position))

    def _settle(self, begun: _Loading | None = None) -> None:
        """Wait for the chunk that was being loaded, and record it. `begun` is the next one."""
        loading, self._loading = self._loading, begun
        if loading is None:
            return
        staged, job = self._wait(loading), loading.position.job
        self._record(replace(loading.position, chunks=self._position.chunks), staged)
        event = events.ChunkLoaded(chunk=staged.name, chunk_rows=staged.rows, rows=job.rows, pages=job.pages)
        self._work.emit(event)
        self._work.check_wanted()

    def _wait(self, loading: _Loading) -> Staged:
        return loading.load.wait(until=self._work.invocation.until + self._work.invocation.limits.load_time)

    def _record(self, position: TableState, *staged: Staged) -> None:
        self._work.ledger.record(self._work.table, position, staged)
        self._position = replace(self._position, chunks=self._work.state.chunks)
        discarded, self._discarded = self._discarded, ()
        if discarded:
            with suppress(NeedsPerson, RetryLater):  # staging tables expire by themselves
                self._work.invocation.ports.warehouse.drop([chunk.name for chunk in discarded])
