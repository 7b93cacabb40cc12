"""Every run ends: it is not replaced while it waits, it continues after failures, and no record can block its end."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract import events
from kustomer_extract.errors import RetryLater, StateUnreadable, WarehouseRefused
from kustomer_extract.models import JobStatus, RunId, Table, Trigger
from tests.pipeline.faults import Killed, intercept
from tests.pipeline.test_run import assert_complete, statuses
from tests.pipeline.world import ACME, MAX_DELIVERIES, TABLES, World, to_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kustomer_extract.models import IntegrationName, Message, RunState
    from tests.pipeline.faults import Hook


def fail_always(*names: str) -> Hook:
    """Make these calls fail transiently, every time."""

    def hook(name: str, effect: Callable[[], Any]) -> Any:
        if name in names:
            raise RetryLater(f"{name} is out of order")
        return effect()

    return hook


def deliver_until_acknowledged(world: World, message: Message, hook: Hook) -> int:
    """Deliver a message as Pub/Sub does. Return the number of deliveries."""
    for number in itertools.count(1):
        assert number <= MAX_DELIVERIES, "the message is a dead letter"
        try:
            world.deliver(message, intercept(world.ports, hook))
        except RetryLater:
            world.clock.advance(minutes=10)
        else:
            return number
    raise AssertionError


# --- a run that waits for its own next message


def test_a_manual_trigger_between_two_hops_does_not_replace_the_run(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=6)
    world.deliver(world.trigger())
    (call,) = world.queue.messages
    world.queue.messages.clear()
    world.clock.advance(minutes=9)

    assert world.deliver(world.trigger(Trigger.MANUAL)).reason == "already_running"
    outcome = world.run(call)

    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.SUCCEEDED, None))
    assert_complete(world)
    world.close()


def test_a_schedule_during_the_backoff_of_pub_sub_does_not_replace_the_run(world: World) -> None:
    message, failures = world.trigger(), iter([RetryLater("503")] * 2)

    def fail_for_now(_table: Table, _page: int) -> None:
        if error := next(failures, None):
            raise error

    world.organisation.fail = fail_for_now
    with pytest.raises(RetryLater):
        world.deliver(message)
    world.clock.advance(minutes=10)

    assert world.deliver(world.trigger()).reason == "already_running"
    outcome = world.deliver(message)

    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.SUCCEEDED, None))


def test_a_run_whose_next_message_does_not_come_is_replaced_after_15_minutes(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=6)
    world.deliver(world.trigger())
    world.queue.messages.clear()
    world.clock.advance(minutes=15, seconds=1)

    outcome = world.run()

    assert outcome.state is not None
    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.SUCCEEDED, None))
    abandoned = [job.table for job in world.warehouse.fetch_jobs(ACME, limit=9) if job.error_code == "abandoned"]
    assert abandoned == [Table.CONVERSATIONS]
    world.close()


# --- progress, and the limit of deliveries


def test_a_run_with_a_little_progress_in_each_delivery_never_becomes_a_dead_letter(tmp_path: Path) -> None:
    world = World(tmp_path, rows=100)
    served: list[int] = []

    def fail_for_now(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS:
            served.append(page)
            if len(served) % 2 == 0:
                raise RetryLater("503")

    world.organisation.fail = fail_for_now
    waiting, deliveries = [world.trigger()], 0
    while waiting:
        deliveries = max(deliveries, deliver_until_acknowledged(world, waiting.pop(), lambda _, effect: effect()))
        waiting.extend(world.queue.messages)
        world.queue.messages.clear()

    assert_complete(world)
    assert deliveries <= 2
    world.close()


def test_the_pages_that_were_read_before_a_failure_are_kept(tmp_path: Path) -> None:
    world = World(tmp_path, rows=300, chunk_rows=20_000)
    served: list[int] = []
    failures = iter([RetryLater("503")])

    def fail_for_now(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS:
            if page == 150 and (error := next(failures, None)):
                raise error
            served.append(page)

    world.organisation.fail = fail_for_now

    world.run()

    assert_complete(world)
    assert served == list(range(1, 151))
    world.close()


def test_after_a_chunk_that_cannot_be_loaded_no_later_chunk_is_recorded(world: World) -> None:
    message = world.trigger()
    failed: list[str] = []

    def hook(name: str, effect: Callable[[], Any]) -> Any:
        if name == "load.wait" and world.emitted(events.TablePublished) and not failed:
            failed.append(name)
            raise RetryLater("quota")
        return effect()

    world.deliver(message, intercept(world.ports, hook))
    world.run(world.queue.messages.popleft())

    assert failed
    assert_complete(world)


# --- records that cannot be written


@pytest.mark.parametrize("name", ["warehouse.append_jobs", "runs.record", "configs.activate", "warehouse.drop"])
def test_a_run_ends_with_an_error_if_its_records_fail_transiently_every_time(world: World, name: str) -> None:
    deliveries = 0
    waiting = [world.trigger()]
    broken = fail_always(name)
    while waiting:
        deliveries = max(deliveries, deliver_until_acknowledged(world, waiting.pop(), broken))
        waiting.extend(world.queue.messages)
        world.queue.messages.clear()

    state = world.runs.fetch(ACME)
    assert state is not None
    assert state.finished_at is not None
    (event,) = world.emitted(events.RunFinished)
    assert event.severity is events.Severity.ERROR
    assert f"the records of this run are incomplete: {name} is out of order" in event.sentence


@pytest.mark.parametrize("name", ["warehouse.append_jobs", "runs.record", "warehouse.drop"])
def test_a_dead_run_whose_records_fail_does_not_block_the_next_one(world: World, name: str) -> None:
    dying = world.trigger()

    def die(call: str, effect: Callable[[], Any]) -> Any:
        if call == "warehouse.publish":
            raise Killed
        return effect()

    with pytest.raises(Killed):
        world.deliver(dying, intercept(world.ports, die))
    world.clock.advance(hours=1)
    newer = world.trigger()
    ends: list[str] = []

    def hook(call: str, effect: Callable[[], Any]) -> Any:
        if call == name and not ends:
            raise RetryLater(f"{name} is out of order")
        ends.extend([call] if call == "source.open" else [])
        return effect()

    deliveries = deliver_until_acknowledged(world, newer, hook)

    assert_complete(world)
    assert deliveries == (21 if name == "warehouse.drop" else 1)
    finished = world.emitted(events.RunFinished)[0]
    assert f"{name} is out of order" in finished.sentence


# --- messages that are late


def test_a_late_delivery_of_the_first_message_does_not_reset_the_hops(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=3)
    first = world.trigger()
    world.deliver(first)
    world.deliver(world.queue.messages.popleft())
    world.queue.messages.clear()

    world.deliver(first)

    state = world.runs.fetch(ACME)
    assert state is not None
    assert state.hop == 3
    outcome = world.run(world.queue.messages.popleft())
    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.SUCCEEDED, None))
    world.close()


# --- columns that change during a run


def test_after_a_kill_and_a_deployment_with_other_columns_the_job_has_the_rows_of_the_table(
    world: World,
) -> None:
    message, calls = world.trigger(), []

    def die(name: str, effect: Callable[[], Any]) -> Any:
        calls.append(name)
        if calls[-2:-1] == ["warehouse.publish"] and calls.count("warehouse.publish") == 2:
            raise Killed
        return effect()

    with pytest.raises(Killed):
        world.deliver(message, intercept(world.ports, die))
    world.organisation.records[Table.CONVERSATIONS].extend(to_record(number) for number in range(7, 12))
    state = world.runs.fetch(ACME)
    assert state is not None
    world.runs.save(replace(state, schema_hash="of older code", lease_until=None))

    outcome = world.run(message)

    assert outcome.state is not None
    assert outcome.state.tables[Table.CONVERSATIONS].job.rows == 12
    assert_complete(world)


def test_a_run_that_may_not_drop_staging_of_older_code_fails(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=6)
    world.deliver(world.trigger())
    world.deploy_other_columns()

    def hook(name: str, effect: Callable[[], Any]) -> Any:
        if name == "warehouse.drop":
            raise WarehouseRefused("no right to drop")
        return effect()

    outcome = world.deliver(world.queue.messages.popleft(), intercept(world.ports, hook))

    assert statuses(outcome)[Table.CONVERSATIONS] == (JobStatus.FAILED, "warehouse_refused")
    assert outcome.state is not None
    assert outcome.state.finished_at is not None
    world.close()


# --- what is counted


def test_paths_of_drift_are_cut_at_200_characters(world: World) -> None:
    world.organisation.records[Table.CONVERSATIONS][0]["k" * 5_000] = 1

    outcome = world.run()

    assert outcome.state is not None
    assert outcome.state.tables[Table.CONVERSATIONS].job.drift == {f"/{'k' * 199}…": 1}


def test_a_failure_of_one_table_is_logged_while_the_other_hands_over(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=6)

    def fail(table: Table, _page: int) -> None:
        if table is Table.SATISFACTION:
            raise RetryLater("503")

    world.organisation.fail = fail

    world.deliver(world.trigger())

    assert [event.sentence for event in world.emitted(events.RunInterrupted)] == [
        "interrupted, will be tried again (0 time(s) without progress): satisfaction: 503"
    ]
    assert len(world.emitted(events.RunContinued)) == 1
    world.close()


# --- an unreadable state


class UnreadableRunStore:
    """A run store whose state is unreadable until it is set aside."""

    def __init__(self, world: World) -> None:
        self._runs = world.runs
        self.set_asides = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)

    def fetch(self, integration: IntegrationName) -> RunState | None:
        if not self.set_asides:
            raise StateUnreadable("the state makes no sense")
        return self._runs.fetch(integration)

    def set_aside(self, _: IntegrationName) -> str:
        self.set_asides += 1
        return "integrations/acme/state/set_aside-1"


def test_an_unreadable_state_is_set_aside_with_an_error_and_the_run_starts_over(world: World) -> None:
    runs = UnreadableRunStore(world)
    world.ports = replace(world.ports, runs=runs)

    world.run()

    assert_complete(world)
    assert runs.set_asides == 1
    (event,) = world.emitted(events.StateSetAside)
    assert event.severity is events.Severity.ERROR
    assert "it was moved to integrations/acme/state/set_aside-1" in event.sentence


def test_a_hop_whose_state_is_unreadable_starts_a_new_run(world: World) -> None:
    runs = UnreadableRunStore(world)
    world.ports = replace(world.ports, runs=runs)
    call = replace(world.trigger(Trigger.CONTINUE), run_id=RunId("20261122t030000z-1"), hop=3)

    world.run(call)

    assert_complete(world)
    assert world.queue.published == 1
