"""Rollback to an earlier run: it restores the rows with BigQuery's time travel, or says why it cannot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kustomer_extract.errors import WarehouseRefused
from kustomer_extract.models import IntegrationName, Job, JobStatus, RunId, Table
from tests.contract.cloud_adapters import DATASET, CloudClients, build_warehouse
from tests.contract.samples import build_chunk, build_field

if TYPE_CHECKING:
    from kustomer_extract.adapters.bigquery.warehouse import BigQueryWarehouse

ACME = IntegrationName("acme")
FIRST, SECOND = RunId("20261122t030000z-1a2b3c4d"), RunId("20261123t030000z-1a2b3c4d")
LIVE = f"{DATASET}.acme_conversations"
SCHEMA = (build_field("id", "STRING"),)


@pytest.fixture
def warehouse(clients: CloudClients) -> BigQueryWarehouse:
    """Publish two runs, a day apart."""
    warehouse = build_warehouse(clients)
    publish(clients, warehouse, FIRST, "a", "b")
    clients.cloud.bigquery.catalog.ahead = timedelta(days=1)
    publish(clients, warehouse, SECOND, "c")
    return warehouse


def now(clients: CloudClients) -> datetime:
    return datetime.fromtimestamp(clients.cloud.bigquery.catalog.now_ms() / 1000, UTC)


def publish(clients: CloudClients, warehouse: BigQueryWarehouse, run_id: RunId, *ids: str) -> None:
    chunk = build_chunk(f"acme_conversations__{run_id.replace('-', '_')}__1_0", [{"id": id_} for id_ in ids])
    staged = warehouse.begin_load(chunk, SCHEMA).wait(until=clients.clock.now())
    job = Job(
        job_id=f"{run_id}-conversations",
        run_id=run_id,
        integration=ACME,
        table=Table.CONVERSATIONS,
        config_hash=f"of-{run_id[:8]}",
        status=JobStatus.SUCCEEDED,
        started_at=now(clients),
    )
    warehouse.publish(warehouse.assemble(f"{chunk.name}_all", [staged], SCHEMA), job, SCHEMA)
    warehouse.append_jobs([replace(job, published_at=now(clients) + timedelta(milliseconds=5))])


def read_ids(clients: CloudClients) -> list[str]:
    return sorted(row["id"] for row in clients.bigquery.list_rows(LIVE))


def test_the_rows_of_an_earlier_run_are_published_again(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    job = warehouse.rollback(ACME, Table.CONVERSATIONS, FIRST)

    assert job.rows == 2
    assert job in warehouse.fetch_jobs(ACME, limit=9)
    assert read_ids(clients) == ["a", "b"]
    labels = clients.bigquery.get_table(LIVE).labels
    assert (labels["run_id"], labels["config_hash"]) == (FIRST, "of-20261122")


def test_a_rollback_can_be_undone(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    clients.cloud.bigquery.catalog.ahead = timedelta(days=2)
    warehouse.rollback(ACME, Table.CONVERSATIONS, FIRST)

    warehouse.rollback(ACME, Table.CONVERSATIONS, SECOND)

    assert read_ids(clients) == ["c"]


@pytest.mark.parametrize(("table", "run_id"), [(Table.CONVERSATIONS, "unknown"), (Table.SATISFACTION, FIRST)])
def test_a_run_that_did_not_publish_the_table_is_refused(
    clients: CloudClients, warehouse: BigQueryWarehouse, table: Table, run_id: str
) -> None:
    with pytest.raises(WarehouseRefused, match="has not published"):
        warehouse.rollback(ACME, table, RunId(run_id))

    assert read_ids(clients) == ["c"]


def test_a_run_beyond_time_travel_is_refused(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    clients.cloud.bigquery.catalog.oldest_reachable = now(clients) - timedelta(hours=1)

    with pytest.raises(WarehouseRefused, match=r"out of reach.*Choose a later run"):
        warehouse.rollback(ACME, Table.CONVERSATIONS, FIRST)

    assert read_ids(clients) == ["c"]


def test_a_run_that_is_too_old_is_refused_with_the_oldest_run_within_reach(
    clients: CloudClients, warehouse: BigQueryWarehouse
) -> None:
    clients.clock.advance(seconds=(now(clients) - clients.clock.now()).total_seconds())
    clients.clock.advance(hours=168 - 1)

    with pytest.raises(WarehouseRefused, match=f"the oldest run within reach is {SECOND}"):
        warehouse.rollback(ACME, Table.CONVERSATIONS, FIRST)

    assert read_ids(clients) == ["c"]
