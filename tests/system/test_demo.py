"""`make demo`, run twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from tests.standins.kustomer.demo import run_demo

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_demo_fills_the_tables_and_answers_its_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse = tmp_path / "demo.duckdb"

    statuses = [run_demo(warehouse, conversations=250) for _ in range(2)]

    output = capsys.readouterr().out
    assert statuses == [0, 0]
    assert str(warehouse) in output
    assert "How long does the first response take, by team?" in output
    assert "median_minutes" in output
    assert "percent_good" in output
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        counts = connection.execute(
            "SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM kustomer.demo_satisfaction) "
            "FROM kustomer.demo_conversations"
        ).fetchone()
    assert counts == (250, 250, 12)
