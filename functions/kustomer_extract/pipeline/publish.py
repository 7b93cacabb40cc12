"""Publishes what was staged: joins the chunks, counts, compares with the published table, and replaces it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import GuardRefused, Truncated, WarehouseRefused
from kustomer_extract.models import Proof, Table, to_live_name, to_staging_name
from kustomer_extract.pipeline.flat_view import narrow_view, refresh_view
from kustomer_extract.pipeline.guard import check_drop
from kustomer_extract.schema import iter_paths, list_content

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from kustomer_extract.models import Assembled
    from kustomer_extract.pipeline.table import TableWork

_SAMPLE = 20  # ids that are looked up, with one request each


def publish(work: TableWork) -> None:
    """Replace the published table with what is staged.

    Raises:
        NeedsPerson: it was not replaced; the published table is unchanged.
    """
    warehouse, ledger, table = work.invocation.ports.warehouse, work.ledger, work.table
    assembled = _assemble(work)
    _report(work, assembled.rows)
    published_rows = warehouse.count_published(work.integration.name, table)
    _check_guard(work, assembled.rows, published_rows)
    _check_vanished(work, assembled)
    published = warehouse.fetch_published_columns(work.integration.name, table)
    added, removed = _compare_columns(work, published)
    work.check_wanted()
    job = replace(
        work.state.job,
        rows=assembled.rows,
        duplicates=work.state.loaded_rows - assembled.rows,
        columns_added=added,
        columns_removed=removed,
    )
    narrow_view(work, published)
    ledger.announce_publish(table, job)
    warehouse.publish(assembled, job, work.schema)
    ledger.end_job(table)
    live_name = to_live_name(work.integration.name, table)
    work.emit(events.TablePublished(name_in_warehouse=live_name, rows=assembled.rows, replaced_rows=published_rows))
    refresh_view(work)


def _assemble(work: TableWork) -> Assembled:
    """Join the chunks, count, and remove repeated rows."""
    state, table, warehouse = work.ledger.state, work.state, work.invocation.ports.warehouse
    assembled = warehouse.assemble(to_staging_name(state, work.table, "all"), table.chunks, work.schema)
    if assembled.rows != table.loaded_rows:
        raise WarehouseRefused(
            f"{table.loaded_rows} rows were loaded, but staging table {assembled.name} has {assembled.rows}: "
            "nothing was published. Find out who else writes to the staging dataset, then run again"
        )
    if assembled.distinct_ids == assembled.rows:
        return assembled
    unique = warehouse.deduplicate(to_staging_name(state, work.table, "unique"), assembled, work.schema)
    if not unique.rows == unique.distinct_ids == assembled.distinct_ids:
        raise WarehouseRefused(f"{unique.name} has {unique.rows} rows for {assembled.distinct_ids} ids; report this")
    return unique


def _report(work: TableWork, rows: int) -> None:
    """Log what is unusual about a finished extract of so many rows, without repeats."""
    job = work.state.job
    if job.drift:
        work.emit(events.DriftFound(paths=job.drift))
    # Search may count merged or hidden records differently, so fewer rows than counted are a warning, not a failure.
    is_counted = job.expected_rows is not None and job.proven_by is not Proof.TOTAL
    is_fewer = is_counted and rows < (job.expected_rows or 0)
    if job.proven_by is Proof.NONE or job.short_pages or job.unreadable_rows or is_fewer:
        event = events.ExtractUnproven(
            proven_by=job.proven_by,
            rows=rows if is_fewer else None,
            expected_rows=job.expected_rows if is_fewer else None,
            percent=round(100 * rows / job.expected_rows, 1) if is_fewer and job.expected_rows else None,
            short_pages=job.short_pages or None,
            unreadable_rows=job.unreadable_rows or None,
        )
        work.emit(event)


def _check_vanished(work: TableWork, assembled: Assembled) -> None:
    """Ask Kustomer for some of the published conversations that were not read this time.

    If Kustomer does not have them, they were deleted. If it still has one, the list was incomplete. No way is known to
    ask for a survey, a user or a team: where those vanish, a warning says so.
    """
    is_asked_for = work.table is Table.CONVERSATIONS
    vanished = work.invocation.ports.warehouse.sample_vanished(
        assembled,
        work.integration.name,
        work.table,
        limit=_SAMPLE,
        created_since=work.integration.history_start if is_asked_for else None,
    )
    if not vanished.ids:
        return
    if not is_asked_for:
        work.emit(events.RowsVanished(rows=vanished.count))
        return
    existing = work.source.find_existing(work.table, vanished.ids, until=work.invocation.until)
    if existing:
        raise Truncated(
            f"{vanished.count} published {work.table} are not among the {assembled.rows} that were read; of "
            f"{len(vanished.ids)} of them that were looked up Kustomer still has {len(existing)}: the list was not "
            "complete; the published table stays as it is. Run again; ask Kustomer's support if it happens again"
        )


def _compare_columns(work: TableWork, published: AbstractSet[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that the published table gains and loses. A RECORD stands for all of its fields."""
    if published is None:
        return (), ()
    new = {".".join(path) for path, _ in iter_paths(work.schema)}
    added, removed = _list_topmost(new - published), _list_topmost(published - new)
    content = tuple(sorted(list_content(work.schema) - published))
    if added or removed:
        work.emit(events.SelectionChanged(columns_added=added, columns_removed=removed, content_added=content))
    return added, removed


def _list_topmost(paths: AbstractSet[str]) -> tuple[str, ...]:
    return tuple(sorted(path for path in paths if path.rpartition(".")[0] not in paths))


def _check_guard(work: TableWork, rows: int, published_rows: int | None) -> None:
    limit = work.config.max_drop_percent
    try:
        check_drop(rows, published_rows, limit)
    except GuardRefused:
        if published_rows is not None and _is_explained(work, rows, published_rows):
            return
        work.emit(events.GuardRefusal(rows=rows, published_rows=published_rows or 0, max_drop_percent=limit))
        raise


def _is_explained(work: TableWork, rows: int, published_rows: int) -> bool:
    """Tell whether the drop is caused by `history_start`. It does not explain a table without any row."""
    start = work.integration.history_start
    if start is None or work.table is not Table.CONVERSATIONS or rows == 0:
        return False
    warehouse = work.invocation.ports.warehouse
    older = warehouse.count_older(work.integration.name, work.table, created_before=start)
    try:
        check_drop(rows, published_rows - older, work.config.max_drop_percent)
    except GuardRefused:
        return False
    reason = f"history_start leaves out {older} that were created before {start:%Y-%m-%d}"
    work.emit(events.DropExplained(rows=rows, published_rows=published_rows, reason=reason))
    return True
