"""Schema files are valid for BigQuery and complete, and a selection leaves the right columns."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kustomer_extract import schema
from kustomer_extract.models import Table
from kustomer_extract.schema import (
    Field,
    Personal,
    Selection,
    choose,
    find,
    iter_paths,
    load_schema,
    part,
    schema_hash,
    select,
    to_json,
)

TYPES = {"STRING", "INTEGER", "FLOAT", "BOOLEAN", "TIMESTAMP", "JSON"}
SCHEMAS = Path(schema.__file__).parent / "schemas"


def leaf(name: str, kind: str = "STRING") -> Field:
    return Field(name=name, type=kind, mode="NULLABLE", description="")


def record(name: str, *fields: Field) -> Field:
    return Field(name=name, type="RECORD", mode="NULLABLE", description="", fields=fields)


SURVEY = (
    leaf("id"),
    leaf("type"),
    record("attributes", leaf("name"), record("scale", leaf("options", "INTEGER"), leaf("type"))),
    leaf("_rescued", "JSON"),
    leaf("_batch_id"),
    leaf("_batch_runtime", "TIMESTAMP"),
)


def names(fields: tuple[Field, ...]) -> list[str]:
    return [".".join(path) for path, field in iter_paths(fields) if not field.fields]


def without_marks(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    plain = [{key: value for key, value in item.items() if key != "personal"} for item in items]
    return [item | ({"fields": without_marks(item["fields"])} if "fields" in item else {}) for item in plain]


@pytest.mark.parametrize("table", Table)
def test_a_loaded_schema_is_written_as_the_file_without_marks(table: Table) -> None:
    written = to_json(load_schema(table))

    assert written == without_marks(json.loads((SCHEMAS / f"{table}.json").read_bytes()))


@pytest.mark.parametrize("table", Table)
def test_bigquery_accepts_every_field(table: Table) -> None:
    fields = [field for _, field in iter_paths(load_schema(table))]

    assert {field.type for field in fields if not field.fields} <= TYPES
    assert {field.type for field in fields if field.fields} == {"RECORD"}
    assert {field.mode for field in fields} == {"NULLABLE", "REPEATED"}
    assert [field.name for field in fields if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", field.name)] == []


@pytest.mark.parametrize("table", [Table.SATISFACTION, Table.CONVERSATIONS])
def test_the_large_tables_have_every_type(table: Table) -> None:
    assert {field.type for _, field in iter_paths(load_schema(table)) if not field.fields} == TYPES


@pytest.mark.parametrize("table", Table)
def test_every_field_is_described_in_a_sentence(table: Table) -> None:
    poor = [path for path, field in iter_paths(load_schema(table)) if not re.fullmatch(r".{5,}\.", field.description)]

    assert poor == []


@pytest.mark.parametrize("table", Table)
def test_no_two_fields_of_a_record_differ_in_case_only(table: Table) -> None:
    paths = [".".join(path).lower() for path, _ in iter_paths(load_schema(table))]

    assert sorted(set(paths)) == sorted(paths)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (
            Table.SATISFACTION,
            [
                ("id", "STRING", "NULLABLE"),
                ("type", "STRING", "NULLABLE"),
                ("attributes", "RECORD", "NULLABLE"),
                ("relationships", "RECORD", "NULLABLE"),
                ("links", "RECORD", "NULLABLE"),
            ],
        ),
        (
            Table.CONVERSATIONS,
            [
                ("type", "STRING", "NULLABLE"),
                ("id", "STRING", "NULLABLE"),
                ("attributes", "RECORD", "REPEATED"),
                ("relationships", "RECORD", "REPEATED"),
                ("links", "RECORD", "REPEATED"),
            ],
        ),
        (
            Table.USERS,
            [
                ("id", "STRING", "NULLABLE"),
                ("type", "STRING", "NULLABLE"),
                ("attributes", "RECORD", "NULLABLE"),
                ("relationships", "RECORD", "NULLABLE"),
                ("links", "RECORD", "NULLABLE"),
            ],
        ),
        (
            Table.TEAMS,
            [
                ("id", "STRING", "NULLABLE"),
                ("type", "STRING", "NULLABLE"),
                ("attributes", "RECORD", "NULLABLE"),
                ("relationships", "RECORD", "NULLABLE"),
                ("links", "RECORD", "NULLABLE"),
            ],
        ),
    ],
)
def test_the_columns_of_a_record_come_first_and_ours_last(table: Table, columns: list[tuple[str, str, str]]) -> None:
    loaded = [(field.name, field.type, field.mode) for field in load_schema(table)]

    assert loaded == [
        *columns,
        ("_rescued", "JSON", "NULLABLE"),
        ("_batch_id", "STRING", "NULLABLE"),
        ("_batch_runtime", "TIMESTAMP", "NULLABLE"),
    ]


@pytest.mark.parametrize("table", Table)
def test_all_relationships_have_the_same_fields(table: Table) -> None:
    relationships = find(load_schema(table), ["relationships"])

    assert relationships is not None
    assert {tuple(path for path, _ in iter_paths(field.fields)) for field in relationships.fields} == {
        (("links",), ("links", "self"), ("data",), ("data", "type"), ("data", "id"))
    }


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (True, ["id", "type", "attributes.name", "attributes.scale.options", "attributes.scale.type", "_rescued"]),
        ({}, ["id", "type", "attributes.name", "attributes.scale.options", "attributes.scale.type", "_rescued"]),
        (False, ["id", "type"]),
        ({"attributes": False}, ["id", "type", "_rescued"]),
        ({"attributes": {"scale": False}}, ["id", "type", "attributes.name", "_rescued"]),
        (
            {"attributes": {"scale": {"type": False}}},
            ["id", "type", "attributes.name", "attributes.scale.options", "_rescued"],
        ),
        ({"attributes": {"name": True, "scale": {"options": False, "type": False}}},
         ["id", "type", "attributes.name", "_rescued"]),
        ({"attributes": {"name": False, "scale": {"options": False, "type": False}}}, ["id", "type", "_rescued"]),
        ({"id": False, "type": False, "_batch_id": False, "_rescued": False, "attributes": False}, ["id", "type"]),
    ],
)  # fmt: skip
def test_the_columns_that_a_selection_leaves(selection: Selection, left: list[str]) -> None:
    selected = select(SURVEY, selection)

    assert names(selected) == [*left, "_batch_id", "_batch_runtime"]


@pytest.mark.parametrize("table", Table)
def test_selecting_everything_changes_nothing(table: Table) -> None:
    fields = load_schema(table)

    assert select(fields, True) == fields
    assert select(fields, {field.name: True for field in fields}) == fields


def test_the_part_of_a_selection_below_a_column() -> None:
    selection: Selection = {"attributes": {"name": False}, "links": False}

    assert part(selection, "attributes") == {"name": False}
    assert part(selection, "links") is False
    assert part(selection, "relationships") is True
    assert part(False, "attributes") is False


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (["attributes"], "RECORD"),
        (["attributes", "scale", "options"], "INTEGER"),
        (["attributes", "scales"], None),
        (["attributes", "name", "first"], None),
        (["nowhere", "name"], None),
    ],
)
def test_a_field_is_found_by_its_path(path: list[str], kind: str | None) -> None:
    found = find(SURVEY, path)

    assert (found.type if found else None) == kind


def test_the_hash_depends_on_names_types_modes_and_order_but_not_on_descriptions() -> None:
    described = Field(name="id", type="STRING", mode="NULLABLE", description="The id.")
    repeated = Field(name="id", type="STRING", mode="REPEATED", description="")
    variants = [[leaf("id")], [leaf("Id")], [leaf("id", "JSON")], [repeated], [leaf("id"), leaf("a")],
                [leaf("a"), leaf("id")], [record("id", leaf("id"))]]  # fmt: skip

    hashes = {schema_hash(fields) for fields in variants}

    assert len(hashes) == len(variants)
    assert schema_hash([described]) == schema_hash([leaf("id")]) == "566fdc9b31b0"


# Personal data

CONTENT = {
    Table.SATISFACTION: [
        "attributes.questions.followupQuestion", "attributes.positiveQuestions.followupQuestion",
        "attributes.negativeQuestions.followupQuestion", "attributes.allQuestions.followupQuestion",
        "attributes.followupQuestion", "attributes.criteria.and", "attributes.criteria.or",
    ],
    Table.CONVERSATIONS: [
        "attributes.externalId", "attributes.name", "attributes.preview", "attributes.accessOverride",
        "attributes.skills", "attributes.predictions", "attributes.matchedTimeBasedRules",
        "attributes.linkedConversations", "attributes.satisfactionLevel.firstAnswer",
        "attributes.satisfactionLevel.answers", "attributes.firstMessageIn.meta", "attributes.firstMessageOut.meta",
        "attributes.lastMessageIn.meta", "attributes.lastMessageOut.meta", "attributes.lastMessageUnrespondedTo.meta",
        "attributes.lastMessageUnrespondedToSinceLastDone.meta", "attributes.firstCompany.name",
        "attributes.lastDeflection.query.rawText", "attributes.custom",
    ],
    Table.USERS: ["attributes.email", "attributes.mobile"],
    Table.TEAMS: [],
}  # fmt: skip


def marked(table: Table, personal: Personal) -> list[str]:
    return [".".join(path) for path, field in iter_paths(load_schema(table)) if field.personal is personal]


@pytest.mark.parametrize("table", Table)
def test_content_is_marked(table: Table) -> None:
    assert marked(table, Personal.CONTENT) == CONTENT[table]


@pytest.mark.parametrize("table", Table)
def test_all_json_of_the_api_is_content(table: Table) -> None:
    unmarked = [
        path
        for path, field in iter_paths(load_schema(table))
        if field.type == "JSON" and field.personal is not Personal.CONTENT and path != ("_rescued",)
    ]

    assert unmarked == []


def test_ids_of_customers_are_marked() -> None:
    assert marked(Table.CONVERSATIONS, Personal.CUSTOMER) == [
        "attributes.firstCompany.id", "relationships.customer.links.self", "relationships.customer.data.id",
        "relationships.endedBy.links.self", "relationships.endedBy.data.id",
    ]  # fmt: skip


@pytest.mark.parametrize("table", Table)
def test_every_id_of_a_user_is_marked_as_staff(table: Table) -> None:
    named = {"assignedUsers", "sentBy"}
    users = [
        ".".join(path)
        for path, field in iter_paths(load_schema(table))
        if not field.fields and (path[-1] in named or (path[-1] == "createdBy" and path[0] == "attributes"))
    ]

    assert set(users) <= set(marked(table, Personal.STAFF))


@pytest.mark.parametrize("table", Table)
def test_without_personal_data_all_but_content_is_selected(table: Table) -> None:
    fields = load_schema(table)
    left = [".".join(path) for path, field in iter_paths(select(fields, True, personal_data=False)) if not field.fields]

    assert left == [path for path in names(fields) if path not in CONTENT[table] or path == "attributes.custom"]


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        ({"attributes": True}, []),
        ({"attributes": {"satisfactionLevel": True}}, []),
        ({"attributes": {"preview": True}}, ["attributes.preview"]),
        ({"attributes": {"preview": False}}, []),
        (
            {"attributes": {"satisfactionLevel": {"firstAnswer": True}, "lastMessageIn": {"meta": True}}},
            ["attributes.satisfactionLevel.firstAnswer", "attributes.lastMessageIn.meta"],
        ),
    ],
)
def test_without_personal_data_content_is_selected_only_by_its_own_name(
    selection: Selection, selected: list[str]
) -> None:
    columns = select(load_schema(Table.CONVERSATIONS), selection, personal_data=False)

    content = [".".join(path) for path, field in iter_paths(columns) if field.personal is Personal.CONTENT]
    assert content == [*selected, "attributes.custom"]


def test_without_personal_data_a_record_with_only_content_is_left_out() -> None:
    columns = select(load_schema(Table.CONVERSATIONS), True, personal_data=False)

    assert find(columns, ["attributes", "lastDeflection", "status"]) is not None
    assert find(columns, ["attributes", "lastDeflection", "query"]) is None


def test_custom_can_be_deselected() -> None:
    selection: Selection = {"attributes": {"custom": False}}

    assert find(select(load_schema(Table.CONVERSATIONS), selection), ["attributes", "custom"]) is None


CUSTOM: dict[str, Any] = {
    "orderNumberStr": "A-5512", "noteTxt": "words", "siteUrl": "https://a.example", "refundNum": 12.5,
    "countNum": [1, None], "shippedAt": "2031-06-30", "vipBool": False, "kobjectId": "6a", "reasonTree": "a.b",
    "other": 1, "wrongNum": "words", "wrongBool": 1, "wrongId": {"a": "words"}, "wrongAt": [["words"]],
}  # fmt: skip
IMPERSONAL = ["refundNum", "countNum", "shippedAt", "vipBool", "kobjectId"]


@pytest.mark.parametrize(
    ("custom", "personal_data", "taken"),
    [
        (True, True, list(CUSTOM)),
        ({}, True, list(CUSTOM)),
        ({"orderNumberStr": True}, True, list(CUSTOM)),
        ({"orderNumberStr": False, "unseenNum": False}, True, list(CUSTOM)[1:]),
        (True, False, IMPERSONAL),
        ({"vipBool": True}, False, IMPERSONAL),
        ({"orderNumberStr": True}, False, ["orderNumberStr", *IMPERSONAL]),
        ({"refundNum": False, "wrongNum": True}, False, [*IMPERSONAL[1:], "wrongNum"]),
    ],
)
def test_the_custom_attributes_that_are_read(custom: Selection, personal_data: Any, taken: list[str]) -> None:
    selection: Selection = {"attributes": {"custom": custom}}

    choice = choose(load_schema(Table.CONVERSATIONS), selection, personal_data=personal_data)

    assert [name for name, value in CUSTOM.items() if choice.takes_custom(name, value)] == taken
    assert find(choice.columns, ["attributes", "custom"]) is not None
