"""The selection of columns: columns that are not named are selected, and named ones must be in the schema."""

from __future__ import annotations

from typing import Any

import pytest

from kustomer_extract.config.columns import ColumnReader
from kustomer_extract.config.level import Level
from kustomer_extract.models import Table
from kustomer_extract.schema import Selection, load_schema


def read(
    columns: object, *, retired: dict[str, str] | None = None, keeps_true: bool = False
) -> tuple[Selection, Level]:
    """Read the columns of conversations. The level collects the problems and the warnings."""
    level = Level(content={"columns": columns})
    reader = ColumnReader(retired=retired or {}, keeps_true=keeps_true)
    return reader.read(level, load_schema(Table.CONVERSATIONS)), level


def test_a_selection_keeps_only_what_differs_from_true() -> None:
    selection, level = read(
        {"attributes": {"preview": False, "custom": True, "sla": {"name": True}}, "relationships": True}
    )

    assert selection == {"attributes": {"preview": False}}
    assert (level.problems, level.warnings) == ([], [])


def test_without_personal_data_a_selection_keeps_names_that_are_true() -> None:
    selection, _ = read(
        {"attributes": {"preview": True, "custom": {}, "sla": {"name": True}}, "links": {}}, keeps_true=True
    )

    assert selection == {"attributes": {"preview": True, "sla": {"name": True}}}


@pytest.mark.parametrize("columns", [True, "true", {}, {"attributes": {}}])
def test_an_empty_map_means_true(columns: object) -> None:
    selection, level = read(columns)

    assert (selection, level.problems) == (True, [])


def test_custom_attributes_are_selected_by_name() -> None:
    custom = {"orderNumberStr": True, "birthdayAt": False, "vipBool": "false"}

    dropped, level = read({"attributes": {"custom": custom}})
    ticked, _ = read({"attributes": {"custom": custom}}, keeps_true=True)

    assert dropped == {"attributes": {"custom": {"birthdayAt": False, "vipBool": False}}}
    assert ticked == {"attributes": {"custom": {"orderNumberStr": True, "birthdayAt": False, "vipBool": False}}}
    assert level.warnings == ['columns.attributes.custom.vipBool: "false" was read as false']


def test_columns_that_are_always_selected_cannot_be_deselected() -> None:
    selection, level = read({"id": False, "_batch_id": True})

    assert selection is True
    assert level.warnings == ["columns.id: false was read as true: this column is always there"]


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("columns", ["attributes"]),
        ("columns", None),
        ("columns.attributes", {"attributes": None}),
        ("columns.attributes.preview", {"attributes": {"preview": None}}),
        ("columns.attributes.preview", {"attributes": {"preview": {"first": True}}}),
        ("columns.attributes.custom", {"attributes": {"custom": ["orderNumberStr"]}}),
        ("columns.attributes.custom.aStr", {"attributes": {"custom": {"aStr": None}}}),
        ("columns.id", {"id": {}}),
        ("columns.id", {"id": None}),
        ("columns.attributes.preview", {"attributes.preview": False}),
        ("columns.5", {5: True}),
    ],
)  # fmt: skip
def test_one_mistake_is_one_problem_at_its_path(path: str, columns: Any) -> None:
    selection, level = read(columns)

    assert [problem.path for problem in level.problems] == [path]
    assert selection is True


def test_a_column_that_was_retired_is_read_with_a_warning() -> None:
    selection, level = read(
        {"attributes": {"mood": False, "preview": False}}, retired={"attributes.mood": "release 0.2.0"}
    )

    assert selection == {"attributes": {"preview": False}}
    assert level.problems == []
    assert level.warnings == ["columns.attributes.mood: no column any more since release 0.2.0; delete it here"]


def test_only_custom_attributes_may_have_unknown_names() -> None:
    _, level = read({"attributes": {"lastMessageIn": {"meta": {"from": False}}}})

    assert [problem.path for problem in level.problems] == ["columns.attributes.lastMessageIn.meta"]
