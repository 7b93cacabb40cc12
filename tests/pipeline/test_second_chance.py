"""A job that failed for a reason that time may cure runs once more on the same day, by the trigger `retry`."""

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
    """Run while Kustomer's conversations end in an error, then let it pass."""

    def fail(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 2:
            raise error

    world.organisation.fail = fail
    outcome = world.run(world.trigger(trigger))
    world.organisation.fail = lambda _table, _page: None
    world.clock.advance(hours=3)
    return outcome


def severities(world: World) -> list[events.Severity]:
    """How loud the last run ended: its conversations, and the run itself."""
    return [world.emitted(events.JobFinished)[-1].severity, world.emitted(events.RunFinished)[-1].severity]


def test_what_time_may_cure_is_a_short_list() -> None:
    assert {"truncated", "broken_page", "retries_exhausted", "abandoned"} == CODES_THAT_MAY_PASS


@pytest.mark.parametrize("error", [Truncated("cut"), BrokenPage("odd"), RetriesExhausted("503"), Abandoned("left")])
def test_only_the_table_that_failed_runs_once_more(world: World, error: NeedsPerson) -> None:
    first = run_with(world, error)

    outcome = world.run(world.trigger(Trigger.RETRY))

    assert statuses(first)[Table.CONVERSATIONS] == (JobStatus.FAILED, error.code)
    assert statuses(outcome) == {Table.CONVERSATIONS: (JobStatus.SUCCEEDED, None)}
    assert outcome.state is not None
    assert first.state is not None
    assert outcome.state.config_hash == first.state.config_hash
    assert_complete(world)


@pytest.mark.parametrize("error", [KeyRejected("no"), RoleMissing("no"), RowRejected("no")])
def test_what_only_a_person_cures_is_not_tried_again(world: World, error: NeedsPerson) -> None:
    run_with(world, error)

    assert world.run(world.trigger(Trigger.RETRY)).reason == "nothing_to_retry"


def test_after_a_good_run_there_is_nothing_to_retry(world: World) -> None:
    world.run()

    assert world.run(world.trigger(Trigger.RETRY)).reason == "nothing_to_retry"
    assert world.emitted(events.RunSkipped) == [events.RunSkipped(reason="nothing_to_retry")]


def test_before_any_run_there_is_nothing_to_retry(world: World) -> None:
    assert world.run(world.trigger(Trigger.RETRY)).reason == "nothing_to_retry"


def test_a_paused_integration_is_not_tried_again(world: World) -> None:
    run_with(world, Truncated("cut"))
    world.configure(status="PAUSED")

    assert world.run(world.trigger(Trigger.RETRY)).reason == "paused"


def test_a_table_that_was_deselected_meanwhile_is_not_tried_again(world: World) -> None:
    run_with(world, Truncated("cut"))
    world.configure({"conversations": {"selected": False}})

    assert world.run(world.trigger(Trigger.RETRY)).reason == "nothing_to_retry"


def test_a_run_that_died_is_closed_and_its_tables_are_tried_again(world: World) -> None:
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
    ("trigger", "error", "loud"),
    [
        (Trigger.SCHEDULE, Truncated("cut"), [WARNING, WARNING]),
        (Trigger.SCHEDULE, KeyRejected("no"), [ERROR, ERROR]),
        (Trigger.MANUAL, Truncated("cut"), [ERROR, ERROR]),
    ],
)
def test_a_failure_with_a_second_chance_is_a_warning(
    world: World, trigger: Trigger, error: NeedsPerson, loud: list[events.Severity]
) -> None:
    run_with(world, error, trigger=trigger)

    assert severities(world) == loud


def test_the_second_failure_is_an_error(world: World) -> None:
    run_with(world, Truncated("cut"))

    outcome = run_with(world, Truncated("cut again"), trigger=Trigger.RETRY)

    assert statuses(outcome) == {Table.CONVERSATIONS: (JobStatus.FAILED, "truncated")}
    assert severities(world) == [ERROR, ERROR]


def test_a_schedule_on_which_all_goes_well_says_nothing_of_second_chances(world: World) -> None:
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


def test_a_second_chance_of_one_table_does_not_take_the_other_for_switched_off(world: World) -> None:
    run_with(world, Truncated("cut"))

    world.run(world.trigger(Trigger.RETRY))

    assert world.emitted(events.TableLeftPublished) == []
