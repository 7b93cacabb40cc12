"""Whole runs on the laptop adapters: every outcome, and what people see of it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract import events
from kustomer_extract.adapters.laptop.keys import EnvironmentSecretStore
from kustomer_extract.errors import BrokenPage, ConfigInvalid, KeyRejected, RetryLater, WarehouseRefused
from kustomer_extract.models import Colour, IntegrationName, JobStatus, Staged, Table, Trigger, colour
from kustomer_extract.pipeline.invocation import Outcome
from kustomer_extract.pipeline.run import stop
from tests.pipeline.faults import FaultAt, Killed, intercept
from tests.pipeline.world import ACME, TABLES, World, to_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kustomer_extract.models import Assembled, RunState
    from kustomer_extract.schema import Field


def statuses(outcome: Outcome) -> dict[Table, tuple[JobStatus, str | None]]:
    """Map each table to the status and error code of its job."""
    assert outcome.state is not None
    return {job.table: (job.status, job.error_code) for job in outcome.state.jobs}


def assert_complete(world: World) -> None:
    """Check that both live tables have exactly the organisation's records."""
    for table in TABLES:
        assert world.live(table) == world.expected(table)


# --- success


def test_the_first_run_fills_both_tables_and_makes_the_integration_active(world: World) -> None:
    outcome = world.run()

    assert_complete(world)
    assert world.staging() == []
    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.SUCCEEDED, None))
    assert world.ports.configs.fetch(ACME)["status"] == "ACTIVE"
    assert world.log.names == [
        "config_loaded", "run_started",
        "job_started", "chunk_loaded", "table_published", "view_published", "job_finished",
        "job_started", "chunk_loaded", "chunk_loaded", "table_published", "view_published", "job_finished",
        "run_finished",
    ]  # fmt: skip


def test_a_second_run_publishes_the_same_rows_and_adds_its_jobs(world: World) -> None:
    world.run()
    world.clock.advance(hours=24)
    world.run()

    assert_complete(world)
    jobs = world.warehouse.fetch_jobs(ACME, limit=10)
    assert [(job.table, job.status, job.rows) for job in jobs[:2]] == [
        (Table.CONVERSATIONS, JobStatus.SUCCEEDED, 7),
        (Table.SATISFACTION, JobStatus.SUCCEEDED, 3),
    ]
    assert len(jobs) == 4


def test_rows_that_were_deleted_at_the_source_are_gone_after_the_next_run(world: World) -> None:
    world.run()
    del world.organisation.records[Table.CONVERSATIONS][2]
    world.clock.advance(hours=24)

    world.run()

    assert_complete(world)


def test_repeated_rows_are_removed_and_counted_and_the_latest_version_stays(world: World) -> None:
    records = world.organisation.records[Table.CONVERSATIONS]
    newest = to_record(1, version=9) | {"attributes": {**to_record(1, version=9)["attributes"], "name": "newest"}}
    records.extend([newest, to_record(3), to_record(3)])

    outcome = world.run()

    live = world.live(Table.CONVERSATIONS)
    assert live is not None
    assert len(live) == 7
    assert (to_record(1)["id"], "newest") in live
    assert outcome.state is not None
    assert outcome.state.tables[Table.CONVERSATIONS].job.duplicates == 3
    assert world.staging() == []


def test_an_empty_organisation_has_empty_tables(world: World) -> None:
    world.organisation.records = {table: [] for table in TABLES}

    outcome = world.run()

    assert world.live(Table.CONVERSATIONS) == []
    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.SUCCEEDED, None))


def test_conversations_older_than_history_start_are_left_out(world: World) -> None:
    world.configure(history_start="2026-01-01T00:00:04Z")

    world.run()

    live = world.live(Table.CONVERSATIONS)
    assert live == world.expected(Table.CONVERSATIONS)[4:]
    assert world.live(Table.SATISFACTION) == world.expected(Table.SATISFACTION)


def test_a_deselected_column_is_gone_after_the_next_run(world: World) -> None:
    world.run()
    world.configure({"conversations": {"columns": {"attributes": False}}})
    world.clock.advance(hours=24)

    world.run()

    columns = world.warehouse.query("SELECT column_name FROM (DESCRIBE kustomer.acme_conversations)")
    assert ("attributes",) not in columns
    assert ("relationships",) in columns


def test_without_personal_data_nothing_that_customers_wrote_is_published(world: World) -> None:
    table = {"conversations": {"columns": {"attributes": {"preview": False, "custom": {"orderNumberStr": True}}}}}
    world.configure(table, personal_data=False)
    for record in world.organisation.records[Table.CONVERSATIONS]:
        record["attributes"] |= {
            "preview": "secret",
            "priority": "high",
            "custom": {"orderNumberStr": "A-1", "noteTxt": "secret"},
            "lastMessageIn": {"id": "6f", "meta": {"from": "secret"}},
            "surprise": "secret",
        }

    outcome = world.run()

    rows = world.warehouse.query("SELECT DISTINCT attributes[1]::JSON, _rescued FROM kustomer.acme_conversations")
    assert "secret" not in str(rows)
    assert {str(rescued) for _, rescued in rows} == {'{"/attributes/priority":"high"}'}
    assert [json.loads(attributes)["custom"] for attributes, _ in rows] == [{"orderNumberStr": "A-1"}] * 7
    assert outcome.state is not None
    assert outcome.state.tables[Table.CONVERSATIONS].job.drift == {
        "/attributes/priority": 7,
        "/attributes/surprise (string)": 7,
    }


def test_drift_is_counted_for_at_most_fifty_paths(world: World) -> None:
    for record in world.organisation.records[Table.CONVERSATIONS]:
        record["surprise"] = 1
    world.organisation.records[Table.CONVERSATIONS][0] |= {f"key{number}": 1 for number in range(60)}

    outcome = world.run()

    assert outcome.state is not None
    drift = outcome.state.tables[Table.CONVERSATIONS].job.drift
    assert len(drift) == 50
    assert drift["/surprise"] == 7
    assert len(world.emitted(events.DriftFound)) == 1


# --- nothing to do


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "PAUSED"}, "paused"),
        ({"status": "DELETED"}, "deleted"),
    ],
)
def test_a_paused_or_deleted_integration_is_skipped_with_the_reason(
    world: World, changes: dict[str, Any], reason: str
) -> None:
    world.configure(**changes)

    outcome = world.run()

    assert outcome.reason == reason
    assert world.emitted(events.RunSkipped) == [events.RunSkipped(reason=reason)]
    assert world.live(Table.CONVERSATIONS) is None


def test_without_a_selected_table_the_run_is_skipped(world: World) -> None:
    world.configure({table.value: {"selected": False} for table in TABLES})

    assert world.run().reason == "nothing_selected"


def test_a_table_that_is_not_selected_keeps_its_rows(world: World) -> None:
    world.run()
    before = world.live(Table.SATISFACTION)
    world.organisation.records[Table.SATISFACTION].append(to_record(9))
    world.configure({"satisfaction": {"selected": False}})
    world.clock.advance(hours=24)

    outcome = world.run()

    assert list(statuses(outcome)) == [Table.CONVERSATIONS]
    assert world.live(Table.SATISFACTION) == before


def test_a_message_for_an_unknown_integration_is_dropped_with_an_error(world: World) -> None:
    outcome = world.deliver(replace(world.trigger(), integration=IntegrationName("nobody")))

    assert outcome.reason == "unknown_integration"
    (event,) = world.emitted(events.TriggerDropped)
    assert event.severity is events.Severity.ERROR
    assert "acme" in event.sentence


def test_a_trigger_of_seven_hours_ago_is_dropped(world: World) -> None:
    message = world.trigger()
    world.clock.advance(hours=7)

    assert world.deliver(message).reason == "too_old"


# --- permanent failures


def test_an_invalid_configuration_fails_every_job_and_leaves_the_tables(world: World) -> None:
    world.run()
    before = world.live(Table.CONVERSATIONS)
    world.configure(rate_share=7)
    world.clock.advance(hours=24)

    outcome = world.run()

    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.FAILED, "config_invalid"))
    assert world.live(Table.CONVERSATIONS) == before
    finished = world.emitted(events.JobFinished)[-1]
    assert finished.severity is events.Severity.ERROR
    assert "rate_share: found 7" in finished.sentence


def test_a_missing_key_fails_every_job(world: World) -> None:
    world.ports = replace(world.ports, secrets=EnvironmentSecretStore({}))

    outcome = world.run()

    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.FAILED, "secret_unavailable"))


def test_a_job_that_failed_before_a_crash_stays_failed(world: World) -> None:
    message = world.trigger()
    dying = intercept(replace(world.ports, secrets=EnvironmentSecretStore({})), FaultAt(at=9))
    with pytest.raises(Killed):
        world.deliver(message, dying)
    jobs_written = world.warehouse.fetch_jobs(ACME, limit=9)

    outcome = world.run(message)

    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.FAILED, "secret_unavailable"))
    assert outcome.state is not None
    assert (
        list(outcome.state.jobs)
        == list(reversed(jobs_written))
        == list(reversed(world.warehouse.fetch_jobs(ACME, limit=9)))
    )


def test_the_run_ends_and_writes_its_other_records_if_one_cannot_be_written(world: World) -> None:
    def hook(name: str, effect: Callable[[], Any]) -> Any:
        if name == "warehouse.drop":
            raise WarehouseRefused("no right to drop")
        return effect()

    outcome = world.deliver(world.trigger(), intercept(world.ports, hook))

    assert_complete(world)
    assert outcome.state is not None
    assert outcome.state.finished_at is not None
    assert len(world.warehouse.fetch_jobs(ACME, limit=9)) == 2
    (event,) = world.emitted(events.RunFinished)
    assert event.severity is events.Severity.ERROR
    assert "no right to drop" in event.sentence


def test_a_failed_table_does_not_affect_the_other(world: World) -> None:
    def reject(table: Table, page: int) -> None:
        if table is Table.SATISFACTION and page == 2:
            raise BrokenPage("page 2 is not a page")

    world.organisation.fail = reject

    outcome = world.run()

    assert outcome.state is not None
    assert statuses(outcome) == {
        Table.SATISFACTION: (JobStatus.FAILED, "broken_page"),
        Table.CONVERSATIONS: (JobStatus.SUCCEEDED, None),
    }
    assert colour(outcome.state.jobs) is Colour.ORANGE
    assert world.live(Table.SATISFACTION) is None
    assert world.live(Table.CONVERSATIONS) == world.expected(Table.CONVERSATIONS)


def test_a_rejected_key_is_red_and_the_integration_stays_pending(world: World) -> None:
    def reject(_table: Table, _page: int) -> None:
        raise KeyRejected("rejected")

    world.organisation.fail = reject

    outcome = world.run()

    assert outcome.state is not None
    assert colour(outcome.state.jobs) is Colour.RED
    assert world.ports.configs.fetch(ACME).get("status", "PENDING") == "PENDING"


def test_the_guard_keeps_a_table_that_would_shrink_until_the_limit_is_raised(world: World) -> None:
    world.run()
    before = world.live(Table.CONVERSATIONS)
    del world.organisation.records[Table.CONVERSATIONS][3:]
    world.clock.advance(hours=24)

    refused = world.run()

    assert statuses(refused)[Table.CONVERSATIONS] == (JobStatus.FAILED, "guard_refused")
    assert world.live(Table.CONVERSATIONS) == before
    assert world.emitted(events.GuardRefusal) == [events.GuardRefusal(rows=3, published_rows=7, max_drop_percent=50)]

    world.configure({"conversations": {"max_drop_percent": 60}})
    world.clock.advance(hours=24)
    world.run()

    assert_complete(world)


@pytest.mark.parametrize("status", ["PAUSED", "DELETED"])
def test_a_run_that_is_paused_or_deleted_publishes_nothing(world: World, status: str) -> None:
    def stop(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 3:
            world.configure(status=status)

    world.organisation.fail = stop

    outcome = world.run()

    assert statuses(outcome)[Table.CONVERSATIONS] == (JobStatus.SKIPPED, "stopped")
    assert world.live(Table.CONVERSATIONS) is None
    assert world.staging() == []


def test_a_table_that_lost_rows_in_staging_is_not_published(world: World) -> None:
    class WarehouseThatLosesRows:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.warehouse, name)

        def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:
            return world.warehouse.assemble(name, chunks[:1], schema)

    world.ports = replace(world.ports, warehouse=WarehouseThatLosesRows())

    outcome = world.run()

    assert statuses(outcome)[Table.CONVERSATIONS] == (JobStatus.FAILED, "warehouse_refused")
    assert world.live(Table.CONVERSATIONS) is None


def test_a_table_that_lost_rows_while_repeats_were_removed_is_not_published(world: World) -> None:
    def hook(name: str, effect: Callable[[], Any]) -> Any:
        done = effect()
        return replace(done, rows=done.rows - 1) if name == "warehouse.deduplicate" else done

    world.organisation.records[Table.CONVERSATIONS].append(to_record(1))

    outcome = world.deliver(world.trigger(), intercept(world.ports, hook))

    assert statuses(outcome)[Table.CONVERSATIONS] == (JobStatus.FAILED, "warehouse_refused")
    assert world.live(Table.CONVERSATIONS) is None


# --- transient failures


def test_after_a_transient_failure_of_one_table_the_other_finishes_and_a_new_message_continues(world: World) -> None:
    failures = iter([RetryLater("503")])

    def fail_for_now(table: Table, _page: int) -> None:
        if table is Table.SATISFACTION and (error := next(failures, None)):
            raise error

    world.organisation.fail = fail_for_now
    message = world.trigger()

    world.deliver(message)
    assert world.live(Table.SATISFACTION) is None
    assert world.live(Table.CONVERSATIONS) == world.expected(Table.CONVERSATIONS)
    assert [event.sentence for event in world.emitted(events.RunInterrupted)] == [
        "interrupted, will be tried again (0 time(s) without progress): satisfaction: 503"
    ]

    world.deliver(world.queue.messages.popleft())
    assert_complete(world)
    assert world.deliver(message).reason == "finished"


def test_pages_are_not_read_again_after_a_failure(world: World) -> None:
    served: list[int] = []
    failures = iter([RetryLater("reset")])

    def fail_for_now(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS:
            if page == 4 and (error := next(failures, None)):
                raise error
            served.append(page)

    world.organisation.fail = fail_for_now

    world.run()

    assert_complete(world)
    assert served == [1, 2, 3, 4]


def test_a_run_gives_up_after_twenty_attempts_without_progress(world: World) -> None:
    def fail(_table: Table, _page: int) -> None:
        raise RetryLater("503")

    world.organisation.fail = fail

    outcome = world.run()

    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.FAILED, "retries_exhausted"))
    assert len(world.emitted(events.RunInterrupted)) == 21


def test_a_run_gives_up_after_22_hours(world: World) -> None:
    message = world.trigger()
    failures = iter([RetryLater("503")] * 2)

    def fail_for_now(_table: Table, _page: int) -> None:
        if error := next(failures, None):
            raise error

    world.organisation.fail = fail_for_now
    with pytest.raises(RetryLater):
        world.deliver(message)
    world.clock.advance(hours=22)

    outcome = world.deliver(message)

    assert statuses(outcome)[Table.SATISFACTION] == (JobStatus.FAILED, "retries_exhausted")


def test_redelivery_continues_after_a_write_of_the_state_whose_answer_was_lost(world: World) -> None:
    class RunStoreThatLosesAnAnswer:
        countdown = 3

        def __getattr__(self, name: str) -> Any:
            return getattr(world.runs, name)

        def save(self, state: RunState) -> RunState:
            saved = world.runs.save(state)
            self.countdown -= 1
            if self.countdown == 0:
                raise RetryLater("the answer was lost")
            return saved

    world.ports = replace(world.ports, runs=RunStoreThatLosesAnAnswer())

    world.run()

    assert_complete(world)


# --- hops


def test_a_run_of_several_hops_loses_and_repeats_no_row(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=3)

    outcome = world.run()

    assert_complete(world)
    assert outcome.state is not None
    assert outcome.state.hop >= 4
    assert outcome.state.tables[Table.CONVERSATIONS].job.pages == 11
    assert len(world.emitted(events.RunContinued)) == outcome.state.hop
    world.close()


def test_messages_of_earlier_hops_are_acknowledged_while_a_later_one_works(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=3)
    first = world.trigger()
    world.deliver(first)
    (second,) = world.queue.messages

    def interfere(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 4:
            assert world.deliver(first).reason == "duplicate"

    world.organisation.fail = interfere
    world.deliver(second)

    assert [event.name for event in world.emitted(events.RunSkipped)] == ["run_skipped"]
    world.close()


def test_a_run_that_may_not_publish_its_next_message_fails_at_once(tmp_path: Path) -> None:
    def hook(name: str, effect: Callable[[], Any]) -> Any:
        if name == "continuations.publish":
            raise ConfigInvalid("the topic", [])
        return effect()

    world = World(tmp_path, rows=21, soft_deadline_seconds=3)

    outcome = world.deliver(world.trigger(), intercept(world.ports, hook))

    assert statuses(outcome)[Table.CONVERSATIONS] == (JobStatus.FAILED, "config_invalid")
    assert world.staging() == []
    world.close()


def test_a_run_of_four_hundred_hops_gives_up(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=3)
    world.limits = replace(world.limits, max_hops=2)

    outcome = world.run()

    assert statuses(outcome)[Table.CONVERSATIONS] == (JobStatus.FAILED, "retries_exhausted")
    world.close()


def test_a_change_of_the_schema_between_two_hops_starts_the_table_over(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=6)
    world.deliver(world.trigger())
    state = world.runs.fetch(ACME)
    assert state is not None
    assert state.tables[Table.CONVERSATIONS].chunks
    world.runs.save(replace(state, schema_hash="of older code"))

    world.run(world.queue.messages.popleft())

    assert world.live(Table.CONVERSATIONS) == world.expected(Table.CONVERSATIONS)
    world.close()


def test_a_configuration_that_newer_code_refuses_between_two_hops_ends_the_run(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=6)
    world.deliver(world.trigger())
    state = world.runs.fetch(ACME)
    assert state is not None
    world.runs.save(replace(state, document={**state.document, "rate_share": "an older form"}))

    outcome = world.run(world.queue.messages.popleft())

    assert statuses(outcome)[Table.CONVERSATIONS] == (JobStatus.FAILED, "config_invalid")
    world.close()


# --- concurrent messages


def test_a_trigger_that_arrives_while_a_run_works_is_skipped(world: World) -> None:
    def interfere(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 1:
            assert world.deliver(world.trigger(Trigger.MANUAL)).reason == "already_running"

    world.organisation.fail = interfere

    world.run()

    assert_complete(world)


def test_a_second_delivery_of_the_same_message_stops_the_first_and_continues_with_a_new_message(
    world: World,
) -> None:
    message = world.trigger()
    inner: list[Outcome] = []

    def interfere(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 2 and not inner:
            inner.append(Outcome())
            inner[0] = world.deliver(message)

    world.organisation.fail = interfere

    with pytest.raises(RetryLater):
        world.deliver(message)
    outcome = world.run(world.queue.messages.popleft())

    assert inner[0].state is not None
    assert inner[0].state.hop == 1
    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.SUCCEEDED, None))
    assert_complete(world)
    assert world.deliver(message).reason == "finished"


def test_a_newer_trigger_closes_a_dead_run_and_starts_a_new_one(world: World) -> None:
    failures = iter([KeyboardInterrupt()])

    def die(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 4 and (error := next(failures, None)):
            raise error

    world.organisation.fail = die
    dead = world.trigger()
    with pytest.raises(KeyboardInterrupt):
        world.deliver(dead)
    world.clock.advance(minutes=11)

    outcome = world.run()

    assert_complete(world)
    assert statuses(outcome) == dict.fromkeys(TABLES, (JobStatus.SUCCEEDED, None))
    old = [job for job in world.warehouse.fetch_jobs(ACME, limit=9) if job.error_code]
    assert [(job.table, job.error_code) for job in old] == [(Table.CONVERSATIONS, "abandoned")]
    assert world.deliver(dead).reason == "superseded"


def test_a_stalled_invocation_that_resumes_after_a_newer_run_publishes_nothing(world: World) -> None:
    stalled = world.trigger()
    seen: list[str] = []

    def stall(table: Table, page: int) -> None:
        if table is Table.CONVERSATIONS and page == 4 and not seen:
            seen.append("stalled")
            world.clock.advance(minutes=11)
            world.organisation.records[Table.CONVERSATIONS].pop()
            world.run()

    world.organisation.fail = stall

    outcome = world.deliver(stalled)

    assert outcome.reason == "taken_over"
    assert world.live(Table.CONVERSATIONS) == world.expected(Table.CONVERSATIONS)


def test_ctrl_c_leaves_the_live_tables_and_closes_the_source(world: World) -> None:
    world.run()
    before = world.live(Table.CONVERSATIONS)
    world.clock.advance(hours=24)

    def interrupt(_table: Table, _page: int) -> None:
        raise KeyboardInterrupt

    world.organisation.fail = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.deliver(world.trigger())

    assert world.live(Table.CONVERSATIONS) == before
    assert world.organisation.opened == 0


def test_a_column_deselected_during_a_run_is_gone_after_the_next_run(tmp_path: Path) -> None:
    world = World(tmp_path, rows=21, soft_deadline_seconds=6)
    world.deliver(world.trigger())
    world.configure({"conversations": {"columns": {"attributes": False}}})

    world.run(world.queue.messages.popleft())
    during = world.warehouse.query("SELECT column_name FROM (DESCRIBE kustomer.acme_conversations)")
    world.clock.advance(hours=24)
    world.run()
    after = world.warehouse.query("SELECT column_name FROM (DESCRIBE kustomer.acme_conversations)")

    assert ("attributes",) in during
    assert ("attributes",) not in after
    world.close()


def test_a_schedule_and_a_forced_run_in_the_same_second_are_one_run(world: World) -> None:
    schedule, forced = world.trigger(), world.trigger(Trigger.MANUAL)

    def interfere(table: Table, page: int) -> None:
        if table is Table.SATISFACTION and page == 1:
            assert world.deliver(schedule).reason in {"already_running", "superseded"}

    world.organisation.fail = interfere

    outcome = world.run(forced)

    assert_complete(world)
    assert outcome.state is not None
    assert outcome.state.trigger is Trigger.MANUAL
    assert world.deliver(schedule).reason == "superseded"


# --- a person stops a run


def test_an_interrupted_run_ends_with_the_reason_and_publishes_nothing(world: World) -> None:
    message = world.trigger()
    with pytest.raises(Killed):
        world.deliver(message, intercept(world.ports, FaultAt(at=12)))

    state = stop(message, world.ports, limits=world.limits, reason="interrupted")

    assert state is not None
    assert state.finished_at is not None
    assert {(job.status, job.error_code, job.error) for job in state.jobs} == {
        (JobStatus.SKIPPED, "stopped", "interrupted")
    }
    assert [world.live(table) for table in TABLES] == [None, None]


def test_stop_does_nothing_before_a_run_and_after_it(world: World) -> None:
    message = world.trigger()
    assert stop(message, world.ports, limits=world.limits, reason="interrupted") is None
    state = world.run(message).state

    assert stop(message, world.ports, limits=world.limits, reason="interrupted") == world.runs.fetch(ACME)
    assert state is not None
    assert {job.status for job in state.jobs} == {JobStatus.SUCCEEDED}


def test_deleting_the_document_during_a_run_stops_it(world: World) -> None:
    def delete(_table: Table, page: int) -> None:
        if page == 2:
            world.delete()

    world.organisation.fail = delete

    assert set(statuses(world.run()).values()) == {(JobStatus.SKIPPED, "stopped")}
    assert [world.live(table) for table in TABLES] == [None, None]


@pytest.mark.parametrize(
    ("selected", "begun"),
    [
        ([Table.SATISFACTION, Table.CONVERSATIONS], [Table.CONVERSATIONS]),
        (list(Table), [Table.CONVERSATIONS, Table.TEAMS]),
        ([Table.SATISFACTION], []),
    ],
)
def test_the_next_table_is_begun_beside_a_short_one(world: World, selected: list[Table], begun: list[Table]) -> None:
    """Beside conversations, which may take hours, the first pages of another table would wait for that long."""
    world.organisation.records |= {table: [] for table in Table if table not in TABLES}
    world.write({"org": "acme", "tables": {table.value: {"selected": table in selected} for table in Table}})

    world.run()

    assert world.organisation.read_ahead_of == begun


def test_a_table_that_was_read_in_part_is_not_begun_again(tmp_path: Path) -> None:
    with closing(World(tmp_path, soft_deadline_seconds=2.5)) as world:
        failing = [Table.SATISFACTION]

        def fail(table: Table, _page: int) -> None:
            if table in failing:
                failing.remove(table)
                raise RetryLater("once")

        world.organisation.fail = fail

        world.run()

        assert_complete(world)
        assert world.organisation.read_ahead_of == [Table.CONVERSATIONS]
