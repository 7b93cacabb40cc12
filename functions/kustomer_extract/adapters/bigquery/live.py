"""The tables that people query: a copy job replaces them as a whole. Google's exceptions pass through."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import bigquery

from kustomer_extract.adapters.bigquery.work import REPLACE, to_unique_id
from kustomer_extract.errors import RetryLater, WarehouseRefused
from kustomer_extract.models import Vanished, describe_table, to_live_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from kustomer_extract.adapters.bigquery.work import BigQueryJobs, Timeouts
    from kustomer_extract.models import Job

_TIME_TRAVEL_HOURS = 168  # BigQuery's default
_MAX_EDITS = 5  # attempts to change a table's metadata while others change it, too


class LiveTables:
    """The tables of the live dataset, by their short names.

    Args:
        dataset: ``project.dataset``.
    """

    def __init__(self, client: bigquery.Client, *, dataset: str, jobs: BigQueryJobs, timeouts: Timeouts) -> None:
        self._client = client
        self.dataset = dataset
        self._jobs = jobs
        self._timeouts = timeouts

    def count(self, name: str) -> int | None:
        """Read the number of rows from the metadata; None if there is no table.

        Raises:
            WarehouseRefused: a view, or something else that is not a table, has this name.
        """
        table = self._find(name)
        return int(table.num_rows) if table else None

    def read_columns(self, name: str) -> frozenset[str] | None:
        """Read the paths of all columns; None if there is no table."""
        table = self._find(name)
        return frozenset(path for path, _ in _iter_columns(table.schema)) if table else None

    def count_older(self, name: str, moment: datetime) -> int:
        """Count the rows that were created before this moment, in one query."""
        table = self._find(name)
        created_at = _name_created_at(table.schema) if table else None
        if created_at is None:
            return 0
        sql = f"SELECT COUNT(*) AS older FROM `{self.dataset}.{name}` AS live WHERE {created_at} < @moment"  # noqa: S608 - our own names
        parameters = [bigquery.ScalarQueryParameter("moment", "TIMESTAMP", moment)]
        (row,) = self._jobs.query(to_unique_id("older", name), sql, parameters=parameters)
        return int(row["older"])

    def sample_vanished(self, name: str, source: str, *, limit: int, created_since: datetime | None) -> Vanished:
        """Compare the ids of a table with those of a staged one, in one query."""
        table = self._find(name)
        created_at = _name_created_at(table.schema) if table else None
        if table is None or (created_since is not None and created_at is None):
            return Vanished()
        parameters: list[bigquery.ScalarQueryParameter] = [bigquery.ScalarQueryParameter("limit", "INT64", limit)]
        young = ""
        if created_since is not None:
            young = f"AND {created_at} >= @since "
            parameters.append(bigquery.ScalarQueryParameter("since", "TIMESTAMP", created_since))
        sql = (
            f"SELECT live.id AS id, COUNT(*) OVER () AS vanished FROM `{self.dataset}.{name}` AS live "  # noqa: S608 - our own names
            f"LEFT JOIN `{source}` AS fresh ON fresh.id = live.id WHERE fresh.id IS NULL {young}"
            "ORDER BY TO_HEX(MD5(live.id)) LIMIT @limit"
        )
        rows = self._jobs.query(to_unique_id("vanished", name), sql, parameters=parameters)
        return Vanished(count=rows[0]["vanished"] if rows else 0, ids=tuple(row["id"] for row in rows))

    def replace(self, name: str, source: str, *, job_id: str, labels: Mapping[str, str]) -> None:
        """Replace the table's rows and schema with those of `source`, atomically; once per job id.

        Raises:
            WarehouseRefused: it is not a table, or it has policy tags, which a replacement would remove.
        """
        table = self._find(name)
        tagged = list(_iter_tagged(table.schema)) if table else []
        if tagged:
            raise WarehouseRefused(
                f"BigQuery: {self.dataset}.{name} has policy tags on {', '.join(tagged)}, which publishing would "
                "remove: remove them and protect the columns in an authorized view, or deselect these columns and drop "
                "the table; the next run publishes"
            )
        self._jobs.copy(job_id, [source], f"{self.dataset}.{name}", write=REPLACE, labels=labels)

    def restore(self, name: str, moment: datetime, *, labels: Mapping[str, str]) -> None:
        """Replace the table with its own rows at an earlier moment, atomically."""
        snapshot = f"{self.dataset}.{name}@{math.ceil(moment.timestamp() * 1000)}"
        self.replace(name, snapshot, job_id=to_unique_id("rollback", name), labels=labels)

    def read_time_travel_hours(self) -> float:
        """Read how many hours of earlier rows BigQuery keeps for this dataset."""
        return float(
            self._client.get_dataset(self.dataset, **self._timeouts.call).max_time_travel_hours or _TIME_TRAVEL_HOURS
        )

    def describe(self, job: Job, *, even_if_older: bool = False) -> None:
        """Set the live table's description and labels, and remove its expiry, if they differ. Other labels stay.

        A table whose label `run_id` belongs to a later run is not changed: this invocation has stalled and is late.
        `even_if_older` changes it in any case, because a person wants the rows of the earlier run.
        """
        name, description = to_live_name(job.integration, job.table), describe_table(job.integration, job.table)
        labels = {"integration": job.integration, "run_id": job.run_id, "config_hash": job.config_hash}
        for _ in range(_MAX_EDITS):
            table = self._client.get_table(f"{self.dataset}.{name}", **self._timeouts.call)
            wanted = {**table.labels, **labels}
            done = (table.description, table.labels, table.expires) == (description, wanted, None)
            is_late = not even_if_older and table.labels.get("run_id", "") > labels["run_id"]
            if done or is_late:
                return
            table.description, table.labels, table.expires = description, wanted, None
            try:
                self._client.update_table(table, ["description", "labels", "expires"], **self._timeouts.call)
            except PreconditionFailed:
                continue  # somebody changed it since it was read, or the answer to our own change was lost
            return
        raise RetryLater(f"BigQuery: {name} is published, but something else keeps changing its description or labels")

    def _find(self, name: str) -> bigquery.Table | None:
        try:
            table = self._client.get_table(f"{self.dataset}.{name}", **self._timeouts.call)
        except NotFound:
            return None
        if table.table_type != "TABLE":
            raise WarehouseRefused(
                f"BigQuery: {self.dataset}.{name} is a {table.table_type}, and only a table can be published: rename "
                "or drop it; the next run publishes"
            )
        return table


def _iter_columns(
    fields: Iterable[bigquery.SchemaField], prefix: str = ""
) -> Iterator[tuple[str, bigquery.SchemaField]]:
    """Yield all columns with their paths, at any depth."""
    for field in fields:
        yield f"{prefix}{field.name}", field
        yield from _iter_columns(field.fields, f"{prefix}{field.name}.")


def _iter_tagged(fields: Iterable[bigquery.SchemaField]) -> Iterator[str]:
    """Yield the paths of the columns that carry policy tags."""
    return (path for path, field in _iter_columns(fields) if field.policy_tags and field.policy_tags.names)


def _name_created_at(fields: Iterable[bigquery.SchemaField]) -> str | None:
    """Return the SQL expression of a row's time of creation; None if the table has no such column."""
    columns = dict(_iter_columns(fields))
    if "attributes.createdAt" not in columns:
        return None
    first = "[SAFE_OFFSET(0)]" if columns["attributes"].mode == "REPEATED" else ""
    return f"live.attributes{first}.createdAt"
