"""`_last_run`: the summary of a run for the person who edits its configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from kustomer_extract.models import IntegrationName, Job, JobStatus, RunId, RunState, Table, TableState, Trigger
from kustomer_extract.pipeline.last_run import describe_run

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = RunId("20261123t120000z-1a")
ACME = IntegrationName("acme")


def job(table: Table) -> Job:
    return Job(job_id=f"{RUN}-{table}", run_id=RUN, integration=ACME, table=table, config_hash="0a")


def test_the_summary_leaves_out_empty_values() -> None:
    good = replace(
        job(Table.CONVERSATIONS),
        status=JobStatus.SUCCEEDED,
        rows=250,
        columns_added=("attributes.preview",),
        columns_removed=("links",),
        custom_names={"rareStr": 1, "orderNumberStr": 210, "ageNum": 210},
    )
    bad = replace(
        job(Table.SATISFACTION), status=JobStatus.FAILED, error_code="key_rejected", error="the key is rejected: add …"
    )
    state = RunState(
        integration=ACME,
        run_id=RUN,
        trigger=Trigger.MANUAL,
        published_at=NOON,
        started_at=NOON,
        finished_at=NOON,
        tables={Table.SATISFACTION: TableState(job=bad), Table.CONVERSATIONS: TableState(job=good)},
    )

    summary = describe_run(state, {Table.USERS: "kustomer.acme_users"})

    assert summary == {
        "colour": "orange",
        "finished_at": NOON,
        "run_id": RUN,
        "trigger": "manual",
        "tables": {
            "satisfaction": {
                "status": "FAILED",
                "rows": 0,
                "error": "the key is rejected: add …",
                "error_code": "key_rejected",
            },
            "conversations": {
                "status": "SUCCEEDED",
                "rows": 250,
                "columns_added": ["attributes.preview"],
                "columns_removed": ["links"],
                "custom_attributes": ["ageNum: 210", "orderNumberStr: 210", "rareStr: 1"],
            },
        },
        "switched_off": [
            "kustomer.acme_users keeps the rows of its last run; to drop it: DROP TABLE kustomer.acme_users"
        ],
    }
