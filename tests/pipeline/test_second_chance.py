"""The trigger `retry` runs a job again on the same day, if the reason of its failure may have passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kustomer_extract import events
from kustomer_extract.errors import (
    CODES_THAT_MAY_PASS,
    Abandoned,
    BrokenPage,
    KeyRejected,
    NeedsPerson,
    RetriesExhausted,
    RoleMissing,
    RowRejected,
    Truncated,
)
from kustomer_extract.models import JobStatus, Table, Trigger
from tests.pipeline.test_run import assert_complete, statuses
from tests.pipeline.world import TABLES, World

if TYPE_CHECKING:
    from kustomer_extract.pipeline.invocation import Outcome

ERROR, WARNING, INFO = events.Severity.ERROR, events.Severity.WARNING, events.Severity.INFO


def run_with(world: World, error: NeedsPerson, *, trigger: Trigger = Trigger.SCHEDULE) -> Outcome:
    """Run while reading conversations fails with an error. Afterwards reading works again."""

    def fail(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 2:
            raise error

    world.organisation.fail = fail
    outcome = world.run(world.trigger(trigger))
    world.organisation.fail = lambda _table, _page: None
    world.clock.advance(hours=3)
    return outcome


def severities(world: World) -> list[events.Severity]:
    """List the severities of the last job and of the last run."""
    return [world.emitted(events.JobFinished)[-1].severity, world.emitted(events.RunFinished)[-1].severity]


def test_four_error_codes_may_pass() -> None:
    assert {"truncated", "broken_page", "retries_exhausted", "abandoned"} == CODES_THAT_MAY_PASS


@pytest.mark.parametrize("error", [Truncated("cut"), BrokenPage("odd"), RetriesExhausted("503"), Abandoned("left")])
def test_only_the_failed_table_runs_again(world: World, error: NeedsPerson) -> None:
    first = run_with(world, error)

    outcome = world.run(world.trigger(Trigger.RETRY))

    assert statuses(first)[Table.CONVERSATIONS] == (JobStatus.FAILED, error.code)
    assert statuses(outcome) == {Table.CONVERSATIONS: (JobStatus.SUCCEEDED, None)}
    assert outcome.state is not None
    assert first.state is not None
    assert outcome.state.config_hash == first.state.config_hash
    assert_complete(world)


@pytest.mark.parametrize("error", [KeyRejected("no"), RoleMissing("no"), RowRejected("no")])
def test_an_error_that_needs_a_person_is_not_retried(world: World, error: NeedsPerson) -> None:
    run_with(world, error)

    assert world.run(world.trigger(Trigger.RETRY)).reason == "nothing_to_retry"


def test_after_a_successful_run_there_is_nothing_to_retry(world: World) -> None:
    world.run()

    assert world.run(world.trigger(Trigger.RETRY)).reason == "nothing_to_retry"
    assert world.emitted(events.RunSkipped) == [events.RunSkipped(reason="nothing_to_retry")]


def test_before_any_run_there_is_nothing_to_retry(world: World) -> None:
    assert world.run(world.trigger(Trigger.RETRY)).reason == "nothing_to_retry"


def test_a_paused_integration_is_not_retried(world: World) -> None:
    run_with(world, Truncated("cut"))
    world.configure(status="PAUSED")

    assert world.run(world.trigger(Trigger.RETRY)).reason == "paused"


def test_a_table_that_was_deselected_since_is_not_retried(world: World) -> None:
    run_with(world, Truncated("cut"))
    world.configure({"conversations": {"selected": False}})

    assert world.run(world.trigger(Trigger.RETRY)).reason == "nothing_to_retry"


def test_a_dead_run_is_closed_and_its_tables_are_retried(world: World) -> None:
    def die(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 2:
            raise KeyboardInterrupt

    world.organisation.fail = die
    with pytest.raises(KeyboardInterrupt):
        world.deliver(world.trigger())
    world.organisation.fail = lambda _table, _page: None
    world.clock.advance(hours=3)

    outcome = world.run(world.trigger(Trigger.RETRY))

    assert statuses(outcome) == {Table.CONVERSATIONS: (JobStatus.SUCCEEDED, None)}
    assert_complete(world)


@pytest.mark.parametrize(
    ("trigger", "error", "expected"),
    [
        (Trigger.SCHEDULE, Truncated("cut"), [WARNING, WARNING]),
        (Trigger.SCHEDULE, KeyRejected("no"), [ERROR, ERROR]),
        (Trigger.MANUAL, Truncated("cut"), [ERROR, ERROR]),
    ],
)
def test_a_failure_with_a_second_chance_is_a_warning(
    world: World, trigger: Trigger, error: NeedsPerson, expected: list[events.Severity]
) -> None:
    run_with(world, error, trigger=trigger)

    assert severities(world) == expected


def test_the_second_failure_is_an_error(world: World) -> None:
    run_with(world, Truncated("cut"))

    outcome = run_with(world, Truncated("cut again"), trigger=Trigger.RETRY)

    assert statuses(outcome) == {Table.CONVERSATIONS: (JobStatus.FAILED, "truncated")}
    assert severities(world) == [ERROR, ERROR]


def test_a_successful_run_has_no_second_chance(world: World) -> None:
    world.run()

    assert severities(world) == [INFO, INFO]
    assert [event.fields["has_second_chance"] for event in world.emitted(events.RunFinished)] == [False]


def test_a_failure_beside_one_without_a_second_chance_is_an_error(world: World) -> None:
    def fail(table: Table, _page: int) -> None:
        raise Truncated("cut") if table is Table.CONVERSATIONS else RowRejected("no")

    world.organisation.fail = fail
    outcome = world.run()

    assert [code for _, code in statuses(outcome).values()] == ["row_rejected", "truncated"]
    assert list(statuses(outcome)) == list(TABLES)
    assert [event.severity for event in world.emitted(events.JobFinished)] == [ERROR, WARNING]
    assert world.emitted(events.RunFinished)[-1].severity is ERROR


def test_a_retry_of_one_table_does_not_report_the_other_as_deselected(world: World) -> None:
    run_with(world, Truncated("cut"))

    world.run(world.trigger(Trigger.RETRY))

    assert world.emitted(events.TableLeftPublished) == []
