"""What a person at the console does to the document, and what the next run makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kustomer_extract import events
from kustomer_extract.errors import BrokenPage
from kustomer_extract.models import IntegrationName, JobStatus, Table

if TYPE_CHECKING:
    from tests.pipeline.world import World

ACME = IntegrationName("acme")


def last_run(world: World) -> Any:
    """What stands in the document."""
    return world.ports.configs.last_runs[ACME]  # type: ignore[attr-defined]  # the laptop's store


def columns(world: World) -> set[str]:
    """Fields of the live conversations' attributes, and the columns beside them."""
    rows = world.warehouse.query("SELECT column_name, column_type FROM (DESCRIBE kustomer.acme_conversations)")
    return {name for name, _ in rows} | {kind for name, kind in rows if name == "attributes"}


def test_the_document_says_how_the_last_run_went(world: World) -> None:
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
                "error": "page 1 is no page",
                "error_code": "broken_page",
            },
        },
    }


def _refuse_conversations(table: Table, _page: int) -> None:
    if table is Table.CONVERSATIONS:
        raise BrokenPage("page 1 is no page")


def test_a_document_with_mistakes_says_which(world: World) -> None:
    world.configure(rate_share=None)

    world.run()

    for table in ("satisfaction", "conversations"):
        assert "rate_share: found null" in last_run(world)["tables"][table]["error"]


def test_custom_attributes_are_listed_where_they_are_ticked(world: World) -> None:
    world.configure({"conversations": {"columns": {"attributes": {"custom": {"orderNumberStr": False}}}}})
    for record in world.organisation.records[Table.CONVERSATIONS][:5]:
        record["attributes"]["custom"] = {"orderNumberStr": "Jane's"}

    world.run()

    assert last_run(world)["tables"]["conversations"]["custom_attributes"] == ["orderNumberStr: 5"]
    assert "Jane" not in str(last_run(world))


def test_a_table_that_is_switched_off_stays_and_is_told_with_the_command_that_drops_it(world: World) -> None:
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


def test_a_table_that_is_deleted_from_tables_is_off(world: World) -> None:
    world.write({"org": "acme", "tables": {"satisfaction": {}}})

    outcome = world.run()

    assert outcome.state is not None
    assert {table: state.job.status for table, state in outcome.state.tables.items()} == {
        Table.SATISFACTION: JobStatus.SUCCEEDED
    }


def test_without_personal_data_a_parent_that_is_ticked_brings_no_words_of_customers(world: World) -> None:
    world.configure({"conversations": {"columns": {"attributes": True}}}, personal_data=False)

    world.run()

    (attributes,) = (text for text in columns(world) if text.startswith("STRUCT"))
    assert "preview" not in attributes
    assert "createdAt" in attributes


def test_without_personal_data_a_column_that_is_ticked_itself_is_there(world: World) -> None:
    world.configure({"conversations": {"columns": {"attributes": {"preview": True}}}}, personal_data=False)

    world.run()

    (attributes,) = (text for text in columns(world) if text.startswith("STRUCT"))
    assert "preview" in attributes
