"""Write what this release stores, as test data for later releases.

::

    python -m tests.stored       once in a release, before its version is raised; writes tests/stored/<version>/

Times are ``{"timestamp": RFC 3339}``, because JSON has none. `tests/contract/test_stored.py` reads every folder.
"""

from __future__ import annotations

import json
import tomllib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kustomer_extract.adapters.codec import load_columns, to_row, to_run_document, to_state_document
from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.adapters.kustomer.progress import Progress
from kustomer_extract.config import config_hash, parse_integration, to_document
from kustomer_extract.models import IntegrationName, Job, JobStatus, RunId, RunState, Staged, Table, TableState, Trigger
from kustomer_extract.schema import ALWAYS_SELECTED, load_schema, schema_hash, to_json

ROOT = Path(__file__).parents[2]
ACME = IntegrationName("acme")
START = datetime(2026, 11, 23, 3, 0, 0, 500_000, tzinfo=UTC)
RUN = RunId("20261123t030000z-1a2b3c4d")
CURSOR = Progress(page=401, rows=40_000, expected=("5f0a1b2c3d4e5f6a7b8c9d0e",), first="8a1d", last="94b2")


def main() -> None:
    """Write every kind of stored data."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    folder = Path(__file__).parent / version
    folder.mkdir(exist_ok=True)
    running = build_running()
    finished = build_finished(running)
    forms = {
        "configuration": build_configuration(),
        "cursors": {"conversations": CURSOR.to_cursor(), "satisfaction": Progress(page=2, rows=100).to_cursor()},
        "state_running": to_state_document(running),
        "state_finished": to_state_document(finished),
        "run_running": to_run_document(running),
        "run_finished": to_run_document(finished),
        "jobs_bigquery": {"schema": to_json(load_columns()), "rows": [to_row(job) for job in finished.jobs]},
        "jobs_duckdb": read_duckdb(finished),
    }
    for name, form in forms.items():
        text = json.dumps(form, indent=1, ensure_ascii=False, default=to_timestamp)
        (folder / f"{name}.json").write_text(f"{text}\n")


def build_configuration() -> dict[str, Any]:
    """Build the first document as infra/config.tf writes it: a boolean for every column and field."""
    limits = {Table.SATISFACTION: 90, Table.CONVERSATIONS: 50}
    return {
        "org": "acme",
        "rate_share": 0.6,
        "source": "kustomer",
        "status": "PENDING",
        "tables": {
            table.value: {
                "columns": {
                    field.name: {inner.name: True for inner in field.fields} or True
                    for field in load_schema(table)
                    if field.name not in ALWAYS_SELECTED
                },
                "max_drop_percent": limits[table],
                "selected": True,
            }
            for table in limits
        },
    }


def build_running() -> RunState:
    """Build the state between two hops: one table has ended, the other is in progress."""
    integration = parse_integration(ACME, build_configuration(), now=START)
    done, reading = (build_job(table, config_hash(integration)) for table in (Table.SATISFACTION, Table.CONVERSATIONS))
    done = replace(
        done,
        status=JobStatus.SUCCEEDED,
        published_at=START + timedelta(seconds=30),
        finished_at=START + timedelta(seconds=31),
    )
    chunks = tuple(Staged(name=f"acme_conversations__{RUN.replace('-', '_')}__1_{n}", rows=20_000) for n in (0, 1))
    return RunState(
        integration=ACME,
        run_id=RUN,
        trigger=Trigger.SCHEDULE,
        published_at=START,
        started_at=START + timedelta(seconds=1),
        hop=1,
        attempt=2,
        document=to_document(integration),
        config_hash=config_hash(integration),
        schema_hash=schema_hash([field for table in integration.tables for field in load_schema(table)]),
        tables={
            Table.SATISFACTION: TableState(job=done, extracted=True),
            Table.CONVERSATIONS: TableState(job=reading, cursor=CURSOR.to_cursor(), chunks=chunks),
        },
    )


def build_finished(running: RunState) -> RunState:
    """Build the same run at its end: the second table failed."""
    reading, end = running.tables[Table.CONVERSATIONS], START + timedelta(minutes=20)
    failed = replace(
        reading.job,
        status=JobStatus.FAILED,
        error_code="truncated",
        error="the pages end where the data does not",
        finished_at=end,
    )
    tables = {**running.tables, Table.CONVERSATIONS: replace(reading, job=failed)}
    return replace(running, tables=tables, finished_at=end)


def build_job(table: Table, digest: str) -> Job:
    return Job(
        job_id=f"{RUN}-{table}",
        run_id=RUN,
        integration=ACME,
        table=table,
        config_hash=digest,
        started_at=START + timedelta(seconds=2),
        rows=40_000,
        pages=400,
        bytes=155_000_000,
        duplicates=3,
        drift={"/attributes/surprise": 7},
        retries=2,
    )


def read_duckdb(state: RunState) -> dict[str, Any]:
    """Write the jobs with the laptop's warehouse, and read its tables as they are in the file."""
    with closing(DuckDbWarehouse.open(":memory:")) as warehouse:
        warehouse.append_jobs(state.jobs)
        warehouse.mark_active(ACME)
        names = ("_integrations", "_jobs")
        tables = "SELECT sql FROM duckdb_tables() WHERE schema_name = 'kustomer' ORDER BY table_name"
        rows = {name: warehouse.query(f"SELECT to_json(t) FROM kustomer.{name} AS t") for name in names}
        return {
            "tables": [sql for (sql,) in warehouse.query(tables)],
            "rows": {name: [json.loads(text) for (text,) in found] for name, found in rows.items()},
        }


def to_timestamp(value: object) -> dict[str, str]:
    assert isinstance(value, datetime)
    return {"timestamp": value.isoformat()}


if __name__ == "__main__":
    main()
