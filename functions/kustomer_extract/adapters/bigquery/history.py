"""The table `_jobs`: one row per job, appended when its run ends. Google's exceptions pass through."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING

from google.cloud import bigquery

from kustomer_extract.adapters.bigquery.work import APPEND, to_bigquery_id, to_unique_id
from kustomer_extract.adapters.codec import load_columns, parse_rows, to_row
from kustomer_extract.schema import to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.adapters.bigquery.work import BigQueryJobs
    from kustomer_extract.models import IntegrationName, Job


class BigQueryHistory:
    """Appends to `_jobs`, which it creates, and reads it.

    Args:
        table: Full name: ``project.dataset._jobs``.
    """

    def __init__(self, jobs: BigQueryJobs, *, table: str) -> None:
        self._jobs = jobs
        self.table = table

    def append(self, jobs: Sequence[Job]) -> None:
        """Append the jobs of one run. A repetition has no effect: the load job's id is made from theirs."""
        if not jobs:
            return
        first = jobs[0]
        digest = hashlib.sha256("\n".join(job.job_id for job in jobs).encode()).hexdigest()[:8]
        load = self._jobs.begin_load(
            to_bigquery_id("jobs", first.integration, first.run_id, digest),
            "\n".join(json.dumps(to_row(job), default=datetime.isoformat) for job in jobs).encode(),
            self.table,
            schema=self._to_schema(),
            write=APPEND,
            labels={"integration": first.integration, "run_id": first.run_id},
        )
        self._jobs.finish(load)

    def fetch(self, integration: IntegrationName | None, *, limit: int) -> list[Job]:
        """Read the newest jobs. A job that was appended twice is returned once."""
        parameters = [bigquery.ScalarQueryParameter("limit", "INT64", limit)]
        if integration is not None:
            parameters.append(bigquery.ScalarQueryParameter("integration", "STRING", integration))
        sql = (
            f"SELECT * FROM `{self.table}` WHERE {'TRUE' if integration is None else 'integration = @integration'} "  # noqa: S608 - our own name
            "QUALIFY ROW_NUMBER() OVER (PARTITION BY integration, job_id ORDER BY finished_at DESC) = 1 "
            "ORDER BY started_at DESC, job_id LIMIT @limit"
        )
        rows = self._jobs.query(to_unique_id("history"), sql, parameters=parameters)
        return parse_rows(dict(row.items()) for row in rows)

    def _to_schema(self) -> list[dict[str, object]]:
        """List the existing columns, which a load must name, then the columns that are new in this release."""
        there = [dict(field.to_api_repr()) for field in self._jobs.read_schema(self.table)]
        names = {field["name"] for field in there}
        return [*there, *(column for column in to_json(load_columns()) if column["name"] not in names)]
