"""Warehouses to test. Each has a way to read its tables without the port."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from google.cloud import bigquery

from tests.contract.cloud_adapters import DATASET, STAGING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
    from kustomer_extract.ports import Warehouse
    from kustomer_extract.schema import Field
    from tests.contract.cloud_adapters import CloudClients
    from tests.standins.warehouse import MemoryWarehouse


class Tables(Protocol):
    """Reads a warehouse without the port."""

    def read(self, name: str, schema: Sequence[Field]) -> list[dict[str, Any]]:
        """Read the rows of a live table, sorted by id, as `to_plain` writes them."""

    def describe(self, name: str) -> tuple[str, dict[str, str]]:
        """Read the descriptions of a live table and of its columns."""

    def list_staging(self) -> list[str]:
        """List the tables in staging, sorted."""

    def create_view(self, name: str) -> None:
        """Create a view with the name of a live table."""


class TablesAndViews(Tables, Protocol):
    """Reads a warehouse that has SQL, without the port."""

    def create_table(self, name: str) -> None:
        """Create a table with the name of a flat view."""

    def list_live(self) -> list[str]:
        """List the tables and views that people query, sorted, without `_jobs` and the like."""

    def query(self, name: str, *, order: str) -> list[dict[str, Any]]:
        """Read all rows of a view or a table."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A warehouse and its tables."""

    warehouse: Warehouse
    tables: Tables


@dataclass(frozen=True, slots=True)
class SqlBench:
    """A warehouse that has SQL, and its tables."""

    warehouse: Warehouse
    tables: TablesAndViews


@dataclass(frozen=True, slots=True)
class DuckDbTables:
    warehouse: DuckDbWarehouse

    def read(self, name: str, schema: Sequence[Field]) -> list[dict[str, Any]]:
        rows = self.warehouse.query(f'SELECT to_json(live) FROM kustomer."{name}" AS live ORDER BY id')
        return [to_plain(schema, json.loads(text)) for (text,) in rows]

    def describe(self, name: str) -> tuple[str, dict[str, str]]:
        found = (
            "SELECT comment FROM duckdb_tables() WHERE table_name = $1 "
            "UNION ALL SELECT comment FROM duckdb_views() WHERE view_name = $1"
        )
        ((description,),) = self.warehouse.query(found, [name])
        columns = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
        return description, dict(self.warehouse.query(columns, [name]))

    def list_staging(self) -> list[str]:
        staging = self.warehouse.staging
        return sorted(chunk for name in staging.list_tables() for chunk in staging.list_chunks(f"{name}__"))

    def create_view(self, name: str) -> None:
        self.warehouse.query(f"CREATE VIEW kustomer.{name} AS SELECT 'x' AS id")

    def create_table(self, name: str) -> None:
        self.warehouse.query(f"CREATE TABLE kustomer.{name} AS SELECT 'x' AS id")

    def list_live(self) -> list[str]:
        names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'kustomer' ORDER BY 1"
        return [name for (name,) in self.warehouse.query(names) if not name.startswith("_")]

    def query(self, name: str, *, order: str) -> list[dict[str, Any]]:
        columns = [column for (column,) in self.warehouse.query(f"SELECT column_name FROM (DESCRIBE kustomer.{name})")]
        rows = self.warehouse.query(f"SELECT * FROM kustomer.{name} ORDER BY {order}")
        return [dict(zip(columns, row, strict=True)) for row in rows]


@dataclass(frozen=True, slots=True)
class MemoryTables:
    """Reads the warehouse in memory. It has no SQL, so its flat views cannot be queried."""

    warehouse: MemoryWarehouse

    def read(self, name: str, schema: Sequence[Field]) -> list[dict[str, Any]]:
        rows = sorted(self.warehouse.live[name], key=lambda row: str(row["id"]))
        return [to_plain(schema, row) for row in rows]

    def describe(self, name: str) -> tuple[str, dict[str, str]]:
        return self.warehouse.descriptions[name]

    def list_staging(self) -> list[str]:
        return sorted(self.warehouse.staging)

    def create_view(self, name: str) -> None:
        self.warehouse.foreign_views.add(name)


@dataclass(frozen=True, slots=True)
class BigQueryTables:
    clients: CloudClients

    def read(self, name: str, schema: Sequence[Field]) -> list[dict[str, Any]]:
        rows = self.clients.bigquery.list_rows(f"{DATASET}.{name}")
        return sorted((to_plain(schema, dict(row.items())) for row in rows), key=lambda row: str(row["id"]))

    def describe(self, name: str) -> tuple[str, dict[str, str]]:
        table = self.clients.bigquery.get_table(f"{DATASET}.{name}")
        return str(table.description), {field.name: str(field.description) for field in table.schema}

    def list_staging(self) -> list[str]:
        return sorted(table.table_id for table in self.clients.bigquery.list_tables(STAGING))

    def create_view(self, name: str) -> None:
        view = bigquery.Table(f"{self.clients.cloud.project}.{DATASET}.{name}")
        view.view_query = "SELECT 'x' AS id"
        self.clients.bigquery.create_table(view)

    def create_table(self, name: str) -> None:
        field = bigquery.SchemaField("id", "STRING")
        self.clients.bigquery.create_table(bigquery.Table(f"{self.clients.cloud.project}.{DATASET}.{name}", [field]))

    def list_live(self) -> list[str]:
        tables = self.clients.bigquery.list_tables(DATASET)
        return sorted(table.table_id for table in tables if not table.table_id.startswith("_"))

    def query(self, name: str, *, order: str) -> list[dict[str, Any]]:
        sql = f"SELECT * FROM `{DATASET}.{name}` ORDER BY {order}"
        rows = self.clients.bigquery.query_and_wait(sql, location="EU")
        return [dict(row.items()) for row in rows]


def to_plain(schema: Sequence[Field], row: dict[str, Any]) -> dict[str, Any]:
    """Convert a row to a form that both warehouses share: times are datetimes, columns without a value are left out."""
    plain = {field.name: _to_plain(field, row.get(field.name)) for field in schema}
    return {name: value for name, value in plain.items() if value not in (None, [])}


def _to_plain(field: Field, value: Any) -> Any:
    if value is None or field.type == "JSON":
        return value
    if isinstance(value, list):
        return [_to_plain(field, item) for item in value]
    if field.type == "RECORD":
        return to_plain(field.fields, value)
    if field.type == "INTEGER":
        return int(value)
    if field.type == "TIMESTAMP":
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)
    return value
