"""The flat views in a DuckDB file."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import duckdb

from kustomer_extract.adapters.duckdb.sql import quote, to_literal
from kustomer_extract.errors import WarehouseRefused
from kustomer_extract.models import to_live_name, to_view_name
from kustomer_extract.schema import list_arrays
from kustomer_extract.views import Dialect, Measured, to_measurement, to_select

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kustomer_extract.adapters.duckdb.file import DuckDbFile
    from kustomer_extract.models import IntegrationName, Table
    from kustomer_extract.schema import Field
    from kustomer_extract.views import FlatView

DIALECT = Dialect(
    quote='"',
    literal=to_literal,
    first="[1]",
    only="CASE WHEN len({0}) = 1 THEN {0}[1] END",
    seconds="(epoch_ms({1}) - epoch_ms({0})) / 1000",
    null_number="NULL::DOUBLE",
    json="({0} -> {1})",
    scalar="TRY_CAST(({0} ->> {1}) AS {2})",
    types={"STRING": "VARCHAR", "FLOAT": "DOUBLE", "TIMESTAMP": "TIMESTAMPTZ", "BOOLEAN": "BOOLEAN"},
    count_if="COUNT(*) FILTER ({0})",
)


class DuckDbViews:
    """Creates and drops flat views, and measures durations."""

    def __init__(self, file: DuckDbFile) -> None:
        self._file = file

    def put(self, view: FlatView, integration: IntegrationName, schema: Sequence[Field]) -> None:
        """Create or replace the view, in one transaction.

        Raises:
            WarehouseRefused: a table has its name.
        """
        name = to_view_name(integration, view.table)
        if self._file.list_kinds().get(name) == "TABLE":
            raise WarehouseRefused(
                f"{self._file.path}: kustomer.{name} is a table, and the flat view belongs there: rename or drop it; "
                "the next run makes the view"
            )
        # The view names the schema, because a DuckDB of 2024 looks for the table in the reader's schema otherwise.
        # It does not name the catalogue, because that is the name of the file, which may change.
        source = f"kustomer.{quote(to_live_name(integration, view.table))}"
        select = to_select(view, source, dialect=DIALECT, arrays=list_arrays(schema))
        statements = [
            f"USE {self._file.qualify('kustomer')}",
            "BEGIN",
            f"CREATE OR REPLACE VIEW {quote(name)} AS {select}",
            f"COMMENT ON VIEW {quote(name)} IS {to_literal(describe(view, integration))}",
            *(
                f"COMMENT ON COLUMN {quote(name)}.{quote(column.name)} IS {to_literal(column.description)}"
                for column in view.columns
            ),
            "COMMIT",
        ]
        with _refuse(name), closing(self._file.connect_again()) as connection:
            connection.run(statements)

    def drop(self, integration: IntegrationName, table: Table) -> None:
        """Drop the view, if there is one."""
        name = to_view_name(integration, table)
        if self._file.list_kinds().get(name) == "VIEW":
            self._file.query(f"DROP VIEW {self._file.qualify('kustomer', name)}")

    def measure(self, integration: IntegrationName, table: Table, schema: Sequence[Field]) -> Measured:
        """Count the rows that show Kustomer's unit of duration."""
        source = self._file.qualify("kustomer", to_live_name(integration, table))
        sql = to_measurement(source, dialect=DIALECT, arrays=list_arrays(schema))
        with _refuse(source):
            ((rows, seconds, milliseconds),) = self._file.query(sql)
        return Measured(rows=rows, seconds=seconds, milliseconds=milliseconds)


@contextmanager
def _refuse(name: str) -> Iterator[None]:
    """Translate DuckDB's errors, for example for a table that somebody has changed by hand."""
    try:
        yield
    except duckdb.Error as error:
        what = str(error).partition("\n")[0]
        raise WarehouseRefused(f"DuckDB: {name}: {what}. The next run makes the table and its view anew") from error


def describe(view: FlatView, integration: IntegrationName) -> str:
    """Return the description of the view."""
    return f"Kustomer {view.table} of {integration}, one flat row each; every run of kustomer-extract makes it anew."
