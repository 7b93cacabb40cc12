"""The strategies can produce each kind of difficult input, and the row rules tell good values from bad ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from kustomer_extract.models import Table
from kustomer_extract.schema import Field, iter_paths, load_schema
from tests.row_rules import iter_faults
from tests.strategies import IDENTIFIERS, JSON_VALUES, NUMBERS, TEXTS, TIMESTAMPS, api_objects, selections, steady

if TYPE_CHECKING:
    from collections.abc import Callable

SURVEY = load_schema(Table.SATISFACTION)
FIRST_FOUND = settings(steady, phases=[Phase.generate], max_examples=3_000)


@pytest.mark.parametrize(
    ("strategy", "condition"),
    [
        (TEXTS, lambda text: any("\ud800" <= letter <= "\udfff" for letter in text)),
        (TEXTS, lambda text: "/" in text or "~" in text),
        (NUMBERS, lambda number: number == 2**63),
        (NUMBERS, lambda number: isinstance(number, float) and number.is_integer()),
        (NUMBERS, lambda number: number != number or number in {math.inf, -math.inf}),  # noqa: PLR0124  # NaN
        (TIMESTAMPS, lambda text: text.endswith("Z")),
        (TIMESTAMPS, lambda text: "+" in text),
        (TIMESTAMPS, lambda text: text == "soon"),
        (JSON_VALUES, lambda value: isinstance(value, dict) and any(map(bool, value.values()))),
        (IDENTIFIERS, lambda identifier: isinstance(identifier, int)),
    ],
)
def test_each_kind_of_difficult_input_is_produced(
    strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool]
) -> None:
    found = find(strategy, condition, settings=FIRST_FOUND)

    assert condition(found)


@pytest.mark.parametrize(
    "condition",
    [
        lambda record: record.keys() - {field.name for field in SURVEY},
        lambda record: isinstance(record.get("attributes"), dict),
        lambda record: isinstance(record.get("attributes", {}), str | int | list),
    ],
)
def test_objects_of_the_api_have_known_unknown_and_wrong_fields(condition: Callable[[Any], Any]) -> None:
    found = find(api_objects(SURVEY), lambda record: bool(condition(record)), settings=FIRST_FOUND)

    assert condition(found)


@steady
@given(st.sampled_from(Table).flatmap(lambda table: st.tuples(st.just(table), selections(load_schema(table)))))
def test_selections_name_existing_fields_only(case: tuple[Table, Any]) -> None:
    table, selection = case
    known = {path for path, _ in iter_paths(load_schema(table))}

    def paths(selection: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        if not isinstance(selection, Mapping):
            return set()
        here = {(*above, name) for name in selection}
        return here.union(*(paths(below, (*above, name)) for name, below in selection.items()))

    assert paths(selection) <= known


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("BOOLEAN", True, 1),
        ("FLOAT", 1.5, 1),
        ("FLOAT", 1.5, math.inf),
        ("INTEGER", 2**53 - 1, 2**53),
        ("INTEGER", str(2**53), "5"),
        ("INTEGER", str(-(2**63)), str(2**63)),
        ("JSON", {"a": [None, 2**64 - 1]}, {"a": [2**64]}),
        ("JSON", "é", {"\ud800": 1}),
        ("STRING", "", "\ud800"),
        ("STRING", "a", None),
        ("TIMESTAMP", "2031-07-04T07:00:00.000Z", "2031-07-04T07:00:00+00:00"),
    ],
)
def test_the_rules_tell_good_values_from_bad_ones(kind: str, good: Any, bad: Any) -> None:
    one = [Field(name="a", type=kind, mode="NULLABLE", description="")]
    many = [Field(name="a", type=kind, mode="REPEATED", description="")]

    assert list(iter_faults({"a": good}, one)) == list(iter_faults({"a": [good]}, many)) == []
    assert len(list(iter_faults({"a": bad}, one))) == len(list(iter_faults({"a": [good, bad]}, many))) == 1
    assert len(list(iter_faults({"a": good}, many))) == len(list(iter_faults({"a": []}, many))) == 1


@pytest.mark.parametrize("row", [{}, {"b": "x"}, {"type": "x", "id": "1"}, {"attributes": {}}])
def test_the_rules_refuse_rows_of_another_form(row: Any) -> None:
    assert len(list(iter_faults(row, SURVEY))) == 1
