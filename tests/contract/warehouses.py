"""Warehouses to test, each with a way to look at its tables that does not go through the port."""

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


class Tables(Protocol):
    """What an observer sees."""

    def read(self, name: str, schema: Sequence[Field]) -> list[dict[str, Any]]:
        """Read the rows of a live table, sorted by id, as `to_plain` writes them."""

    def describe(self, name: str) -> tuple[str, dict[str, str]]:
        """Read the descriptions of a live table and of its columns."""

    def list_staging(self) -> list[str]:
        """List what lies in staging, sorted."""

    def create_view(self, name: str) -> None:
        """Put a view where a live table belongs."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A warehouse and its tables."""

    warehouse: Warehouse
    tables: Tables


@dataclass(frozen=True, slots=True)
class DuckDbTables:
    warehouse: DuckDbWarehouse

    def read(self, name: str, schema: Sequence[Field]) -> list[dict[str, Any]]:
        rows = self.warehouse.query(f'SELECT to_json(live) FROM kustomer."{name}" AS live ORDER BY id')
        return [to_plain(schema, json.loads(text)) for (text,) in rows]

    def describe(self, name: str) -> tuple[str, dict[str, str]]:
        ((description,),) = self.warehouse.query("SELECT comment FROM duckdb_tables() WHERE table_name = ?", [name])
        columns = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
        return description, dict(self.warehouse.query(columns, [name]))

    def list_staging(self) -> list[str]:
        tables = self.warehouse.query("SELECT table_name FROM duckdb_columns() WHERE column_name = '_chunk'")
        return sorted(chunk for (name,) in tables for chunk in self.warehouse.staging.list_chunks(f"{name}__"))

    def create_view(self, name: str) -> None:
        self.warehouse.query(f"CREATE VIEW kustomer.{name} AS SELECT 'x' AS id")


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


def to_plain(schema: Sequence[Field], row: dict[str, Any]) -> dict[str, Any]:
    """Write a row as both warehouses mean it: times are datetimes, and what has no value is left out."""
    plain = {field.name: _to_plain(field, row.get(field.name)) for field in schema}
    return {name: value for name, value in plain.items() if value not in (None, [])}


def _to_plain(field: Field, value: Any) -> Any:
    if value is None or field.type == "JSON":
        return value
    if isinstance(value, list):
        return [_to_plain(field, item) for item in value]
    if field.type == "RECORD":
        return to_plain(field.fields, value)
    if field.type == "TIMESTAMP":
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)
    return value
