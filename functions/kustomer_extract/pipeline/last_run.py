"""Writes `_last_run`, the part of the configuration document that tells people how the last run went."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kustomer_extract import events
from kustomer_extract.errors import NeedsPerson
from kustomer_extract.models import Table, colour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kustomer_extract.models import Job, RunState
    from kustomer_extract.ports import Ports

_MAX_NAMES = 100  # of a table's columns or custom attributes that are listed


def record_last_run(state: RunState, ports: Ports) -> None:
    """Write the result of the run, and log which tables are switched off but still published."""
    left = _find_switched_off(state, ports)
    for table, place in left.items():
        scope = events.Scope(integration=state.integration, run_id=state.run_id, table=table)
        ports.log.emit(scope, events.TableLeftPublished(name_in_warehouse=place, command=_to_command(place)))
    ports.configs.record_last_run(state.integration, describe_run(state, left))


def describe_run(state: RunState, left: Mapping[Table, str]) -> dict[str, Any]:
    """Summarise a run for a person.

    Args:
        state: The state of a run that has ended.
        left: Tables that are switched off and still published → their names in a query.

    Returns:
        ``{"colour", "run_id", "trigger": str, "finished_at": datetime, "tables": {<table>: {"status": str, "rows": int,
        "error"?, "error_code"?: str, "columns_added"?, "columns_removed"?, "custom_attributes"?: [str, …]}},
        "switched_off"?: [str, …]}``
    """
    summary = {
        "colour": colour(state.jobs).value,
        "finished_at": state.finished_at,
        "run_id": state.run_id,
        "trigger": state.trigger.value,
        "tables": {job.table.value: _describe_job(job) for job in state.jobs},
        "switched_off": [
            f"{place} keeps the rows of its last run; to drop it: {_to_command(place)}" for place in left.values()
        ],
    }
    return _leave_out_empty(summary)


def _describe_job(job: Job) -> dict[str, Any]:
    names = sorted(job.custom_names.items(), key=lambda item: (-item[1], item[0]))
    summary = {
        "status": job.status.value,
        "rows": job.rows,
        "error": job.error,
        "error_code": job.error_code,
        "columns_added": list(job.columns_added[:_MAX_NAMES]),
        "columns_removed": list(job.columns_removed[:_MAX_NAMES]),
        "custom_attributes": [f"{name}: {count}" for name, count in names[:_MAX_NAMES]],
    }
    return _leave_out_empty(summary)


def _leave_out_empty(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if value not in (None, [])}


def _find_switched_off(state: RunState, ports: Ports) -> dict[Table, str]:
    """Find the tables that are switched off and still published; none if the configuration could not be read."""
    left = {}
    settings: Any = state.document.get("tables")
    for table in Table if settings else ():
        if settings.get(table.value, {}).get("selected"):
            continue
        with suppress(NeedsPerson):  # a view or the like has its name
            if ports.warehouse.count_published(state.integration, table) is not None:
                left[table] = ports.warehouse.locate(state.integration, table)
    return left


def _to_command(place: str) -> str:
    return f"DROP TABLE {place}"
