"""Each rule of the transform by example: what a value becomes, where it goes if it does not fit, what is counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import Selection, choose, load_schema
from kustomer_extract.transform import Transform, parse_json, read_created_at
from tests.records import to_row
from tests.small_table import SMALL_TABLE, TYPES

BATCH = Batch(run_id=RunId("20261123t030000z-1"), started_at=datetime(2026, 11, 23, 3, 0, 0, 250_000, tzinfo=UTC))
ALL: Selection = True
STAMP = {"_batch_id": "20261123t030000z-1", "_batch_runtime": "2026-11-23T03:00:00.250000Z"}


def transform(record: Any, selection: Selection = ALL) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Transform with the small table; `type`, `id` and the batch, always the same, are taken off."""
    choice = choose(SMALL_TABLE, selection)
    row, drift = to_row({"type": "conversation", "id": "1", **record}, choice, table=Table.CONVERSATIONS, batch=BATCH)
    return {name: value for name, value in row.items() if name not in {"type", "id", *STAMP}}, drift


def attributes(**values: Any) -> tuple[Any, Any, tuple[str, ...]]:
    """Transform attributes; return the row's attributes, what was rescued, and the drift."""
    row, drift = transform({"attributes": values})
    return row.get("attributes"), row.get("_rescued"), drift


def table_row(table: Table, record: Any, selection: Selection = ALL) -> tuple[dict[str, Any], tuple[str, ...]]:
    return to_row(record, choose(load_schema(table), selection), table=table, batch=BATCH)


def nested(levels: int) -> Any:
    value: Any = "core"
    for _ in range(levels):
        value = [value]
    return value


# What fits


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [
        ("text", "Grüße 🌱", "Grüße 🌱"),
        ("text", "", ""),
        ("text", "x" * 1_000_000, "x" * 1_000_000),
        ("texts", ["a", "b"], ["a", "b"]),
        ("texts", ["a", None, "b"], ["a", "b"]),
        ("texts", "alone", ["alone"]),
        ("times", ["2026-01-01T01:00:00+01:00", None, ""], ["2026-01-01T00:00:00Z"]),
        ("whole", 0, 0),
        ("whole", 3.0, 3),
        ("whole", 2**53 - 1, 9007199254740991),
        ("whole", 2**53, "9007199254740992"),
        ("whole", 1e18, "1000000000000000000"),
        ("whole", 2**63 - 1, "9223372036854775807"),
        ("whole", -(2**63), "-9223372036854775808"),
        ("number", 0.5, 0.5),
        ("number", 3, 3.0),
        ("number", 2**70, 2.0**70),
        ("flag", False, False),
        ("at", "2031-07-04T07:00:00.000Z", "2031-07-04T07:00:00.000Z"),
        ("at", "2031-07-04T07:00:00Z", "2031-07-04T07:00:00Z"),
        ("at", "2031-07-04T07:00:00.123456Z", "2031-07-04T07:00:00.123456Z"),
        ("at", "2031-07-04T07:00:00.5+02:00", "2031-07-04T05:00:00.500000Z"),
        ("at", "2031-07-04T07:00:00-0330", "2031-07-04T10:30:00Z"),
        ("at", "2031-07-04T07:00+01", "2031-07-04T06:00:00Z"),
        ("at", "2031-07-04 07:00:00", "2031-07-04T07:00:00Z"),
        ("at", "2031-07-04", "2031-07-04T00:00:00Z"),
        ("at", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z"),
        ("at", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("any", {"a": [1, None, {"b": ""}]}, {"a": [1, None, {"b": ""}]}),
        ("any", {}, {}),
        ("any", "text", "text"),
        ("any", [2**63, True, 0.5], [2**63, True, 0.5]),
        ("anys", [{"a": 1}, None, "b", []], [{"a": 1}, "b", []]),
        ("one", {"b": {"c": 1}, "a": "x"}, {"a": "x", "b": {"c": 1}}),
        ("many", [{"n": 1, "a": "x"}, None, {}, {"n": 2}], [{"a": "x", "n": 1}, {"n": 2}]),
        ("many", {"n": 1}, [{"n": 1}]),
        ("countByChannel", {"email": 2, "twitter-dm": 1.0}, [{"channel": "email", "count": 2},
                                                       {"channel": "twitter-dm", "count": 1}]),
        ("countByChannel", {"email": None}, [{"channel": "email"}]),
        ("countByChannel", [{"channel": "email", "count": 2}], [{"channel": "email", "count": 2}]),
    ],
)  # fmt: skip
def test_a_value_that_fits(name: str, value: Any, becomes: Any) -> None:
    row, rescued, drift = attributes(**{name: value})

    assert (row, rescued, drift) == ({name: becomes}, None, ())
    assert type(row[name]) is type(becomes)


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [
        ("whole", "3", 3),
        ("whole", "-3.0", -3),
        ("whole", "1e3", 1000),
        ("whole", "9007199254740993", "9007199254740993"),
        ("number", "30", 30.0),
        ("number", "-0.5", -0.5),
        ("number", "1E-3", 0.001),
        ("flag", "true", True),
        ("flag", "false", False),
    ],
)
def test_the_exact_text_of_a_number_or_boolean_is_converted_and_counted(name: str, value: Any, becomes: Any) -> None:
    row, rescued, drift = attributes(**{name: value})

    assert (row, rescued, drift) == ({name: becomes}, None, (f"/attributes/{name}",))
    assert type(row[name]) is type(becomes)


@pytest.mark.parametrize("name", [column.name for column in TYPES])
def test_null_is_no_value_for_any_type(name: str) -> None:
    assert attributes(**{name: None}) == (None, None, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [("at", ""), ("texts", []), ("texts", [None]), ("anys", []), ("one", {}), ("one", {"a": None, "b": {}}),
     ("one", []), ("one", ""), ("one", {"b": []}), ("one", {"b": ""}), ("many", []), ("many", {}), ("many", ""),
     ("many", [None, {}, [], ""]), ("countByChannel", {}), ("countByChannel", "")],
)  # fmt: skip
def test_what_holds_no_value_is_left_out(name: str, value: Any) -> None:
    assert attributes(**{name: value}) == (None, None, ())


def test_a_row_is_in_the_order_of_its_schema() -> None:
    record: Any = {
        "attributes": {"one": {"b": {"c": 1}, "a": "x"}, "new": 1, "text": "t"},
        "id": "1",
        "type": "conversation",
    }

    line, *_ = Transform(choose(SMALL_TABLE, True), table=Table.CONVERSATIONS, batch=BATCH)(json.dumps(record).encode())

    assert line == (
        b'{"type":"conversation","id":"1","attributes":{"text":"t","one":{"a":"x","b":{"c":1}}},'
        b'"_rescued":{"/attributes/new":1},"_batch_id":"20261123t030000z-1",'
        b'"_batch_runtime":"2026-11-23T03:00:00.250000Z"}\n'
    )


# What does not fit


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 5),
        ("text", True),
        ("text", {"a": 1}),
        ("text", ["a"]),
        ("texts", 5),
        ("texts", {"a": "b"}),
        ("whole", "five"),
        ("whole", "5.5"),
        ("whole", " 5"),
        ("whole", "05"),
        ("whole", "\u0665"),
        ("whole", "true"),
        ("whole", "9223372036854775808"),
        ("whole", "9" * 5_000),
        ("whole", ""),
        ("whole", True),
        ("whole", 3.5),
        ("whole", 1e300),
        ("whole", 2**63),
        ("number", "0,5"),
        ("number", "1e999"),
        ("number", "NaN"),
        ("number", "9007199254740993"),
        ("number", False),
        ("number", 2**53 + 1),
        ("flag", 1),
        ("flag", "yes"),
        ("flag", "1"),
        ("at", 1_700_000_000),
        ("at", "yesterday"),
        ("at", "0000-01-01T00:00:00.000Z"),
        ("at", "0001-01-01T00:00:00+05:00"),
        ("at", "10000-01-01T00:00:00Z"),
        ("at", "2031-02-30T00:00:00.000Z"),
        ("at", "2031-02-30"),
        ("at", "2031-07-04T24:30:00.000Z"),
        ("at", "2031-07-04T07:Z\0:00.060Z"),
        ("at", "2031-07-04T07:00:00.1234567Z"),
        ("at", "20310704"),
        ("at", "2031-W27-5"),
        ("at", "٢٠٣١-07-04"),
        ("at", " "),
        ("anys", {"a": 1}),
        ("anys", "text"),
        ("one", [{"a": "x"}]),
        ("one", "{}"),
        ("one", 0),
        ("many", "text"),
        ("countByChannel", 3),
    ],
)
def test_a_value_that_does_not_fit_is_rescued_as_it_came(name: str, value: Any) -> None:
    path = f"/attributes/{name}"

    assert attributes(**{name: value}) == (None, {path: value}, (path,))


@pytest.mark.parametrize(
    ("name", "value", "fitting", "rescued", "drift"),
    [
        ("texts", ["a", 1, "b", {}], ["a", "b"], {"1": 1, "3": {}}, ("*", "*")),
        ("many", [{"n": "x"}, {"n": 2, "a": 3}], [{"n": 2}], {"0/n": "x", "1/a": 3}, ("*/n", "*/a")),
        ("many", ["a", {"n": 1}, [1]], [{"n": 1}], {"0": "a", "2": [1]}, ("*", "*")),
        ("many", {"n": 1, "a": 2}, [{"n": 1}], {"a": 2}, ("a",)),
        ("many", [{"n": 1, "new": {"x": 1}}], [{"n": 1}], {"0/new": {"x": 1}}, ("*/new",)),
        ("one", {"a": "x", "b": {"c": "y"}}, {"a": "x"}, {"b/c": "y"}, ("b/c",)),
        ("one", {"a": "x", "b": {"c": 1, "d": 2}}, {"a": "x", "b": {"c": 1}}, {"b/d": 2}, ("b/d",)),
        ("countByChannel", {"email": 2, "sms": "many"}, [{"channel": "email", "count": 2}, {"channel": "sms"}],
         {"sms": "many"}, ("sms",)),
    ],
)  # fmt: skip
def test_the_rest_of_a_value_stays(name: str, value: Any, fitting: Any, rescued: Any, drift: tuple[str, ...]) -> None:
    result = attributes(**{name: value})

    base = f"/attributes/{name}/"
    assert result == (
        {name: fitting},
        {base + pointer: item for pointer, item in rescued.items()},
        tuple(base + path for path in drift),
    )


@pytest.mark.parametrize(
    ("value", "row"),
    [
        (None, {}),
        ({}, {}),
        ([], {}),
        ("", {}),
        ([{"text": "x"}], {"_rescued": {"/attributes": [{"text": "x"}]}}),
        ("gone", {"_rescued": {"/attributes": "gone"}}),
        (7, {"_rescued": {"/attributes": 7}}),
    ],
)
def test_attributes_that_are_no_object(value: Any, row: Any) -> None:
    result, drift = transform({"attributes": value})

    assert result == row
    assert drift == tuple(row.get("_rescued", ()))


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (None, None),
        ({}, None),
        ([], None),
        ({"status": "open"}, [{"status": "open"}]),
        ([{"status": "open"}, {"status": "done"}], [{"status": "open"}, {"status": "done"}]),
    ],
)
def test_attributes_of_a_conversation_are_an_array_of_one(value: Any, becomes: Any) -> None:
    row, drift = table_row(Table.CONVERSATIONS, {"id": "1", "attributes": value})

    assert row.get("attributes") == becomes
    assert drift == ()


def test_unknown_fields_are_rescued_at_every_depth_and_null_ones_are_nothing() -> None:
    record = {"new": 0, "gone": None, "attributes": {"new": [1], "gone": None, "one": {"b": {"new": {"x": False}}}}}

    row, drift = transform(record)

    assert row["_rescued"] == {"/attributes/one/b/new": {"x": False}, "/attributes/new": [1], "/new": 0}
    assert drift == ("/attributes/one/b/new", "/attributes/new", "/new")


@pytest.mark.parametrize("value", [None, "", [], {}, [None, ""], {"automationId": []}, {"a": [{"b": {}}, None]}])
def test_an_unknown_field_that_holds_nothing_is_no_drift(value: Any) -> None:
    row, drift = transform({"new": value, "attributes": {"new": value, "one": {"b": {"new": value}}}})

    assert (row, drift) == ({}, ())


def test_unknown_names_are_rescued_however_many_there_are() -> None:
    """The transform learns names. The API may make up a new one for each record, and names that no type can have."""
    transform = Transform(choose(SMALL_TABLE, True), table=Table.CONVERSATIONS, batch=BATCH)
    names = [f"new {number}" for number in range(60)] + ['"', "\\", "\n", "\ud800", "class", "unknown_0", "é", ""]

    for name in [*names, *names]:
        for fits in (True, False):
            record = {"id": "1", "attributes": {"one": {name: [1]}, "many": [{name: {"x": 1}}], "flag": fits or 5}}
            row = json.loads(transform(json.dumps(record).encode()).line)

            pointer = name.replace("\ud800", "\ufffd")
            expected = {f"/attributes/one/{pointer}": [1], f"/attributes/many/0/{pointer}": {"x": 1}}
            assert row["_rescued"] == expected | ({} if fits else {"/attributes/flag": 5})


def test_records_of_the_same_form_that_learn_different_fields_stay_apart() -> None:
    def transform_all(*relationships: dict[str, dict[str, Any]]) -> list[Any]:
        transform = Transform(choose(load_schema(Table.CONVERSATIONS), True), table=Table.CONVERSATIONS, batch=BATCH)
        lines = [transform(json.dumps({"id": "1", "relationships": one}).encode()).line for one in relationships]
        return [json.loads(line).get("_rescued") for line in lines]

    assert transform_all(
        {"createdBy": {"data": {"id": "1"}, "meta": 1}, "modifiedBy": {"data": {"id": "1"}, "meta": 2}},
        {"createdBy": {"data": {"id": "1"}, "other": 3}},
        {"modifiedBy": {"data": {"id": "1"}}},
        {"modifiedBy": {"data": {"id": "1"}, "meta": 4}, "createdBy": {"other": 5, "meta": 6}},
    ) == [
        {"/relationships/createdBy/meta": 1, "/relationships/modifiedBy/meta": 2},
        {"/relationships/createdBy/other": 3},
        None,
        {"/relationships/createdBy/meta": 6, "/relationships/createdBy/other": 5, "/relationships/modifiedBy/meta": 4},
    ]


def test_fields_of_the_row_that_are_ours_are_unknown_in_a_record() -> None:
    row, _ = transform({"_rescued": {"a": 1}, "_batch_id": "b", "_batch_runtime": "c"})

    assert row == {"_rescued": {"/_rescued": {"a": 1}, "/_batch_id": "b", "/_batch_runtime": "c"}}


def test_pointers_are_escaped_as_rfc_6901_says() -> None:
    _, rescued, drift = attributes(**{"a/b~c": 1, "": 2})

    assert rescued == {"/attributes/a~1b~0c": 1, "/attributes/": 2}
    assert drift == ("/attributes/a~1b~0c", "/attributes/")


# What cannot be written


@pytest.mark.parametrize(
    ("value", "becomes", "times"),
    [
        (float("inf"), "Infinity", 1),
        ([float("-inf"), float("nan"), 1.5], ["-Infinity", "NaN", 1.5], 2),
        ({"n": 2**64, "m": -(2**63) - 1}, {"n": "18446744073709551616", "m": "-9223372036854775809"}, 2),
        ({"k\ud800": "v\udfff€", "ok": "€"}, {"k\ufffd": "v\ufffd€", "ok": "€"}, 2),
        (
            dict(zip(["\ud800", "\udc00", "\ufffd"], [1, 2, 3], strict=True)),
            {"\ufffd": 1, "\ufffd\ufffd": 2, "\ufffd\ufffd\ufffd": 3},
            2,
        ),
    ],
)
def test_json_is_mended_and_counted(value: Any, becomes: Any, times: int) -> None:
    assert attributes(any=value) == ({"any": becomes}, None, ("/attributes/any",) * times)
    assert attributes(anys=[value]) == ({"anys": [becomes]}, None, ("/attributes/anys/*",) * times)


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (float("nan"), "NaN"),
        ([float("inf")], ["Infinity"]),
        (-(10**30), "-1000000000000000000000000000000"),
        ({"\ud800": "\ud800"}, {"\ufffd": "\ufffd"}),
    ],
)
def test_what_is_rescued_is_mended_and_counted_once(value: Any, becomes: Any) -> None:
    assert attributes(number=value) == (None, {"/attributes/number": becomes}, ("/attributes/number",))
    assert attributes(new=value) == (None, {"/attributes/new": becomes}, ("/attributes/new",))


def test_a_lone_surrogate_in_a_column_becomes_a_replacement_character_and_is_counted() -> None:
    row, rescued, drift = attributes(text="a\ud83db", texts=["ok", "\udc00"], countByChannel={"\ud800": 1})

    assert row == {"text": "a\ufffdb", "texts": ["ok", "\ufffd"], "countByChannel": [{"channel": "\ufffd", "count": 1}]}
    assert rescued is None
    assert drift == ("/attributes/text", "/attributes/texts/*", "/attributes/countByChannel/\ufffd")


def test_keys_that_differ_in_a_lone_surrogate_only_are_all_rescued() -> None:
    _, rescued, _ = attributes(**dict(zip(["\ud800", "\ud801"], [1, 2], strict=True)))

    assert rescued == {"/attributes/\ufffd": 1, "/attributes/\ufffd\ufffd": 2}


@pytest.mark.parametrize(("levels", "times"), [(100, 0), (101, 1), (800, 1)])
def test_what_is_nested_too_deeply_becomes_text(levels: int, times: int) -> None:
    row, _, drift = attributes(any=nested(levels))

    core = row["any"]
    for _ in range(100):
        (core,) = core
    assert core == ("core" if levels == 100 else "[" * (levels - 100) + '"core"' + "]" * (levels - 100))
    assert drift == ("/attributes/any",) * times


def test_the_text_of_what_is_nested_too_deeply_is_json() -> None:
    deep = {"a": [1, 2.5, None, True, "é\ud800"], "b": {}, "c": {"d": [[]]}, "e": 2**70}
    value: Any = deep
    for _ in range(100):
        value = [value]

    row, _, _ = attributes(any=value)

    core = row["any"]
    for _ in range(100):
        (core,) = core
    assert json.loads(core) == deep


# id, type, aliases


@pytest.mark.parametrize(
    ("identifier", "becomes", "drift"),
    [("6b10", "6b10", ()), (17, "17", ("/id",)), (2**70, "1180591620717411303424", ("/id",)),
     ("6\ud800", "6\ufffd", ("/id",))],
)  # fmt: skip
def test_an_id_is_text(identifier: Any, becomes: str, drift: tuple[str, ...]) -> None:
    row, found = table_row(Table.SATISFACTION, {"id": identifier})

    assert row == {"id": becomes, "type": "satisfaction", **STAMP}
    assert found == drift


@pytest.mark.parametrize("identifier", [None, True, 1.0, [], {}])
def test_an_unusable_id_does_not_raise(identifier: Any) -> None:
    row, _ = table_row(Table.SATISFACTION, {"id": identifier})

    assert "id" not in row


@pytest.mark.parametrize(
    ("table", "constant"), [(Table.SATISFACTION, "satisfaction"), (Table.CONVERSATIONS, "conversation")]
)
@pytest.mark.parametrize("record", [{"id": "1"}, {"id": "1", "type": None}])
def test_a_missing_type_gets_the_constant_of_its_table(table: Table, constant: str, record: Any) -> None:
    row, drift = table_row(table, record)

    assert row == {"id": "1", "type": constant, **STAMP}
    assert drift == ()


def test_a_type_that_is_no_text_is_rescued() -> None:
    row, drift = table_row(Table.CONVERSATIONS, {"id": "1", "type": 5})

    assert row == {"id": "1", "_rescued": {"/type": 5}, **STAMP}
    assert drift == ("/type",)


NEWER, OLDER = "2031-06-02T08:30:00.750Z", "2031-06-01T08:30:00.750Z"


@pytest.mark.parametrize(
    ("sent", "becomes", "rescued"),
    [
        ({"modified": OLDER}, OLDER, {}),
        ({"modified": OLDER, "modifiedAt": None}, OLDER, {}),
        ({"modified": OLDER, "modifiedAt": ""}, OLDER, {}),
        ({"modified": OLDER, "modifiedAt": OLDER}, OLDER, {}),
        ({"modified": OLDER, "modifiedAt": NEWER}, NEWER, {"/attributes/modified": OLDER}),
        ({"modified": OLDER, "modifiedAt": 5}, OLDER, {"/attributes/modifiedAt": 5}),
        ({"modified": "soon"}, None, {"/attributes/modified": "soon"}),
        ({"modified": "soon", "modifiedAt": NEWER}, NEWER, {"/attributes/modified": "soon"}),
    ],
)
def test_modified_stands_in_for_modified_at_on_surveys(sent: Any, becomes: Any, rescued: Any) -> None:
    row, drift = table_row(Table.SATISFACTION, {"id": "1", "attributes": sent})

    assert row.get("attributes", {}).get("modifiedAt") == becomes
    assert row.get("_rescued", {}) == rescued
    assert drift == tuple(rescued)


def test_attributes_of_a_survey_that_are_no_object_have_no_alias() -> None:
    row, _ = table_row(Table.SATISFACTION, {"id": "1", "attributes": "modified"})

    assert row["_rescued"] == {"/attributes": "modified"}


def test_conversations_have_no_alias() -> None:
    row, _ = table_row(Table.CONVERSATIONS, {"id": "1", "attributes": {"modified": OLDER}})

    assert row["_rescued"] == {"/attributes/modified": OLDER}


# Selection

SENT = {"text": 1, "whole": 2, "one": {"a": 3, "b": {"c": 4, "new": 5}}, "many": [{"a": "x", "new": 6}], "new": 7}


@pytest.mark.parametrize(
    ("selection", "row", "rescued"),
    [
        ({"attributes": False}, None, {}),
        (
            {"attributes": {"text": False, "one": False, "many": False}},
            {"whole": 2},
            {"/attributes/new": 7},
        ),
        (
            {"attributes": {"text": False, "one": {"a": False, "b": {"c": False}}, "many": {"a": False}}},
            {"whole": 2},
            {"/attributes/one/b/new": 5, "/attributes/many/0/new": 6, "/attributes/new": 7},
        ),
        (
            {"attributes": {column.name: False for column in TYPES}},
            None,
            {"/attributes/new": 7},
        ),
        (
            {"attributes": {"text": False, "one": {"a": False, "b": False}, "many": {"n": False}}},
            {"whole": 2, "many": [{"a": "x"}]},
            {"/attributes/many/0/new": 6, "/attributes/new": 7},
        ),
    ],
)
def test_deselected_fields_vanish_and_unknown_ones_beside_them_are_rescued(
    selection: Selection, row: Any, rescued: Any
) -> None:
    result, drift = transform({"attributes": SENT}, selection)

    assert result.get("attributes") == row
    assert result.get("_rescued", {}) == rescued
    assert len(drift) == len(rescued)


@pytest.mark.parametrize(
    ("sent", "rescued"),
    [
        ({"one": [{"a": "secret", "b": {"c": "secret"}, "d": 1}]}, {"/attributes/one": [{"b": {}, "d": 1}]}),
        ({"one": [[{"a": "secret"}], 5]}, {"/attributes/one": [[{}], 5]}),
        ({"many": [[{"a": "secret", "n": 1}]]}, {"/attributes/many/0": [{"n": 1}]}),
        ([{"one": {"a": "secret"}, "text": "t"}], {"": [{"one": {}, "text": "t"}]}),
    ],
)
def test_what_is_rescued_in_place_of_a_record_holds_nothing_deselected(sent: Any, rescued: Any) -> None:
    selection: Selection = {"attributes": {"one": {"a": False, "b": {"c": False}}, "many": {"a": False}}}

    row, _ = transform({"attributes": sent}, selection)

    assert row == {"_rescued": {pointer or "/attributes": value for pointer, value in rescued.items()}}


@pytest.mark.parametrize(
    ("selection", "becomes", "drift"),
    [
        ({"count": False}, [{"channel": "email"}, {"channel": "sms"}], ()),
        ({"channel": False}, [{"count": 2}], ("/attributes/countByChannel/sms",)),
        ({"channel": False, "count": False}, None, ()),
    ],
)
def test_deselected_parts_of_counts_by_channel(selection: Selection, becomes: Any, drift: tuple[str, ...]) -> None:
    sent = {"countByChannel": {"email": 2, "sms": "secret"}}

    row, found = transform({"attributes": sent}, {"attributes": {"countByChannel": selection}})

    assert row.get("attributes", {}).get("countByChannel") == becomes
    assert found == drift


@pytest.mark.parametrize("sent", [{"modified": OLDER}, {"modified": "soon"}, [{"modified": OLDER}]])
def test_an_alias_is_deselected_with_its_column(sent: Any) -> None:
    record = {"id": "1", "attributes": sent}

    row, _ = table_row(Table.SATISFACTION, record, {"attributes": {"modifiedAt": False}})

    assert row in (
        {"id": "1", "type": "satisfaction", **STAMP},
        {"id": "1", "type": "satisfaction", "_rescued": {"/attributes": [{}]}, **STAMP},
    )


def test_counts_by_channel_that_fit_leave_out_what_is_deselected() -> None:
    selection: Selection = {"attributes": {"countByChannel": {"channel": False}}}

    row, drift = transform({"attributes": {"countByChannel": {"email": 2, "sms": 3}}}, selection)

    assert (row, drift) == ({"attributes": {"countByChannel": [{"count": 2}, {"count": 3}]}}, ())


def test_without_rescued_drift_is_counted_all_the_same() -> None:
    row, drift = transform({"attributes": {"new": 1, "text": "t"}}, {"_rescued": False})

    assert row == {"attributes": {"text": "t"}}
    assert drift == ("/attributes/new",)


@pytest.mark.parametrize("selection", [False, {"id": False, "type": False, "_batch_id": False, "attributes": False}])
def test_id_type_and_batch_cannot_be_deselected(selection: Selection) -> None:
    row, _ = to_row({"id": "1"}, choose(SMALL_TABLE, selection), table=Table.CONVERSATIONS, batch=BATCH)

    assert row == {"id": "1", "type": "conversation", **STAMP}


# Personal data


def impersonal(record: Any, selection: Selection = ALL) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Transform a conversation without personal data; return its attributes and what was rescued, and the drift."""
    choice = choose(load_schema(Table.CONVERSATIONS), selection, personal_data=False)
    row, drift = to_row({"id": "1", **record}, choice, table=Table.CONVERSATIONS, batch=BATCH)
    return {name: row[name] for name in ("attributes", "_rescued") if name in row}, drift


def test_without_personal_data_content_is_left_out_without_a_word() -> None:
    sent = {"status": "open", "preview": "secret", "lastMessageIn": {"id": "6f", "meta": {"from": "secret"}}}

    row, drift = impersonal({"attributes": sent})

    assert (row, drift) == ({"attributes": [{"status": "open", "lastMessageIn": {"id": "6f"}}]}, ())


def test_content_that_is_ticked_is_taken_without_personal_data() -> None:
    sent = {"preview": "told", "name": "secret", "lastMessageIn": {"meta": {"from": "told"}}}
    selection: Selection = {"attributes": {"preview": True, "lastMessageIn": {"meta": True}}}

    row, drift = impersonal({"attributes": sent}, selection)

    assert (row, drift) == ({"attributes": [{"preview": "told", "lastMessageIn": {"meta": {"from": "told"}}}]}, ())


@pytest.mark.parametrize(
    ("value", "kind"),
    [("secret", "string"), (1, "number"), (0.5, "number"), (True, "boolean"), ({"a": 1}, "object"), ([1], "array")],
)
def test_without_personal_data_unknown_fields_are_counted_by_path_and_type(value: Any, kind: str) -> None:
    row, drift = impersonal({"new": value, "attributes": [{"sla": {"new": value}}], "links": [{"new": value}]})

    assert row == {}
    assert drift == (f"/attributes/*/sla/new ({kind})", f"/links/*/new ({kind})", f"/new ({kind})")


def test_without_personal_data_what_holds_nothing_is_still_no_drift() -> None:
    assert impersonal({"new": {"a": []}, "attributes": {"new": ""}}) == ({}, ())


def test_without_personal_data_values_of_known_fields_without_a_mark_are_rescued() -> None:
    sent = {"priority": "high", "tags": [7, "a"], "sla": "gold", "spam": {"secret": 1}, "locked": [1, ["x"]]}

    row, drift = impersonal({"attributes": sent})

    assert row == {
        "attributes": [{"tags": ["a"]}],
        "_rescued": {
            "/attributes/priority": "high", "/attributes/locked": [1, ["x"]], "/attributes/tags/0": 7,
            "/attributes/sla": "gold",
        },
    }  # fmt: skip
    assert sorted(drift) == [f"/attributes/{name}" for name in ("locked", "priority", "sla", "spam", "tags/*")]


@pytest.mark.parametrize(
    "sent",
    [
        {"preview": 5},
        {"satisfactionLevel": "secret"},
        {"satisfactionLevel": {"firstAnswer": ["secret"]}},
        {"firstCompany": ["secret"]},
        {"lastDeflection": {"query": "secret"}},
        {"custom": "secret"},
        {"custom": ["secret"]},
    ],
)
def test_without_personal_data_no_misfit_is_kept_that_may_be_content(sent: Any) -> None:
    ticked: Selection = {
        "attributes": {"preview": True, "satisfactionLevel": {"firstAnswer": True}, "firstCompany": {"name": True}}
    }

    for selection in (ALL, ticked):
        row, _ = impersonal({"attributes": sent}, selection)

        assert row == {}


def test_attributes_that_are_no_object_are_not_kept_without_personal_data() -> None:
    assert impersonal({"attributes": "secret"}) == ({}, ("/attributes",))


def test_custom_attributes_are_taken_by_name_and_value() -> None:
    sent = {"custom": {"orderNumberStr": "A-1", "noteTxt": "secret", "refundNum": 12.5, "wrongNum": "secret"}}

    row, drift = impersonal({"attributes": sent}, {"attributes": {"custom": {"orderNumberStr": True}}})

    assert (row, drift) == ({"attributes": [{"custom": {"orderNumberStr": "A-1", "refundNum": 12.5}}]}, ())


def test_a_custom_attribute_can_be_deselected_by_name() -> None:
    record = {"id": "1", "attributes": {"custom": {"secretStr": "s", "refundNum": 1}}}
    selection: Selection = {"attributes": {"custom": {"secretStr": False}}}

    row, _ = table_row(Table.CONVERSATIONS, record, selection)
    misfit, drift = table_row(
        Table.CONVERSATIONS, {"id": "1", "attributes": {"custom": [{"secretStr": "s"}]}}, selection
    )

    assert row["attributes"] == [{"custom": {"refundNum": 1}}]
    assert misfit == {"id": "1", "type": "conversation", **STAMP}
    assert drift == ("/attributes/custom",)


def test_a_deselected_custom_attribute_does_not_come_along_with_what_is_rescued() -> None:
    record = {"id": "1", "attributes": [[{"custom": {"secretStr": "s"}, "status": "open"}]]}

    row, _ = table_row(Table.CONVERSATIONS, record, {"attributes": {"custom": {"secretStr": False}}})

    assert row["_rescued"] == {"/attributes/0": [{"status": "open"}]}


@pytest.mark.parametrize("levels", [99, 101, 800])
def test_what_came_nested_in_place_of_a_record_is_looked_through_as_deeply_as_json_is_kept(levels: int) -> None:
    value: Any = [{"a": "secret", "d": 1}]
    for _ in range(levels - 1):
        value = [value]

    row, drift = transform({"attributes": {"one": value}}, {"attributes": {"one": {"a": False}}})

    assert "secret" not in json.dumps(row)
    assert ('"d"' in json.dumps(row)) == (levels <= 100)
    assert drift == ("/attributes/one",)


def test_deep_arrays_are_no_objects_without_personal_data() -> None:
    row, drift = impersonal({"attributes": {"tags": nested(800)}})

    assert "core" in json.dumps(row["_rescued"])
    assert drift == ("/attributes/tags/*",)


@pytest.mark.parametrize(
    ("custom", "names"),
    [({"aStr": "x", "bNum": None}, ("aStr", "bNum")), ({}, ()), (None, ()), ("x", ()), ([{"aStr": 1}], ())],
)
def test_the_names_of_custom_attributes_are_told(custom: Any, names: tuple[str, ...]) -> None:
    for personal_data in (True, False):
        choice = choose(load_schema(Table.CONVERSATIONS), ALL, personal_data=personal_data)
        record = json.dumps({"id": "1", "attributes": {"custom": custom}}).encode()

        assert Transform(choice, table=Table.CONVERSATIONS, batch=BATCH)(record).custom_names == names


# JSON in


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "\xc3\xa9"]}', {"a": [1, 2.5, None, True, "é"]}),
        (b"[18446744073709551616]", [2**64]),
        (b'{"n":-9223372036854775809}', {"n": -(2**63) - 1}),
        (b"[1,\n100000000000000000000000000000000]", [1, 10**32]),
        (b'["6101112131415161718191234"]', ["6101112131415161718191234"]),
        (b"[1e999, -1e999]", [float("inf"), float("-inf")]),
        (b'["\\ud800"]', ["\ud800"]),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    ],
)
def test_json_that_can_be_read(body: bytes, value: Any) -> None:
    assert parse_json(body) == value


@pytest.mark.parametrize("body", [b"", b'{"data": [', b"<html>", b"\xff\xfe\xff", b'"\xff"', b"[" * 100_000])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the parsers' own, of several kinds
        parse_json(body)


@pytest.mark.parametrize(
    ("record", "created_at"),
    [
        ({"attributes": {"createdAt": "2031-07-04T07:00:00.000Z"}}, datetime(2031, 7, 4, 7, tzinfo=UTC)),
        ({"attributes": {"createdAt": "2031-07-04T07:00:00+02:00"}}, datetime(2031, 7, 4, 5, tzinfo=UTC)),
        (
            {"attributes": {"createdAt": "2031-07-04T07:00:00.000Z", "name": "\ud800"}},
            datetime(2031, 7, 4, 7, tzinfo=UTC),
        ),
        ({"attributes": {"createdAt": "soon"}}, None),
        ({"attributes": {"createdAt": 5}}, None),
        ({"attributes": {}}, None),
        ({"attributes": None}, None),
        ({"attributes": "x"}, None),
        ({}, None),
    ],
)
def test_when_a_record_was_created(record: Any, created_at: datetime | None) -> None:
    assert read_created_at(json.dumps(record).encode()) == created_at
