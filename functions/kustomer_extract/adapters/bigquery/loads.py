"""The load of one chunk, and the error if BigQuery refuses a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kustomer_extract.errors import RowRejected
from kustomer_extract.schema import iter_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from google.cloud import bigquery

    from kustomer_extract.adapters.bigquery.work import BigQueryJobs
    from kustomer_extract.adapters.google.errors import Service
    from kustomer_extract.models import Staged
    from kustomer_extract.schema import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkLoad:
    """Implements `Load`."""

    staged: Staged
    job: bigquery.LoadJob
    schema: Sequence[Field]
    jobs: BigQueryJobs
    service: Service

    def wait(self, *, until: datetime) -> Staged:
        """Wait until the load has ended."""
        with self.service.translate(f"loading {self.staged.name}"):
            self.jobs.wait(self.job, until=until)
            if (self.job.error_result or {}).get("reason") == "invalid":
                raise to_row_rejection(self.staged.name, self.job.errors or (), self.schema)
            self.jobs.finish(self.job)  # raises any other error of the job
        return self.staged


def to_row_rejection(chunk: str, errors: Iterable[Mapping[str, str]], schema: Sequence[Field]) -> RowRejected:
    """Say where a load failed, and nothing else: BigQuery's messages quote the values of the row.

    A field is named only if the schema has it.
    """
    messages = " ".join(error.get("message", "") for error in errors)
    position = re.search(r"row starting at position (\d+)", messages)
    named = re.findall(r"[Ff]ield: ([A-Za-z_]\w*(?:\.\w+)*)", messages, re.ASCII)
    known = {".".join(path) for path, _ in iter_paths(schema)}
    field = next((name for name in named if name in known), None)
    place = f"{f' at byte {position[1]}' if position else ''}{f', field {field}' if field else ''}"
    until_then = f"; until it is fixed, deselect {field} in the configuration document" if field else ""
    return RowRejected(
        f"BigQuery refuses a row of {chunk}{place}; the published table stays. A row that passed the transform must "
        f"load: please report this{until_then}"
    )
