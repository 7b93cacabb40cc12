"""`RunState` ↔ its Firestore document, and the run document that people see. Pure.

The state document, whole::

    {"run_id", "trigger", "config_hash", "schema_hash": str,
     "published_at", "started_at", "finished_at" | None, "lease_until" | None: timestamp,
     "hop", "attempt", "failures": int,
     "document": str,                                   JSON: the configuration as the first hop read it
     "tables": {<table>: {"cursor" | None: str, "extracted": bool,
                          "chunks": str,                JSON: [common prefix, [[rest of the name, rows], …]]
                          "job": {"drift": str (JSON), …}}}}

Maps with free keys are JSON text: Firestore limits the length of field names, and indexes each. Chunks are text because
a long run has thousands: 20 bytes each that way, and a document holds 1 MiB.
Source: https://firebase.google.com/docs/firestore/quotas, read 2026-11-23.
"""

from __future__ import annotations

import json
from datetime import timedelta
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

from kustomer_extract.models import (
    Cursor,
    IntegrationName,
    Job,
    JobStatus,
    RunId,
    RunState,
    Staged,
    Table,
    TableState,
    Trigger,
    colour,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEEP = timedelta(days=90)  # how long a run document is kept

# Names and types are the same on both sides.
_RUN_FIELDS = (
    "published_at", "started_at", "finished_at", "lease_until", "hop", "attempt", "failures",
    "config_hash", "schema_hash",
)  # fmt: skip
_JOB_FIELDS = (
    "job_id", "error_code", "error", "started_at", "finished_at", "published_at",
    "rows", "pages", "bytes", "duplicates", "retries", "config_hash",
)  # fmt: skip
_SHOWN_FIELDS = (
    "job_id", "error_code", "error", "rows", "started_at", "finished_at", "minutes", "pages", "bytes", "duplicates",
    "retries",
)  # fmt: skip


def to_state_document(state: RunState) -> dict[str, Any]:
    """Write a state, but for its integration, which is the document's path, and its version."""
    return {
        **{name: getattr(state, name) for name in _RUN_FIELDS},
        "run_id": state.run_id,
        "trigger": state.trigger.value,
        "document": json.dumps(state.document),
        "tables": {table.value: _to_table(progress) for table, progress in state.tables.items()},
    }


def parse_state_document(integration: IntegrationName, document: Mapping[str, Any], *, version: object) -> RunState:
    """Read a state that `to_state_document` wrote."""
    run_id = RunId(document["run_id"])
    return RunState(
        **{name: document[name] for name in _RUN_FIELDS},
        integration=integration,
        run_id=run_id,
        trigger=Trigger(document["trigger"]),
        document=json.loads(document["document"]),
        tables={
            table: _parse_table(table, document["tables"][table.value], integration=integration, run_id=run_id)
            for table in Table  # Firestore keeps no order
            if table.value in document["tables"]
        },
        version=version,
    )


def to_run_document(state: RunState) -> dict[str, Any]:
    """Write what people see of a run in the console.

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
    for status in (JobStatus.RUNNING, JobStatus.FAILED, JobStatus.SUCCEEDED):
        if status in statuses:
            return status
    return JobStatus.SKIPPED


def _to_shown(job: Job) -> dict[str, Any]:
    drift = [{"path": path, "count": count} for path, count in job.drift.items()]
    return {**{name: getattr(job, name) for name in _SHOWN_FIELDS}, "status": job.status.value, "drift": drift}


def _to_table(progress: TableState) -> dict[str, Any]:
    job = progress.job
    return {
        "cursor": progress.cursor,
        "extracted": progress.extracted,
        "chunks": _to_text(progress.chunks),
        "job": {
            **{name: getattr(job, name) for name in _JOB_FIELDS},
            "status": job.status.value,
            "drift": json.dumps(dict(job.drift)),
        },
    }


def _parse_table(
    table: Table, document: Mapping[str, Any], *, integration: IntegrationName, run_id: RunId
) -> TableState:
    job, cursor = document["job"], document["cursor"]
    return TableState(
        job=Job(
            **{name: job[name] for name in _JOB_FIELDS},
            run_id=run_id,
            integration=integration,
            table=table,
            status=JobStatus(job["status"]),
            drift=json.loads(job["drift"]),
        ),
        cursor=None if cursor is None else Cursor(cursor),
        chunks=_parse_chunks(document["chunks"]),
        extracted=document["extracted"],
    )


def _to_text(chunks: Sequence[Staged]) -> str:
    prefix = commonprefix([chunk.name for chunk in chunks])  # noqa: RUF071 - of characters, as wanted
    return json.dumps([prefix, [[chunk.name.removeprefix(prefix), chunk.rows] for chunk in chunks]])


def _parse_chunks(text: str) -> tuple[Staged, ...]:
    prefix, chunks = json.loads(text)
    return tuple(Staged(name=prefix + rest, rows=rows) for rest, rows in chunks)
