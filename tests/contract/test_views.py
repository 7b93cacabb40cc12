"""The contract of flat views: they show the live table flat, with descriptions, and a failure affects nothing else."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.errors import WarehouseRefused
from kustomer_extract.models import Chunk, IntegrationName, Job, RunId, Table
from kustomer_extract.schema import load_schema, select
from kustomer_extract.views import Measured, build_view, list_paths
from tests.contract.cloud_adapters import CloudClients, build_warehouse
from tests.contract.warehouses import BigQueryTables, DuckDbTables, SqlBench

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kustomer_extract.schema import Field

ACME = IntegrationName("acme")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCHEMA = load_schema(Table.CONVERSATIONS)
PATHS = list_paths(SCHEMA)

RICH = {
    "id": "c1",
    "type": "conversation",
    "attributes": [
        {
            "status": "done",
            "channels": ["email", "chat"],
            "assignedTeams": ["t1"],
            "assignedUsers": ["u1", "u2"],
            "messageCount": 4,
            "createdAt": "2031-07-04T07:00:00.000Z",
            "firstMessageIn": {"channel": "email", "createdAt": "2031-07-04T07:00:10.000Z"},
            "firstResponse": {"sentAt": "2031-07-04T07:20:10.500Z", "businessTime": 900_000, "createdByTeams": ["t1"]},
            "firstDone": {"createdAt": "2031-07-04T09:00:00.000Z", "time": 7_200_000},
            "sla": {"name": "Standard", "breached": False, "breach": None},
            "custom": {
                "orderNumberStr": "A-5512",
                "refundNum": 12.5,
                "brokenNum": "twelve",
                "vipBool": True,
                "shippedAt": "2031-06-30T00:00:00.000Z",
                "labels": ["fragile"],
            },
        }
    ],
    "relationships": [{"customer": {"data": {"id": "p1", "type": "customer"}}}],
}
SPARSE = {"id": "c2", "type": "conversation", "attributes": [{"createdAt": "2031-07-05T11:00:00.000Z"}]}
BARE = {"id": "c3", "type": "conversation"}


@pytest.fixture(params=["duckdb", pytest.param("bigquery", marks=pytest.mark.slow)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlBench]:
    if request.param == "bigquery":
        clients: CloudClients = request.getfixturevalue("clients")
        yield SqlBench(build_warehouse(clients), BigQueryTables(clients))
        return
    warehouse = DuckDbWarehouse.open(tmp_path / "laptop.duckdb")
    yield SqlBench(warehouse, DuckDbTables(warehouse))
    warehouse.close()


def publish(bench: SqlBench, *rows: dict[str, Any], schema: Sequence[Field] = SCHEMA, day: int = 23) -> None:
    run_id = RunId(f"202611{day}t030000z-1a2b3c4d")
    stem = f"acme_conversations__{run_id.replace('-', '_')}__1_"
    data = gzip.compress("\n".join(map(json.dumps, rows)).encode())
    staged = bench.warehouse.begin_load(Chunk(name=f"{stem}0", rows=len(rows), data=data), schema).wait(until=NOON)
    job = Job(job_id="j", run_id=run_id, integration=ACME, table=Table.CONVERSATIONS, config_hash="c")
    bench.warehouse.publish(bench.warehouse.assemble(f"{stem}all", [staged], schema), job, schema)


def test_a_view_shows_each_row_flat(bench: SqlBench) -> None:
    publish(bench, RICH, SPARSE, BARE)

    bench.warehouse.put_view(build_view(Table.CONVERSATIONS, PATHS, per_second=1000), ACME, SCHEMA)

    rich, sparse, bare = bench.tables.query("acme_conversations_flat", order="conversation_id")
    assert {name: rich[name] for name in sorted(rich) if rich[name] not in (None, 0, [])} == {
        "assigned_teams": ["t1"],
        "assigned_users": ["u1", "u2"],
        "channels": ["email", "chat"],
        "conversation_id": "c1",
        "created_at": datetime(2031, 7, 4, 7, tzinfo=UTC),
        "customer_id": "p1",
        "first_channel": "email",
        "first_done_at": datetime(2031, 7, 4, 9, tzinfo=UTC),
        "first_done_seconds": 7200.0,
        "first_response_business_seconds": 900.0,
        "first_response_created_by_teams": ["t1"],
        "first_response_seconds": 1200.5,
        "first_response_sent_at": datetime(2031, 7, 4, 7, 20, 10, 500_000, tzinfo=UTC),
        "message_count": 4,
        "sla_name": "Standard",
        "status": "done",
        "team_id": "t1",
    }
    assert (rich["sla_breached"], rich["user_id"]) == (False, None)
    assert (sparse["reopen_count"], sparse["created_at"]) == (0, datetime(2031, 7, 5, 11, tzinfo=UTC))
    assert (bare["conversation_id"], bare["status"], bare["message_count"]) == ("c3", None, 0)


def test_durations_are_null_until_their_unit_is_known(bench: SqlBench) -> None:
    publish(bench, RICH)

    bench.warehouse.put_view(build_view(Table.CONVERSATIONS, PATHS), ACME, SCHEMA)

    (row,) = bench.tables.query("acme_conversations_flat", order="conversation_id")
    assert row["first_response_business_seconds"] is None


def test_custom_attributes_are_columns_of_the_type_in_their_names(bench: SqlBench) -> None:
    publish(bench, RICH, SPARSE)
    names = ["orderNumberStr", "refundNum", "brokenNum", "vipBool", "shippedAt", "labels"]

    bench.warehouse.put_view(build_view(Table.CONVERSATIONS, PATHS, custom=names), ACME, SCHEMA)

    rich, sparse = bench.tables.query("acme_conversations_flat", order="conversation_id")
    custom = {name: value for name, value in rich.items() if name.startswith("custom_")}
    assert json.loads(str(custom.pop("custom_labels")).replace("'", '"')) == ["fragile"]
    assert custom == {
        "custom_broken_num": None,
        "custom_order_number_str": "A-5512",
        "custom_refund_num": 12.5,
        "custom_shipped_at": datetime(2031, 6, 30, tzinfo=UTC),
        "custom_vip_bool": True,
    }
    assert sparse["custom_order_number_str"] is None


def test_a_view_is_described_column_by_column(bench: SqlBench) -> None:
    publish(bench, RICH)

    view = build_view(Table.CONVERSATIONS, PATHS, custom=["it's\"odd\\Str"])
    bench.warehouse.put_view(view, ACME, SCHEMA)

    description, columns = bench.tables.describe("acme_conversations_flat")
    assert (
        description == "Kustomer conversations of acme, one flat row each; every run of kustomer-extract makes it anew."
    )
    assert columns == {column.name: column.description for column in view.columns}


@pytest.mark.parametrize("name", ["kustomer.duckdb", "Kustomer.db"])
def test_a_view_works_in_a_file_with_the_name_of_the_schema_and_after_the_file_is_moved(
    tmp_path: Path, name: str
) -> None:
    with closing(DuckDbWarehouse.open(tmp_path / name)) as warehouse:
        publish(SqlBench(warehouse, DuckDbTables(warehouse)), RICH)
        warehouse.put_view(build_view(Table.CONVERSATIONS, PATHS), ACME, SCHEMA)

    moved = (tmp_path / name).rename(tmp_path / "moved.duckdb")
    with duckdb.connect(str(moved), read_only=True) as connection:
        rows = connection.execute("SELECT conversation_id FROM kustomer.acme_conversations_flat").fetchall()
    assert rows == [("c1",)]


def test_a_view_follows_the_selection_and_replaces_an_earlier_one(bench: SqlBench) -> None:
    publish(bench, RICH)
    bench.warehouse.put_view(build_view(Table.CONVERSATIONS, PATHS), ACME, SCHEMA)
    narrow = select(SCHEMA, {"attributes": {"status": True, "firstResponse": False}, "relationships": False})

    bench.warehouse.put_view(build_view(Table.CONVERSATIONS, list_paths(narrow)), ACME, SCHEMA)
    publish(bench, {"id": "c9", "type": "conversation", "attributes": [{"status": "open"}]}, schema=narrow, day=24)

    (row,) = bench.tables.query("acme_conversations_flat", order="conversation_id")
    assert (row["conversation_id"], row["status"]) == ("c9", "open")
    assert not {"customer_id", "first_response_seconds"} & set(row)


def test_a_view_is_refused_if_a_table_has_its_name(bench: SqlBench) -> None:
    publish(bench, RICH)
    bench.tables.create_table("acme_conversations_flat")

    with pytest.raises(WarehouseRefused, match="rename or drop it"):
        bench.warehouse.put_view(build_view(Table.CONVERSATIONS, PATHS), ACME, SCHEMA)


def test_dropping_a_view_can_be_repeated(bench: SqlBench) -> None:
    publish(bench, RICH)
    bench.warehouse.put_view(build_view(Table.CONVERSATIONS, PATHS), ACME, SCHEMA)

    bench.warehouse.drop_view(ACME, Table.CONVERSATIONS)
    bench.warehouse.drop_view(ACME, Table.CONVERSATIONS)

    assert bench.tables.list_live() == ["acme_conversations"]


def test_the_unit_of_durations_is_measured(bench: SqlBench) -> None:
    publish(bench, RICH, SPARSE, BARE)

    measured = bench.warehouse.measure_durations(ACME, Table.CONVERSATIONS, SCHEMA)

    assert measured == Measured(rows=1, seconds=0, milliseconds=1)
