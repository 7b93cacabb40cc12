"""Converts what is stored: the run's state, the run document, and the rows of `_jobs`; the same for every store.

What an older release wrote can be read: a field that is absent or null gets its default, and an unknown field is
ignored. `tests/stored/` keeps what each release wrote. Pure, except that it reads a schema file.
Longer than 200 lines, because the three forms share one table of fields.

The state document, whole::

    {"run_id", "trigger", "config_hash", "schema_hash": str,
     "published_at", "started_at", "finished_at" | None, "lease_until" | None, "next_delivery_due" | None: timestamp,
     "hop", "holder_hop" | None, "attempt", "failures": int,
     "document": str,                                   JSON: the configuration as the first hop read it
     "tables": {<table>: {"cursor" | None: str, "extracted": bool,
                          "chunks": str,                JSON: [common prefix, [[rest of the name, rows], …]]
                          "job": {"drift", "custom_names": str (JSON), …}}}}

Maps with free keys are JSON text: Firestore limits the length of field names and indexes each of them. Chunks are text,
because a long run has thousands: so each takes 20 bytes of the 1 MiB that a document may have.
Source: https://firebase.google.com/docs/firestore/quotas, read 2026-11-23.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from importlib import resources
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

from kustomer_extract.errors import StateUnreadable
from kustomer_extract.models import (
    Cursor,
    IntegrationName,
    Job,
    JobStatus,
    Proof,
    RunId,
    RunState,
    Staged,
    Table,
    TableState,
    Trigger,
    colour,
)
from kustomer_extract.schema import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_KEEP = timedelta(days=90)  # how long a run document is kept


def _read_time(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _read_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else dict(value)


_JOB: Mapping[str, Callable[[Any], Any]] = {
    "job_id": str,
    "run_id": RunId,
    "integration": IntegrationName,
    "table": Table,
    "config_hash": str,
    "status": JobStatus,
    "error_code": str,
    "error": str,
    "started_at": _read_time,
    "finished_at": _read_time,
    "published_at": _read_time,
    "rows": int,
    "expected_rows": int,
    "proven_by": Proof,
    "pages": int,
    "short_pages": int,
    "unreadable_rows": int,
    "bytes": int,
    "duplicates": int,
    "drift": _read_json,
    "custom_names": _read_json,
    "retries": int,
    "columns_added": tuple,
    "columns_removed": tuple,
}
"""Field of a job → how it is read. All but `table` may be missing."""

_RUN: Mapping[str, Callable[[Any], Any]] = {
    "run_id": RunId,
    "trigger": Trigger,
    "published_at": _read_time,
    "started_at": _read_time,
    "finished_at": _read_time,
    "lease_until": _read_time,
    "next_delivery_due": _read_time,
    "hop": int,
    "holder_hop": int,
    "attempt": int,
    "failures": int,
    "config_hash": str,
    "schema_hash": str,
    "document": _read_json,
}
"""Field of a run → how it is read. All but `run_id` may be missing. Its tables are read separately."""

_OF_THE_RUN = frozenset({"run_id", "integration", "table"})  # the place of a job in the state says these
_NOT_SHOWN = _OF_THE_RUN | {"config_hash", "published_at", "custom_names"}


def _to_values(names: Iterable[str], item: Any) -> dict[str, Any]:
    return {name: _to_plain(getattr(item, name)) for name in names}


def _to_plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _read(readers: Mapping[str, Callable[[Any], Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """Read the fields that are there and not null."""
    return {name: read(values[name]) for name, read in readers.items() if values.get(name) is not None}


# --- `_jobs`


@cache
def load_columns() -> tuple[Field, ...]:
    """Read the columns of `_jobs`, in order."""
    file = resources.files("kustomer_extract") / "schemas" / "_jobs.json"
    return tuple(Field(**column) for column in json.loads(file.read_bytes()))


def to_row(job: Job) -> dict[str, Any]:
    """Turn a job into a row: ``{"job_id": str, …, "started_at": datetime | None, …, "drift": {path: count}, …}``."""
    values = {**_to_values(_JOB, job), "table_name": job.table.value, "drift": dict(job.drift), "minutes": job.minutes}
    return {column.name: values[column.name] for column in load_columns()}


def parse_rows(rows: Iterable[Mapping[str, Any]]) -> list[Job]:
    """Turn rows back into jobs. Jobs of an unknown table are left out."""
    return [_parse_job({**row, "table": row["table_name"]}) for row in rows if row.get("table_name") in set(Table)]


def _parse_job(values: Mapping[str, Any]) -> Job:
    return Job(**{"job_id": "", "run_id": RunId(""), "config_hash": "", **_read(_JOB, values)})


# --- the state


def to_state_document(state: RunState) -> dict[str, Any]:
    """Write a state, without its version and its integration, which is in the path of the document."""
    return {
        **_to_values(_RUN, state),
        "document": json.dumps(state.document),
        "tables": {table.value: _to_table(progress) for table, progress in state.tables.items()},
    }


def parse_state_document(integration: IntegrationName, document: Mapping[str, Any], *, version: object) -> RunState:
    """Read a state that `to_state_document` of this release or an older one wrote.

    Raises:
        StateUnreadable: the document is something else.
    """
    try:
        values = _read(_RUN, document)
        began = values.get("published_at") or _to_time(document["run_id"])
        run = {"trigger": Trigger.SCHEDULE, "published_at": began, "started_at": began, **values}
        stored = dict(document.get("tables") or {})
        tables = {  # Firestore does not keep the order
            table: _parse_table(stored[table.value], table=table, integration=integration, run_id=run["run_id"])
            for table in Table
            if table.value in stored
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StateUnreadable(f"the state of {integration} cannot be read: {type(error).__name__}") from error
    return RunState(**run, integration=integration, tables=tables, version=version)


def _to_time(run_id: str) -> datetime:
    """Read from a run's id when it was triggered: ``20261123t030000z-1a2b3c4d``."""
    return datetime.strptime(run_id.partition("-")[0], "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC)


def _to_table(progress: TableState) -> dict[str, Any]:
    job = progress.job
    return {
        "cursor": progress.cursor,
        "extracted": progress.extracted,
        "chunks": _to_text(progress.chunks),
        "job": {**_to_values(_JOB.keys() - _OF_THE_RUN, job), **_to_texts(job)},
    }


def _to_texts(job: Job) -> dict[str, str]:
    return {"drift": json.dumps(dict(job.drift)), "custom_names": json.dumps(dict(job.custom_names))}


def _parse_table(stored: Mapping[str, Any], **known: Any) -> TableState:
    cursor = stored.get("cursor")
    return TableState(
        job=_parse_job({**(stored.get("job") or {}), **known}),
        cursor=None if cursor is None else Cursor(cursor),
        chunks=_parse_chunks(stored.get("chunks") or '["", []]'),
        extracted=bool(stored.get("extracted")),
    )


def _to_text(chunks: Sequence[Staged]) -> str:
    prefix = commonprefix([chunk.name for chunk in chunks])  # noqa: RUF071 - of characters, as wanted
    return json.dumps([prefix, [[chunk.name.removeprefix(prefix), chunk.rows] for chunk in chunks]])


def _parse_chunks(text: str) -> tuple[Staged, ...]:
    prefix, chunks = json.loads(text)
    return tuple(Staged(name=prefix + rest, rows=rows) for rest, rows in chunks)


# --- the run document


def to_run_document(state: RunState) -> dict[str, Any]:
    """Write the run document, which people see in the console.

    ``{"status", "color" | None, "trigger", "config_hash": str, "hops": int, "started_at", "finished_at" | None,
    "expire_at": timestamp, "tables": {<table>: {"job_id", "status", …, "drift": [{"path": str, "count": int}, …]}}}``
    """
    finished = state.finished_at is not None
    return {
        "status": _sum_up(state.jobs).value if finished else JobStatus.RUNNING.value,
        "color": colour(state.jobs).value if finished else None,
        "trigger": state.trigger.value,
        "started_at": state.started_at,
        "finished_at": state.finished_at,
        "expire_at": state.started_at + _KEEP,
        "hops": state.hop + 1,
        "config_hash": state.config_hash,
        "tables": {job.table.value: _to_shown(job) for job in state.jobs},
    }


def _sum_up(jobs: Sequence[Job]) -> JobStatus:
    statuses = {job.status for job in jobs}
    order = (JobStatus.RUNNING, JobStatus.FAILED, JobStatus.SUCCEEDED)
    return next((status for status in order if status in statuses), JobStatus.SKIPPED)


def _to_shown(job: Job) -> dict[str, Any]:
    drift = [{"path": path, "count": count} for path, count in job.drift.items()]
    return {**_to_values(_JOB.keys() - _NOT_SHOWN, job), "minutes": job.minutes, "drift": drift}
