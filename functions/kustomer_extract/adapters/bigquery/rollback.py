"""Publishes the rows of an earlier run again, by BigQuery's time travel. Google's exceptions pass through.

Source: https://cloud.google.com/bigquery/docs/access-historical-data, read 2026-11-23.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from google.api_core.exceptions import BadRequest

from kustomer_extract.errors import WarehouseRefused
from kustomer_extract.models import RunId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kustomer_extract.adapters.bigquery.live import LiveTables
    from kustomer_extract.models import Job
    from kustomer_extract.ports import Clock

_CLOCK_MARGIN = timedelta(seconds=1)  # a run's clock may be behind BigQuery's


def roll_back(live: LiveTables, name: str, *, jobs: Sequence[Job], run_id: RunId, clock: Clock) -> Job:
    """Replace a live table with its rows after an earlier run; return a job that records this.

    `jobs` are the jobs of this table, newest first.

    Raises:
        WarehouseRefused: the run did not publish the table, or BigQuery no longer has its rows.
    """
    published = [job for job in jobs if job.published_at is not None]
    target = next((job for job in published if job.run_id == run_id), None)
    if target is None or target.published_at is None:
        raise WarehouseRefused(f"BigQuery: run {run_id} has not published {name}: `kustomer-extract jobs` has those")
    hours, now = live.read_time_travel_hours(), clock.now()
    oldest = now - timedelta(hours=hours)
    if target.published_at < oldest:
        raise WarehouseRefused(_describe_reach(name, published, oldest))
    try:
        labels = {"integration": target.integration, "run_id": target.run_id}
        live.restore(name, target.published_at + _CLOCK_MARGIN, labels=labels)
    except BadRequest as error:
        raise WarehouseRefused(
            f"BigQuery: {name} of {target.published_at:%Y-%m-%d %H:%M}Z is out of reach: time travel goes back "
            f"{hours:g} h at most, and not behind the table's making. Choose a later run"
        ) from error
    live.describe(target, even_if_older=True)
    rollback_id = RunId(f"{now:%Y%m%dt%H%M%Sz}-rollback")
    done = replace(target, run_id=rollback_id, job_id=f"{rollback_id}-to-{target.job_id}", rows=live.count(name) or 0)
    return replace(done, started_at=now, finished_at=clock.now(), published_at=clock.now())


def _describe_reach(name: str, published: Sequence[Job], oldest: datetime) -> str:
    """Say how far back time travel goes, and which run is the oldest that it reaches."""
    within = [job.run_id for job in published if job.published_at and job.published_at >= oldest]
    reach = f"the oldest run within reach is {within[-1]}" if within else "no run is within reach"
    return f"BigQuery: {name} can be read as it was since {oldest:%Y-%m-%d %H:%M}Z, not before: {reach}"
