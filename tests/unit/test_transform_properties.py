"""What holds for every record and every selection: a row comes out, it fits its table, nothing is lost or leaks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import ALWAYS_SELECTED, Field, Personal, Selection, choose, load_schema, part, select
from kustomer_extract.transform import Transform, parse_json
from tests.records import to_row
from tests.row_rules import iter_faults
from tests.small_table import SMALL_TABLE
from tests.strategies import JSON_VALUES, api_objects, selections, steady

BATCH = Batch(run_id=RunId("20261123t030000z-1"), started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))
SCHEMAS = [
    (Table.SATISFACTION, load_schema(Table.SATISFACTION)),
    (Table.CONVERSATIONS, load_schema(Table.CONVERSATIONS)),
    (Table.CONVERSATIONS, SMALL_TABLE),
]

Path: TypeAlias = tuple[str, ...]
Fields: TypeAlias = tuple[Field, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A record, and the table and the selection that it is transformed for."""

    table: Table
    fields: Fields
    record: dict[str, Any]
    selection: Selection


@st.composite
def cases(draw: st.DrawFn) -> Case:
    table, fields = draw(st.sampled_from(SCHEMAS))
    return Case(table=table, fields=fields, record=draw(api_objects(fields)), selection=draw(selections(fields)))


def _twin(name: str, mode: str = "NULLABLE") -> Field:
    inner = Field(name="b", type="RECORD", mode="NULLABLE", description="", fields=(SMALL_TABLE[1],))
    return Field(name=name, type="RECORD", mode=mode, description=name, fields=(SMALL_TABLE[1], inner))


TWINS = (*SMALL_TABLE[:2], _twin("left"), _twin("right"), _twin("many", "REPEATED"), *SMALL_TABLE[3:])
"""RECORDs of the same form, which share their types as long as they learn the same."""


@st.composite
def twin_records(draw: st.DrawFn) -> dict[str, Any]:
    """Build a record with few unknown fields of few names, at each depth."""
    some = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.sampled_from([1, "text", {"x": [2]}]), max_size=2)
    twins = {name: {**draw(some), "id": "i", "b": {"id": "i", **draw(some)}} for name in ("left", "right", "many")}
    return {"id": "1", **draw(some), **twins, "many": [twins["many"]]}


SECRETS = st.sampled_from(["S3CRET", ["S3CRET"], {"S3CRET": 1}, {"a": [{"b": "S3CRET"}]}])


def transform(case: Case) -> tuple[dict[str, Any], tuple[str, ...]]:
    return to_row(case.record, choose(case.fields, case.selection), table=case.table, batch=BATCH)


@steady
@given(cases())
def test_every_row_fits_the_selected_columns_and_can_be_written(case: Case) -> None:
    row, _ = transform(case)

    assert list(iter_faults(row, select(case.fields, case.selection))) == []


@steady
@given(cases())
def test_nothing_is_lost_but_what_is_deselected(case: Case) -> None:
    selection = {**case.selection, "_rescued": True} if isinstance(case.selection, Mapping) else True

    row, drift = transform(replace(case, selection=selection))

    expected = {(path, value) for path, value in iter_leaves(case.record) if is_selected(path, selection)}
    found = {*iter_row_leaves(row, case.fields), *iter_rescued_leaves(row)}
    assert expected <= found
    assert len(row.get("_rescued", {})) <= len(drift)


@steady
@given(cases(), SECRETS)
def test_nothing_deselected_leaks(case: Case, secret: Any) -> None:
    selection = case.selection if isinstance(case.selection, Mapping) else {}
    deselected = {name: below for name, below in selection.items() if name not in ALWAYS_SELECTED}

    row, drift = transform(replace(case, record=plant(case.record, deselected, secret)))

    assert "S3CRET" not in json.dumps(row)
    assert "S3CRET" not in "".join(drift)


@steady
@given(cases(), SECRETS)
def test_nothing_of_what_customers_write_leaks_without_personal_data(case: Case, secret: Any) -> None:
    choice = choose(case.fields, True, personal_data=False)
    record = plant(case.record, content_of(case.fields), secret)

    row, _ = to_row(record | {"new": secret}, choice, table=case.table, batch=BATCH)

    assert "S3CRET" not in json.dumps(row)
    assert list(iter_faults(row, choice.columns)) == []


@steady
@given(cases())
def test_selecting_every_field_is_selecting_all(case: Case) -> None:
    every_field, everything = replace(case, selection=choose_all(case.fields)), replace(case, selection=True)

    assert transform(every_field) == transform(everything)


@steady
@given(st.lists(twin_records(), max_size=6), selections(TWINS))
def test_what_was_learned_of_other_records_changes_no_row(records: list[dict[str, Any]], selection: Selection) -> None:
    choice = choose(TWINS, selection)
    shared = Transform(choice, table=Table.CONVERSATIONS, batch=BATCH)

    for record in records:
        body = json.dumps(record).encode()
        made, alone = shared(body), Transform(choice, table=Table.CONVERSATIONS, batch=BATCH)(body)
        assert json.loads(made.line) == json.loads(alone.line)
        assert sorted(made.drift) == sorted(alone.drift)


@steady
@given(st.lists(JSON_VALUES))
def test_what_is_written_as_json_is_read_exactly(values: list[Any]) -> None:
    text = json.dumps(values)

    assert json.dumps(parse_json(text.encode())) == text


def choose_all(fields: Sequence[Field]) -> Selection:
    return {field.name: choose_all(field.fields) if field.fields else True for field in fields}


def content_of(fields: Sequence[Field]) -> dict[str, Selection]:
    """A selection without what is marked as content."""
    return {
        field.name: content_of(field.fields) if field.fields else False
        for field in fields
        if field.fields or field.personal is Personal.CONTENT
    }


def plant(value: Any, selection: Selection, secret: Any) -> Any:
    """Put a secret into every deselected field; not into counts by channel, whose keys are no fields."""
    if selection is False:
        return secret
    if isinstance(value, list):
        return [plant(item, selection, secret) for item in value]
    if not isinstance(value, dict) or isinstance(selection, bool):
        return value
    planted = {name: plant(item, part(selection, name), secret) for name, item in value.items() if not by_channel(name)}
    return planted | {name: secret for name, below in selection.items() if below is False}


def by_channel(name: str) -> bool:
    return name.endswith("ByChannel")


# Leaves: where a value stands, without indices, and what it says, whatever its type. Null and "" say nothing.


def iter_leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from iter_leaves(item, to_path(*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from iter_leaves(item, path)
    elif value is not None and value != "":
        yield path, to_text(value)


def iter_row_leaves(row: dict[str, Any], fields: Sequence[Field], path: Path = ()) -> Iterator[tuple[Path, str]]:
    for field in fields:
        here = to_path(*path, field.name)
        value = row.get(field.name)
        for item in value if isinstance(value, list) and field.mode == "REPEATED" else [value]:
            if field.fields and item is not None:
                yield from iter_row_leaves(item, field.fields, here)
                if by_channel(field.name) and "channel" in item:
                    yield from iter_leaves(item.get("count"), to_path(*here, item["channel"]))
            elif field.name != "_rescued":
                yield from iter_leaves(item, here)


def iter_rescued_leaves(row: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for pointer, value in row.get("_rescued", {}).items():
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        yield from iter_leaves(value, to_path(*steps))


def to_path(*steps: str) -> Path:
    """Leave out indices, and tell neither lone surrogates nor aliases apart."""
    plain = [step.encode("utf-16", "surrogatepass").decode("utf-16", "replace").rstrip("\ufffd") for step in steps]
    return tuple("modifiedAt" if step == "modified" else step for step in plain if not step.isdigit())


def to_text(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str):
        return json.dumps(value)
    text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    try:
        moment = datetime.fromisoformat(text)
        return str(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC))
    except (OverflowError, ValueError):
        return text


def is_selected(path: Path, selection: Selection) -> bool:
    """Whether a leaf is selected; parts of counts by channel count as not."""
    if path[:1] and path[0] in ALWAYS_SELECTED:
        return True
    for step in path:
        selection = part(selection, step)
        if by_channel(step) and isinstance(selection, Mapping):
            return False
    return selection is not False
