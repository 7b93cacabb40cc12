"""Proof that an extract is complete: evidence of the source, rows that vanished, and a source that starts over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract import events
from kustomer_extract.errors import RetryLater
from kustomer_extract.models import Cursor, Evidence, JobStatus, Page, Proof, Table
from tests.pipeline.test_run import assert_complete, statuses
from tests.pipeline.world import World, to_record
from tests.records import pack

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime
    from pathlib import Path

    from kustomer_extract.config import Integration
    from kustomer_extract.events import Scope
    from kustomer_extract.models import ApiKey
    from kustomer_extract.ports import EventLog
    from tests.pipeline.world import Organisation


# --- rows that vanished are looked up


def test_a_list_that_leaves_out_an_existing_conversation_is_not_published(world: World) -> None:
    world.run()
    before = world.live(Table.CONVERSATIONS)
    world.organisation.lost = {to_record(2)["id"]}
    world.clock.advance(hours=24)

    outcome = world.run()

    assert statuses(outcome)[Table.CONVERSATIONS] == (JobStatus.FAILED, "truncated")
    assert outcome.state is not None
    assert outcome.state.tables[Table.CONVERSATIONS].job.error == (
        "1 published conversations are not among the 6 that were read; of 1 of them that were looked up Kustomer still "
        "has 1: the list was not complete; the published table stays as it is. Run again; ask Kustomer's support if "
        "it happens again"
    )
    assert world.live(Table.CONVERSATIONS) == before


def test_deleted_conversations_are_looked_up_and_the_rest_is_published(world: World) -> None:
    world.run()
    del world.organisation.records[Table.CONVERSATIONS][2:4]
    world.clock.advance(hours=24)

    world.run()

    assert_complete(world)
    assert world.organisation.looked_up == [{to_record(2)["id"], to_record(3)["id"]}]


def test_conversations_older_than_history_start_are_not_looked_up(world: World) -> None:
    world.run()
    world.configure(history_start="2026-01-01T00:00:02Z")
    world.clock.advance(hours=24)

    world.run()

    assert world.live(Table.CONVERSATIONS) == world.expected(Table.CONVERSATIONS)[2:]
    assert world.organisation.looked_up == []


def test_vanished_surveys_are_a_warning(world: World) -> None:
    """A survey cannot be looked up by id, so a vanished one may be deleted or just not listed."""
    world.run()
    world.organisation.lost = {to_record(number)["id"] for number in (0, 2)}
    world.configure({"conversations": {"selected": False}})
    world.clock.advance(hours=24)

    world.run()

    assert world.organisation.looked_up == []
    assert [(event.severity, event.sentence) for event in world.emitted(events.RowsVanished)] == [
        (
            events.Severity.WARNING,
            "2 published rows are no longer listed: if nobody deleted them in Kustomer, run again",
        )
    ]


def test_at_most_twenty_are_looked_up(tmp_path: Path) -> None:
    world = World(tmp_path, rows=60)
    world.run()
    del world.organisation.records[Table.CONVERSATIONS][:29]
    world.clock.advance(hours=24)

    world.run()

    assert_complete(world)
    assert [len(ids) for ids in world.organisation.looked_up] == [20]
    world.close()


# --- evidence of the source


def test_the_evidence_of_the_source_is_in_the_job_and_in_its_last_log_line(world: World) -> None:
    world.organisation.evidence = Evidence(expected_rows=7, proven_by=Proof.TOTAL)

    world.run()

    (job, _) = world.warehouse.fetch_jobs(world.trigger().integration, limit=2)
    assert (job.expected_rows, job.proven_by, job.short_pages, job.unreadable_rows) == (7, Proof.TOTAL, 0, 0)
    finished = world.emitted(events.JobFinished)[-1].fields
    assert (finished["expected_rows"], finished["proven_by"]) == (7, "total")
    assert world.emitted(events.ExtractUnproven) == []


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (Evidence(), "completeness is proven by: none"),
        (
            Evidence(proven_by=Proof.NEWEST, short_pages=2),
            "completeness is proven by: newest; 2 pages had fewer rows than they should, also when read again",
        ),
        (
            Evidence(proven_by=Proof.TOTAL, unreadable_rows=3),
            "completeness is proven by: total; Kustomer counts 3 rows that it does not return",
        ),
    ],
)
def test_an_extract_without_proof_is_published_with_a_warning(world: World, evidence: Evidence, sentence: str) -> None:
    world.organisation.evidence = evidence

    world.run()

    assert_complete(world)
    assert [(event.severity, event.sentence) for event in world.emitted(events.ExtractUnproven)] == [
        (events.Severity.WARNING, sentence)
    ] * 2


def test_repeated_rows_do_not_hide_missing_ones(world: World) -> None:
    """Seven rows were counted and seven were read, but one of them was read twice."""
    world.organisation.evidence = Evidence(expected_rows=7, proven_by=Proof.NEWEST)
    records = world.organisation.records[Table.CONVERSATIONS]
    records[6] = records[0]

    world.run()

    jobs_logged = {
        scope.table: event.fields for scope, event in world.log.entries if isinstance(event, events.ExtractUnproven)
    }
    assert {"rows": 6, "expected_rows": 7}.items() <= jobs_logged[Table.CONVERSATIONS].items()


# --- added and removed columns


def test_added_and_removed_columns_are_named_in_the_job_and_the_log(world: World) -> None:
    world.run()
    world.configure({"conversations": {"columns": {"relationships": False, "links": False}}})
    world.clock.advance(hours=24)

    outcome = world.run()

    assert outcome.state is not None
    job = outcome.state.tables[Table.CONVERSATIONS].job
    (event,) = world.emitted(events.SelectionChanged)
    assert event.fields["columns_added"] == job.columns_added
    assert event.fields["columns_removed"] == job.columns_removed
    assert "attributes.preview" in job.columns_added
    assert "attributes" not in job.columns_added
    assert job.columns_removed == ()


def test_a_removed_record_is_named_without_its_fields(world: World) -> None:
    world.run()
    world.configure({"conversations": {"columns": {"attributes": False}}})
    world.clock.advance(hours=24)

    outcome = world.run()

    assert outcome.state is not None
    assert outcome.state.tables[Table.CONVERSATIONS].job.columns_removed == ("attributes",)


def test_the_first_run_reports_no_changed_columns(world: World) -> None:
    world.run()

    assert world.emitted(events.SelectionChanged) == []


# --- a source that starts over in another way


@dataclass
class SourceThatStartsOver:
    """A source that first reads a list that is cut short, then starts over and reads all conversations in another way.

    Attributes:
        fail_at: The page of the second way before which reading fails once.
    """

    organisation: Organisation
    fail_at: int | None = None

    def __call__(self, integration: Integration, key: ApiKey, log: EventLog, scope: Scope) -> SourceThatStartsOver:  # noqa: ARG002 a port
        return self

    def close(self) -> None:
        pass

    def read_ahead(self, table: Table, *, until: datetime) -> None:
        pass

    def find_existing(self, *facts: Any, **named: Any) -> frozenset[str]:
        return self.organisation.find_existing(*facts, **named)

    def iter_pages(self, table: Table, *, start: Cursor | None, until: datetime) -> Generator[Page]:
        if table is Table.SATISFACTION:
            yield from self.organisation.iter_pages(table, start=start, until=until)
            return
        records = self.organisation.records[table]
        if start is None:
            for number in range(4):
                yield Page(records=[pack(to_record(90 + number))] * 2, next=Cursor("list"), size_bytes=1)
        first = int(start) if start and start != "list" else 0
        for number in range(first, len(records)):
            if number == self.fail_at:
                self.fail_at = None
                raise RetryLater("gone")
            following = Cursor(str(number + 1)) if number + 1 < len(records) else None
            evidence = Evidence(proven_by=Proof.TOTAL, expected_rows=len(records))
            yield Page(
                records=[pack(records[number])], next=following, size_bytes=1, evidence=evidence, restart=number == 0
            )


@pytest.mark.parametrize("fail_at", [None, 0, 1, 3, 6])
def test_what_was_read_before_the_source_starts_over_is_discarded(world: World, fail_at: int | None) -> None:
    world.ports = replace(world.ports, open_source=SourceThatStartsOver(world.organisation, fail_at))

    outcome = world.run()

    assert_complete(world)
    assert outcome.state is not None
    job = outcome.state.tables[Table.CONVERSATIONS].job
    assert (job.rows, job.pages, job.bytes, job.duplicates) == (7, 7, 7, 0)
    assert (job.expected_rows, job.proven_by) == (7, Proof.TOTAL)
    assert world.staging() == []
