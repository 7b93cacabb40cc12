"""Whole pages, and the expected rows. ``GOLDEN=rewrite`` rewrites `rows.json`: review the difference.

A case is a folder of `tests/golden/`. Its name has the table and what the case proves. Its files are `input.json` (a
page of the API), `rows.json` (rows with their drift), `README.md` (one line) and, if columns are deselected,
`selection.json`.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import choose, load_schema, select
from kustomer_extract.transform import Transform, parse_json
from tests.row_rules import iter_faults

CASES = sorted(path for path in (Path(__file__).parents[1] / "golden").iterdir() if path.is_dir())
BATCH = Batch(run_id=RunId("20261123t030000z-1a2b3c4d"), started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))


def to_rows(case: Path) -> list[dict[str, Any]]:
    table = Table(case.name.split("-")[0])
    transform = Transform(choose(load_schema(table), read_selection(case)), table=table, batch=BATCH)
    page: Any = parse_json((case / "input.json").read_bytes())
    results = [transform(json.dumps(record).encode()) for record in page["data"]]
    return [{"row": json.loads(line), "drift": list(drift)} for line, drift, _ in results]


def read_selection(case: Path) -> Any:
    file = case / "selection.json"
    return json.loads(file.read_bytes()) if file.exists() else True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_page_becomes_the_expected_rows(case: Path) -> None:
    rows = to_rows(case)

    if os.environ.get("GOLDEN") == "rewrite":
        (case / "rows.json").write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    assert rows == json.loads((case / "rows.json").read_bytes())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_rows_fit_their_table(case: Path) -> None:
    fields = select(load_schema(Table(case.name.split("-")[0])), read_selection(case))

    rows = json.loads((case / "rows.json").read_bytes())

    assert [list(iter_faults(item["row"], fields)) for item in rows] == [[] for _ in rows]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_readme_of_a_case_has_one_line(case: Path) -> None:
    lines = (case / "README.md").read_text().splitlines()

    assert len(lines) == 1
