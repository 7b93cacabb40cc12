"""This version reads what every released version has stored (`tests/stored`)."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from kustomer_extract.adapters.codec import load_columns, parse_state_document
from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.adapters.kustomer.progress import Progress
from kustomer_extract.config import parse_integration, restore_integration
from kustomer_extract.errors import StateUnreadable
from kustomer_extract.models import Cursor, IntegrationName, Job, JobStatus, Proof, Table
from tests.configurations import NOW
from tests.contract.cloud_adapters import DATASET, CloudClients, build_run_store, build_warehouse

STORED = Path(__file__).parents[1] / "stored"
ACME = IntegrationName("acme")
START = datetime(2026, 11, 23, 3, 0, 0, 500_000, tzinfo=UTC)

pytestmark = pytest.mark.parametrize(
    "version", sorted(path.name for path in STORED.iterdir() if path.name[0].isdigit())
)


def read(version: str, name: str) -> Any:
    text = (STORED / version / f"{name}.json").read_text()
    return json.loads(text, object_hook=lambda item: to_moment(item) if item.keys() == {"timestamp"} else item)


def to_moment(item: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(item["timestamp"])


def check_jobs(jobs: list[Job]) -> None:
    """Check that the jobs are those that `python -m tests.stored` wrote."""
    assert [(job.table, job.status, job.error_code) for job in jobs] == [
        (Table.CONVERSATIONS, JobStatus.FAILED, "truncated"),
        (Table.SATISFACTION, JobStatus.SUCCEEDED, None),
    ]
    assert [(job.rows, job.pages, job.drift, job.started_at) for job in jobs] == [
        (40_000, 400, {"/attributes/surprise": 7}, START + timedelta(seconds=2))
    ] * 2


def test_a_state_is_read(version: str) -> None:
    state = parse_state_document(ACME, read(version, "state_running"), version=None)

    assert (state.run_id, state.hop, state.attempt, state.started_at) == (
        "20261123t030000z-1a2b3c4d", 1, 2, START + timedelta(seconds=1),
    )  # fmt: skip
    assert [chunk.rows for chunk in state.tables[Table.CONVERSATIONS].chunks] == [20_000, 20_000]
    assert restore_integration(ACME, state.document, now=state.started_at).org == "acme"


def test_a_run_continues_from_a_state_in_firestore(clients: CloudClients, version: str) -> None:
    clients.firestore.document("integrations/acme/state/run").set(read(version, "state_finished"))
    store = build_run_store(clients)

    state = store.fetch(ACME)
    assert state is not None
    saved = store.save(replace(state, hop=2))

    assert store.fetch(ACME) == saved
    check_jobs(list(reversed(state.jobs)))


def test_reading_continues_from_every_cursor(version: str) -> None:
    pages = {table: Progress.from_cursor(Cursor(text)).page for table, text in read(version, "cursors").items()}

    assert pages == {"conversations": 401, "satisfaction": 2}


def test_the_document_that_terraform_seeded_is_valid(version: str) -> None:
    integration = parse_integration(ACME, read(version, "configuration"), now=NOW)

    assert (integration.org, set(integration.tables)) == ("acme", {Table.SATISFACTION, Table.CONVERSATIONS})


def test_jobs_of_a_laptop_are_read_and_appended_to(tmp_path: Path, version: str) -> None:
    stored, file = read(version, "jobs_duckdb"), tmp_path / "laptop.duckdb"
    with closing(DuckDbWarehouse.open(file)) as old:
        for name in stored["rows"]:
            old.query(f"DROP TABLE kustomer.{name}")
        for sql in stored["tables"]:
            old.query(sql.replace("CREATE TABLE kustomer.", f'CREATE TABLE "{file.stem}".kustomer.'))
        for name, rows in stored["rows"].items():
            for row in rows:
                values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
                names = ", ".join(f'"{column}"' for column in row)
                old.query(f"INSERT INTO kustomer.{name} ({names}) VALUES ({', '.join('?' * len(row))})", values)

    with closing(DuckDbWarehouse.open(file)) as warehouse:
        assert warehouse.is_active(ACME)
        check_appending(warehouse)


def test_jobs_in_bigquery_are_read_and_appended_to(clients: CloudClients, version: str) -> None:
    stored, name = read(version, "jobs_bigquery"), f"{clients.cloud.project}.{DATASET}._jobs"
    schema = [bigquery.SchemaField.from_api_repr(field) for field in stored["schema"]]
    lines = [json.loads(json.dumps(row, default=datetime.isoformat)) for row in stored["rows"]]
    config = bigquery.LoadJobConfig(schema=schema)
    clients.bigquery.load_table_from_json(lines, name, job_config=config).result()

    check_appending(build_warehouse(clients))

    columns = [field.name for field in clients.bigquery.get_table(name).schema]
    assert columns[: len(schema)] == [field.name for field in schema]
    assert set(columns) == {column.name for column in load_columns()}


def check_appending(warehouse: Any) -> None:
    """Check that old jobs are read, and that a new job can be appended with all its fields."""
    check_jobs(list(warehouse.fetch_jobs(ACME, limit=9)))
    first = warehouse.fetch_jobs(ACME, limit=1)[0]
    later = replace(
        first, job_id="later", started_at=START + timedelta(days=1), proven_by=Proof.NEWEST, columns_added=("links",)
    )
    warehouse.append_jobs([later])
    assert list(warehouse.fetch_jobs(ACME, limit=1)) == [later]


def test_an_unreadable_state_is_set_aside_and_kept(clients: CloudClients, version: str) -> None:
    stored = {**read(version, "state_running"), "tables": "of another shape"}
    clients.firestore.document("integrations/acme/state/run").set(stored)
    store = build_run_store(clients)
    with pytest.raises(StateUnreadable):
        store.fetch(ACME)

    where = store.set_aside(ACME)

    assert where.startswith("integrations/acme/state/set_aside-")
    assert (clients.firestore.document(where).get().to_dict() or {})["tables"] == "of another shape"
    assert store.fetch(ACME) is None
    fresh = parse_state_document(ACME, read(version, "state_running"), version=None)
    assert store.save(fresh) == fresh
