"""The flat view follows its table, and a failure of it never fails a run."""

from __future__ import annotations

from kustomer_extract.events import ViewFailed, ViewPublished
from kustomer_extract.models import JobStatus, Table
from tests.pipeline.world import TABLES, World, narrow_columns

VIEW = "kustomer.acme_conversations_flat"


def run(world: World) -> list[JobStatus]:
    outcome = world.run()
    assert outcome.state is not None
    return [job.status for job in outcome.state.jobs]


def read_columns(world: World) -> list[str]:
    return [name for (name,) in world.warehouse.query(f"SELECT column_name FROM (DESCRIBE {VIEW})")]


def test_a_run_creates_the_view(world: World) -> None:
    assert set(run(world)) == {JobStatus.SUCCEEDED}

    assert len(world.warehouse.query(f"SELECT conversation_id FROM {VIEW}")) == 7
    assert [event.name_in_warehouse for event in world.emitted(ViewPublished) if isinstance(event, ViewPublished)] == [
        "acme_satisfaction_flat",
        "acme_conversations_flat",
    ]


def test_a_run_restores_a_view_that_was_deleted_or_edited(world: World) -> None:
    run(world)
    world.warehouse.query(f"CREATE OR REPLACE VIEW {VIEW} AS SELECT 1 AS mine")

    run(world)

    assert "conversation_id" in read_columns(world)


def test_a_column_that_is_deselected_leaves_the_view(world: World) -> None:
    run(world)
    assert "updated_at" in read_columns(world)
    columns = narrow_columns(Table.CONVERSATIONS)
    columns["attributes"]["updatedAt"] = False
    world.configure({Table.CONVERSATIONS: {"columns": columns, "max_drop_percent": 50}})

    run(world)

    assert "updated_at" not in read_columns(world)
    assert len(world.warehouse.query(f"SELECT * FROM {VIEW}")) == 7


def test_with_views_off_there_is_no_view(world: World) -> None:
    run(world)
    world.configure(views=False)

    run(world)

    assert not world.warehouse.query("SELECT 1 FROM duckdb_views() WHERE view_name = 'acme_conversations_flat'")


def test_a_view_that_cannot_be_created_is_only_a_warning(world: World) -> None:
    world.warehouse.query(f"CREATE TABLE {VIEW} AS SELECT 1 AS mine")

    assert set(run(world)) == {JobStatus.SUCCEEDED}
    assert [event.severity for event in world.emitted(ViewFailed)] == ["WARNING"]
    assert world.warehouse.query(f"SELECT mine FROM {VIEW}") == [(1,)]


def test_a_table_without_a_flat_view_is_published_without_one(world: World) -> None:
    world.organisation.records[Table.USERS] = []
    unwanted = {table.value: {"selected": False} for table in TABLES}
    world.write({"org": "acme", "tables": {**unwanted, "users": {"selected": True}}})

    assert run(world) == [JobStatus.SUCCEEDED]

    assert world.emitted(ViewPublished) == []
