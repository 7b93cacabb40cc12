"""Edits of the configuration document in the console, and their effect in the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract import events
from kustomer_extract.errors import BrokenPage
from kustomer_extract.models import IntegrationName, JobStatus, Table
from tests.pipeline.world import World, narrow_columns

if TYPE_CHECKING:
    from pathlib import Path

ACME = IntegrationName("acme")


def last_run(world: World) -> Any:
    """Read `_last_run` of the document."""
    return world.ports.configs.last_runs[ACME]  # type: ignore[attr-defined]  # the laptop's store


def columns(world: World) -> set[str]:
    """Read the fields of `attributes` and the columns of the live conversations."""
    rows = world.warehouse.query("SELECT column_name, column_type FROM (DESCRIBE kustomer.acme_conversations)")
    return {name for name, _ in rows} | {kind for name, kind in rows if name == "attributes"}


def test_last_run_has_the_result_of_every_table(world: World) -> None:
    world.run()
    world.organisation.fail = _refuse_conversations
    world.clock.advance(hours=24)

    outcome = world.run()

    assert outcome.state is not None
    assert last_run(world) == {
        "colour": "orange",
        "finished_at": outcome.state.finished_at,
        "run_id": outcome.state.run_id,
        "trigger": "schedule",
        "tables": {
            "satisfaction": {"status": "SUCCEEDED", "rows": 3},
            "conversations": {
                "status": "FAILED",
                "rows": 0,
                "error": "page 1 is not a page",
                "error_code": "broken_page",
            },
        },
    }


def _refuse_conversations(table: Table, _page: int) -> None:
    if table is Table.CONVERSATIONS:
        raise BrokenPage("page 1 is not a page")


def test_last_run_lists_the_mistakes_in_the_document(world: World) -> None:
    world.configure(rate_share=None)

    world.run()

    for table in ("satisfaction", "conversations"):
        assert "rate_share: found null" in last_run(world)["tables"][table]["error"]


def test_last_run_lists_the_names_of_custom_attributes(world: World) -> None:
    world.configure({"conversations": {"columns": {"attributes": {"custom": {"orderNumberStr": False}}}}})
    for record in world.organisation.records[Table.CONVERSATIONS][:5]:
        record["attributes"]["custom"] = {"orderNumberStr": "Jane's"}

    world.run()

    assert last_run(world)["tables"]["conversations"]["custom_attributes"] == ["orderNumberStr: 5"]
    assert "Jane" not in str(last_run(world))


def test_a_deselected_table_stays_and_the_command_that_drops_it_is_logged(world: World) -> None:
    world.run()
    world.configure({"satisfaction": {"selected": False}})
    world.clock.advance(hours=24)

    outcome = world.run()

    assert outcome.state is not None
    assert list(outcome.state.tables) == [Table.CONVERSATIONS]
    assert world.live(Table.SATISFACTION) == world.expected(Table.SATISFACTION)
    (event,) = world.emitted(events.TableLeftPublished)
    assert isinstance(event, events.TableLeftPublished)
    world.warehouse.query(event.command)
    assert world.live(Table.SATISFACTION) is None
    (text,) = last_run(world)["switched_off"]
    assert text.endswith(event.command)


def test_a_table_that_is_deleted_from_tables_is_not_selected(world: World) -> None:
    world.write({"org": "acme", "tables": {"satisfaction": {}}})

    outcome = world.run()

    assert outcome.state is not None
    assert {table: state.job.status for table, state in outcome.state.tables.items()} == {
        Table.SATISFACTION: JobStatus.SUCCEEDED
    }


def test_without_personal_data_a_selected_parent_adds_no_words_of_customers(world: World) -> None:
    world.configure({"conversations": {"columns": {"attributes": True}}}, personal_data=False)

    world.run()

    (attributes,) = (text for text in columns(world) if text.startswith("STRUCT"))
    assert "preview" not in attributes
    assert "createdAt" in attributes


def test_without_personal_data_a_column_that_is_selected_itself_is_published(world: World) -> None:
    world.configure({"conversations": {"columns": {"attributes": {"preview": True}}}}, personal_data=False)

    world.run()

    (attributes,) = (text for text in columns(world) if text.startswith("STRUCT"))
    assert "preview" in attributes


def test_an_added_column_is_a_warning_that_names_columns_with_words_of_customers(world: World) -> None:
    world.run()
    world.configure({"conversations": {"columns": {"attributes": {"preview": True, "name": False}}}})
    world.clock.advance(hours=24)

    world.run()

    (event,) = world.emitted(events.SelectionChanged)
    assert isinstance(event, events.SelectionChanged)
    assert event.severity is events.Severity.WARNING
    assert "attributes.preview" in event.content_added
    assert "attributes.createdAt" not in event.content_added
    assert "attributes.name" in event.columns_removed
    shown = last_run(world)["tables"]["conversations"]
    assert set(event.columns_removed) == set(shown["columns_removed"])
    assert "attributes.preview" in shown["columns_added"]


def test_a_removed_column_is_logged_without_a_warning(world: World) -> None:
    world.run()
    world.configure({"conversations": {"columns": {**narrow_columns(Table.CONVERSATIONS), "attributes": False}}})
    world.clock.advance(hours=24)

    world.run()

    assert world.emitted(events.SelectionChanged) == [events.SelectionChanged(columns_removed=("attributes",))]


def test_the_guard_accepts_a_drop_that_history_start_explains(world: World) -> None:
    world.run()
    world.configure(history_start="2026-01-01T00:00:05Z")
    world.clock.advance(hours=24)

    world.run()

    assert world.live(Table.CONVERSATIONS) == world.expected(Table.CONVERSATIONS)[5:]
    assert world.emitted(events.DropExplained) == [
        events.DropExplained(
            rows=2, published_rows=7, reason="history_start leaves out 5 that were created before 2026-01-01"
        )
    ]
    assert world.emitted(events.GuardRefusal) == []


def test_the_guard_refuses_a_drop_that_history_start_explains_only_in_part(world: World) -> None:
    world.run()
    del world.organisation.records[Table.CONVERSATIONS][3:6]
    world.configure(history_start="2026-01-01T00:00:02Z")
    world.clock.advance(hours=24)

    outcome = world.run()

    assert outcome.state is not None
    assert outcome.state.tables[Table.CONVERSATIONS].job.error_code == "guard_refused"
    assert len(world.live(Table.CONVERSATIONS) or []) == 7


@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize("soft_deadline_seconds", [450, 2])
def test_a_history_start_that_leaves_no_row_is_refused(
    tmp_path: Path, *, is_first: bool, soft_deadline_seconds: float
) -> None:
    world = World(tmp_path, soft_deadline_seconds=soft_deadline_seconds)
    if not is_first:
        world.run()
    world.configure(history_start="2026-02-01")
    world.clock.advance(hours=24)

    outcome = world.run()

    assert outcome.state is not None
    job = outcome.state.tables[Table.CONVERSATIONS].job
    assert (job.status, job.error_code) == (JobStatus.FAILED, "guard_refused")
    assert job.error is not None
    assert job.error.startswith("history_start leaves out everything")
    assert "2026-02-01" in job.error
    assert world.live(Table.CONVERSATIONS) == (None if is_first else world.expected(Table.CONVERSATIONS))
    world.close()


def test_an_organisation_without_conversations_is_published_with_any_history_start(world: World) -> None:
    world.organisation.records[Table.CONVERSATIONS].clear()
    world.configure(history_start="2026-02-01")

    world.run()

    assert world.live(Table.CONVERSATIONS) == []
