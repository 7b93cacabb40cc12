"""The flat views in BigQuery. Google's exceptions pass through; the caller translates them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound

from kustomer_extract.adapters.bigquery.work import to_unique_id
from kustomer_extract.errors import WarehouseRefused
from kustomer_extract.models import to_live_name, to_view_name
from kustomer_extract.schema import list_arrays
from kustomer_extract.views import Dialect, Measured, to_measurement, to_select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud import bigquery

    from kustomer_extract.adapters.bigquery.work import BigQueryJobs, Timeouts
    from kustomer_extract.models import IntegrationName, Table
    from kustomer_extract.schema import Field
    from kustomer_extract.views import FlatView


def to_literal(text: str) -> str:
    r"""Write a text: ``'it\'s'``."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


DIALECT = Dialect(
    quote="`",
    literal=to_literal,
    first="[SAFE_OFFSET(0)]",
    only="IF(ARRAY_LENGTH({0}) = 1, {0}[SAFE_OFFSET(0)], NULL)",
    seconds="TIMESTAMP_DIFF({1}, {0}, MILLISECOND) / 1000",
    null_number="CAST(NULL AS FLOAT64)",
    json="JSON_QUERY({0}, {1})",
    scalar="SAFE_CAST(JSON_VALUE({0}, {1}) AS {2})",
    types={"STRING": "STRING", "FLOAT": "FLOAT64", "TIMESTAMP": "TIMESTAMP", "BOOLEAN": "BOOL"},
    count_if="COUNTIF({0})",
)


class BigQueryViews:
    """Creates and drops flat views, and measures durations.

    Args:
        dataset: ``project.dataset``.
    """

    def __init__(self, client: bigquery.Client, *, dataset: str, jobs: BigQueryJobs, timeouts: Timeouts) -> None:
        self._client = client
        self._dataset = dataset
        self._jobs = jobs
        self._timeouts = timeouts

    def put(self, view: FlatView, integration: IntegrationName, schema: Sequence[Field]) -> None:
        """Create or replace the view with its descriptions, in one statement.

        Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language, section
        "CREATE VIEW statement", read 2026-11-26.

        Raises:
            WarehouseRefused: a table has its name.
        """
        name = f"{self._dataset}.{to_view_name(integration, view.table)}"
        if self._find_kind(name) not in {None, "VIEW"}:
            raise WarehouseRefused(
                f"BigQuery: {name} is not a view, and the flat view belongs there: rename or drop it; "
                "the next run makes it"
            )
        columns = ", ".join(
            f"`{part.name}` OPTIONS (description = {to_literal(part.description)})" for part in view.columns
        )
        source = f"`{self._dataset}.{to_live_name(integration, view.table)}`"
        text = (
            f"Kustomer {view.table} of {integration}, one flat row each; every run of kustomer-extract makes it anew."
        )
        sql = (
            f"CREATE OR REPLACE VIEW `{name}` ({columns}) OPTIONS (description = {to_literal(text)}, "
            f"labels = [('app', 'kustomer-extract'), ('integration', {to_literal(integration)})]) "
            f"AS {to_select(view, source, dialect=DIALECT, arrays=list_arrays(schema))}"
        )
        self._jobs.query(to_unique_id("view", integration, view.table), sql, labels={"integration": integration})

    def drop(self, integration: IntegrationName, table: Table) -> None:
        """Drop the view, if there is one."""
        name = f"{self._dataset}.{to_view_name(integration, table)}"
        if self._find_kind(name) == "VIEW":
            self._client.delete_table(name, not_found_ok=True, **self._timeouts.call)

    def measure(self, integration: IntegrationName, table: Table, schema: Sequence[Field]) -> Measured:
        """Count the rows that show Kustomer's unit of duration; reads three columns."""
        source = f"`{self._dataset}.{to_live_name(integration, table)}`"
        sql = to_measurement(source, dialect=DIALECT, arrays=list_arrays(schema))
        (row,) = self._jobs.query(to_unique_id("durations", integration), sql, labels={"integration": integration})
        rows, seconds, milliseconds = (row[place] for place in range(3))
        return Measured(rows=rows, seconds=seconds, milliseconds=milliseconds)

    def _find_kind(self, name: str) -> str | None:
        try:
            return str(self._client.get_table(name, **self._timeouts.call).table_type)
        except NotFound:
            return None
