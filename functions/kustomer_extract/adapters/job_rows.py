"""Jobs ↔ rows of `_jobs`, the same in every warehouse. Pure but for reading the package's schema file."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from kustomer_extract.models import IntegrationName, Job, JobStatus, RunId, Table
from kustomer_extract.schema import Field

if TYPE_CHECKING:
    from collections.abc import Mapping

_AS_THEY_ARE = (
    "job_id", "config_hash", "error_code", "error", "started_at", "finished_at", "published_at",
    "rows", "pages", "bytes", "duplicates", "drift", "retries",
)  # fmt: skip


@cache
def load_columns() -> tuple[Field, ...]:
    """Read the columns of `_jobs`, in order."""
    file = resources.files("kustomer_extract") / "schemas" / "_jobs.json"
    return tuple(Field(**column) for column in json.loads(file.read_bytes()))


def to_row(job: Job) -> dict[str, Any]:
    """Turn a job into a row: ``{"job_id": str, …, "started_at": datetime | None, …, "drift": {path: count}, …}``."""
    values = {name: getattr(job, name) for name in _AS_THEY_ARE} | {
        "run_id": job.run_id,
        "integration": job.integration,
        "table_name": job.table.value,
        "status": job.status.value,
        "drift": dict(job.drift),
        "minutes": job.minutes,
    }
    return {column.name: values[column.name] for column in load_columns()}


def from_row(row: Mapping[str, Any]) -> Job:
    """Turn a row back into a job."""
    return Job(
        run_id=RunId(row["run_id"]),
        integration=IntegrationName(row["integration"]),
        table=Table(row["table_name"]),
        status=JobStatus(row["status"]),
        **{name: row[name] for name in _AS_THEY_ARE},
    )
