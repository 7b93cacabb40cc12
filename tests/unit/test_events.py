"""The message of an event is its template, filled with its fields."""

from __future__ import annotations

from typing import Any

import pytest

from kustomer_extract import events
from kustomer_extract.events import Severity
from kustomer_extract.models import Colour, JobStatus, Table, Trigger

JOB: dict[str, Any] = {"job_id": "j", "rows": 250, "pages": 3, "bytes": 9, "duplicates": 0, "retries": 0}


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (
            events.RunStarted(trigger=Trigger.SCHEDULE, hop=0, attempt=1),
            "run started by schedule (hop 0, attempt 1)",
        ),
        (
            events.ConfigLoaded(config_hash="0a", tables=list(Table)[:2]),
            "configuration 0a: satisfaction, conversations",
        ),
        (
            events.ConfigLoaded(config_hash="0a", tables=[Table.CONVERSATIONS], warnings=["a", "b"]),
            "configuration 0a: conversations; a, b",
        ),
        (events.TriggerDropped(reason="unreadable"), "trigger dropped, unreadable"),
        (events.TriggerDropped(reason="unreadable", detail="no data"), "trigger dropped, unreadable: no data"),
        (
            events.RunFinished(
                colour=Colour.RED, tables={"conversations": "FAILED"}, rows=0, hops=1, elapsed_seconds=1.25, error="no"
            ),
            "run finished red in 1.2 s: conversations (FAILED); 0 rows; no",
        ),
        (events.JobStarted(job_id="j", resumed=False), "job j started"),
        (events.JobStarted(job_id="j", resumed=True), "job j goes on"),
        (
            events.DriftFound(paths={f"/{n}": n for n in range(7)}),
            (
                "values differ from the schema; they were converted or are in _rescued: "
                "/0 (0), /1 (1), /2 (2), /3 (3), /4 (4) and 2 more"
            ),
        ),
        (
            events.SelectionChanged(columns_removed=["attributes.preview"]),
            "the columns of the published table change; removed: attributes.preview",
        ),
        (
            events.JobFinished(**JOB, drift_paths=0, status=JobStatus.SUCCEEDED, minutes=0.25),
            "job SUCCEEDED: 250 rows from 3 pages in 0.2 min",
        ),
        (
            events.JobFinished(
                **JOB,
                drift_paths=0,
                status=JobStatus.FAILED,
                minutes=0.2,
                error_code="truncated",
                error="It ends early",
            ),
            "job FAILED, truncated: It ends early",
        ),
    ],
)
def test_a_sentence_is_the_template_with_its_fields_without_empty_ones(event: events.Event, sentence: str) -> None:
    assert event.sentence == sentence


@pytest.mark.parametrize(
    ("event", "severity"),
    [
        (events.SelectionChanged(columns_removed=["a"]), Severity.INFO),
        (events.SelectionChanged(columns_added=["a"]), Severity.WARNING),
        (events.RunSkipped(reason="paused"), Severity.INFO),
        (events.RateLimited(wait_seconds=1.0), Severity.WARNING),
    ],
)
def test_an_added_column_is_a_warning(event: events.Event, severity: Severity) -> None:
    assert event.severity is severity


def test_fields_without_a_value_are_left_out_but_zero_is_a_value() -> None:
    event = events.RateLimited(wait_seconds=0.0, remaining=0)

    assert event.fields == {"wait_seconds": 0.0, "remaining": 0}
