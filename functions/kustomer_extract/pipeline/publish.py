"""What is read becomes what people see: put together, counted, compared with the published table, then published."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import GuardRefused, Truncated, WarehouseRefused
from kustomer_extract.models import Table, to_live_name, to_staging_name
from kustomer_extract.pipeline.flat_view import narrow_view, refresh_view
from kustomer_extract.pipeline.guard import check_drop
from kustomer_extract.schema import iter_paths, list_content

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from kustomer_extract.models import Assembled
    from kustomer_extract.pipeline.table import TableWork

_SAMPLE = 20  # ids that are looked up: a request each


def publish(work: TableWork) -> None:
    """Replace the published table by what is staged.

    Raises:
        NeedsPerson: the published table is as it was.
    """
    warehouse, ledger, table = work.invocation.ports.warehouse, work.ledger, work.table
    assembled = _assemble(work)
    published_rows = warehouse.count_published(work.integration.name, table)
    _check_guard(work, assembled.rows, published_rows)
    if table is Table.CONVERSATIONS:
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
    """Put the chunks together, count, and remove repeats."""
    state, table, warehouse = work.ledger.state, work.state, work.invocation.ports.warehouse
    assembled = warehouse.assemble(to_staging_name(state, work.table, "all"), table.chunks, work.schema)
    if assembled.rows != table.loaded_rows:
        raise WarehouseRefused(
            f"{table.loaded_rows} rows were loaded, but staging table {assembled.name} has {assembled.rows}: "
            "nothing was published. Look for somebody else's writes to the staging dataset, then run again"
        )
    if assembled.distinct_ids == assembled.rows:
        return assembled
    unique = warehouse.deduplicate(to_staging_name(state, work.table, "unique"), assembled, work.schema)
    if not unique.rows == unique.distinct_ids == assembled.distinct_ids:
        raise WarehouseRefused(f"{unique.name} has {unique.rows} rows for {assembled.distinct_ids} ids; report this")
    return unique


def _check_vanished(work: TableWork, assembled: Assembled) -> None:
    """Ask Kustomer for some of the conversations that are published and did not come by any more.

    Those it has not are deleted. One that it still has proves that the list was not whole.
    """
    vanished = work.invocation.ports.warehouse.sample_vanished(
        assembled,
        work.integration.name,
        work.table,
        limit=_SAMPLE,
        created_since=work.integration.history_start,
    )
    if not vanished.ids:
        return
    existing = work.source.find_existing(work.table, vanished.ids, until=work.invocation.until)
    if existing:
        raise Truncated(
            f"{vanished.count} published {work.table} are not among the {assembled.rows} that were read; of "
            f"{len(vanished.ids)} of them that were looked up Kustomer still has {len(existing)}: the list was not "
            "whole; the published table stays as it is. Run again; ask Kustomer's support if it stays so"
        )


def _compare_columns(work: TableWork, published: AbstractSet[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell which columns the published table gets and loses; a RECORD stands for all that is in it."""
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
    """Tell whether the rows that `history_start` leaves out make the drop; it may not leave out all there are."""
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
