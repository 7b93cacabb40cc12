"""Flat views: their columns, all of which exist in the table."""

from __future__ import annotations

import pytest

from kustomer_extract.models import Table
from kustomer_extract.schema import load_schema
from kustomer_extract.views import Measured, build_view, has_view, list_paths
from kustomer_extract.views.catalogue import COLUMNS
from kustomer_extract.views.expressions import Custom
from tests.queries import paths_of

VIEWED = [table for table in Table if has_view(table)]


def name_custom(*names: str) -> dict[str, str]:
    view = build_view(Table.CONVERSATIONS, list_paths(load_schema(Table.CONVERSATIONS)), custom=names)
    return {column.name: column.expression.type for column in view.columns if isinstance(column.expression, Custom)}


@pytest.mark.parametrize("table", VIEWED)
def test_every_path_of_the_catalogue_is_in_the_schema(table: Table) -> None:
    known = list_paths(load_schema(table))

    assert {path for expression, _ in COLUMNS[table].values() for path in paths_of(expression)} <= known


@pytest.mark.parametrize("table", VIEWED)
def test_a_view_names_only_columns_of_its_table(table: Table) -> None:
    known = sorted(list_paths(load_schema(table)))
    for step in (2, 3, 5, 7):
        left = frozenset(known[::step]) | {"id"}

        view = build_view(table, left, custom=["a"])

        assert {path for column in view.columns for path in paths_of(column.expression)} <= left


def test_custom_attributes_have_the_type_in_their_names() -> None:
    assert name_custom("aStr", "bTxt", "cUrl", "dId", "eTree", "fNum", "gAt", "hBool", "other", "numberOfNUM") == {
        "custom_a_str": "STRING",
        "custom_b_txt": "STRING",
        "custom_c_url": "STRING",
        "custom_d_id": "STRING",
        "custom_e_tree": "STRING",
        "custom_f_num": "FLOAT",
        "custom_g_at": "TIMESTAMP",
        "custom_h_bool": "BOOLEAN",
        "custom_number_of_num": "JSON",
        "custom_other": "JSON",
    }


def test_a_column_with_a_list_stays_json() -> None:
    assert name_custom("labelsStr", "labelsStr[]") == {"custom_labels_str": "JSON"}


def test_two_attributes_that_differ_only_in_case_do_not_collide() -> None:
    assert set(name_custom("orderStr", "OrderStr", "order-str")) == {
        "custom_order_str", "custom_order_str_2", "custom_order_str_3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "per_second"),
    [
        (Measured(rows=100, seconds=0, milliseconds=100), 1000),
        (Measured(rows=200, seconds=190, milliseconds=0), 1),
        (Measured(rows=99, seconds=0, milliseconds=99), None),
        (Measured(rows=200, seconds=0, milliseconds=189), None),
        (Measured(rows=0, seconds=0, milliseconds=0), None),
    ],
)
def test_a_unit_needs_a_hundred_consistent_rows(measured: Measured, per_second: int | None) -> None:
    assert measured.per_second == per_second
