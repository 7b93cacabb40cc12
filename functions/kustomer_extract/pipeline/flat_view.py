"""Keeps the flat view of a published table up to date. A failure here is only a warning: the table is published."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import NeedsPerson, RetryLater
from kustomer_extract.models import to_view_name
from kustomer_extract.views import LIST_MARK, build_view, can_measure, has_view, list_paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from kustomer_extract.pipeline.table import TableWork


def narrow_view(work: TableWork, published: AbstractSet[str] | None) -> None:
    """Before publishing, reduce the view to columns that both the old table and the new one have.

    A view breaks for its readers if it names a column that its table no longer has.
    """
    paths = list_paths(work.schema)
    if has_view(work.table) and work.integration.views and published is not None and published - paths:
        with _as_warning(work):
            view = build_view(work.table, published & paths)
            work.invocation.ports.warehouse.put_view(view, work.integration.name, work.schema)


def refresh_view(work: TableWork) -> None:
    """After publishing, create the view with all columns, or drop it if views are switched off."""
    if not has_view(work.table):
        return
    warehouse, name, table = work.invocation.ports.warehouse, work.integration.name, work.table
    with _as_warning(work):
        if not work.integration.views:
            warehouse.drop_view(name, table)
            return
        paths = list_paths(work.schema)
        measured = warehouse.measure_durations(name, table, work.schema) if can_measure(paths) else None
        custom = [
            known for known in work.state.job.custom_names if work.choice.shows_custom(known.removesuffix(LIST_MARK))
        ]
        per_second = measured.per_second if measured else None
        view = build_view(table, paths, custom=custom, per_second=per_second)
        warehouse.put_view(view, name, work.schema)
        work.emit(
            events.ViewPublished(
                name_in_warehouse=to_view_name(name, table),
                columns=len(view.columns),
                duration_unit=_UNITS.get(per_second) if measured else None,
                durations_measured=measured.rows if measured else None,
            )
        )


_UNITS = {1000: "milliseconds", 1: "seconds", None: "unconfirmed"}


@contextmanager
def _as_warning(work: TableWork) -> Iterator[None]:
    try:
        yield
    except (NeedsPerson, RetryLater) as error:
        view = to_view_name(work.integration.name, work.table)
        work.emit(events.ViewFailed(name_in_warehouse=view, error=str(error)))
