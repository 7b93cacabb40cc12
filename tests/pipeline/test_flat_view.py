"""The flat view follows the table, and never costs a run its success."""

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


def test_a_run_makes_the_view(world: World) -> None:
    assert set(run(world)) == {JobStatus.SUCCEEDED}

    assert len(world.warehouse.query(f"SELECT conversation_id FROM {VIEW}")) == 7
    assert [event.name_in_warehouse for event in world.emitted(ViewPublished) if isinstance(event, ViewPublished)] == [
        "acme_satisfaction_flat",
        "acme_conversations_flat",
    ]


def test_a_view_that_somebody_deleted_or_edited_is_mended(world: World) -> None:
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


def test_without_views_there_is_none(world: World) -> None:
    run(world)
    world.configure(views=False)

    run(world)

    assert not world.warehouse.query("SELECT 1 FROM duckdb_views() WHERE view_name = 'acme_conversations_flat'")


def test_a_view_that_cannot_be_made_is_a_warning_alone(world: World) -> None:
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
