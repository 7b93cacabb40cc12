"""Rows: a page's records become lines, or the page is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kustomer_extract.errors import BrokenPage
from kustomer_extract.models import Batch, Evidence, Job, Page, Record, RunId, Table
from kustomer_extract.pipeline.rows import RowReader
from kustomer_extract.pipeline.table import choose_columns
from tests.configurations import build_integration


@pytest.mark.parametrize("settings", [{}, {"history_start": "2024-01-01"}], ids=str)
def test_a_record_that_cannot_be_read_makes_a_broken_page(settings: dict[str, str]) -> None:
    """How many levels Python reads depends on its version and on the calls around; a million are too many for all."""
    integration = build_integration(**settings)
    batch = Batch(run_id=RunId("r"), started_at=datetime(2026, 11, 23, tzinfo=UTC))
    job = Job(job_id="j", run_id=batch.run_id, integration=integration.name, table=Table.CONVERSATIONS, config_hash="")
    choice = choose_columns(integration, Table.CONVERSATIONS)
    rows = RowReader(integration, choice, table=Table.CONVERSATIONS, batch=batch, job=job)
    deep = b'{"id":"a","attributes":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"

    with pytest.raises(BrokenPage, match="nested too deeply"):
        rows.to_lines(
            Page(records=[Record("a", deep)], next=None, size_bytes=len(deep), retries=0, evidence=Evidence())
        )

    assert rows.job == job
