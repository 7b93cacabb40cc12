"""The records of the sandbox: the same for the same seed, and what a real organisation could hold."""

from __future__ import annotations

import re
import statistics
from datetime import UTC, datetime

import pytest

from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import choose, load_schema
from kustomer_extract.transform import compile_transform
from tests.contract.kustomer.asking import CONVERSATIONS, SURVEYS, get
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.store import Organisation


class TestRecords:
    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        answers = []
        for seed in (1, 1, 2):
            with Sandbox(conversations=50, seed=seed) as sandbox:
                answers.append((get(sandbox, CONVERSATIONS).body, get(sandbox, SURVEYS).body))

        assert answers[0] == answers[1]
        assert answers[0][0] != answers[2][0]
        assert answers[0][1] != answers[2][1]

    def test_ids_are_24_hex_characters(self) -> None:
        organisation = Organisation(conversations=20, surveys=20, seed=1)

        ids = organisation.ids("conversations") + organisation.ids("satisfaction")
        assert all(re.fullmatch("[0-9a-f]{24}", identifier) for identifier in ids)

    def test_ratings_are_of_existing_surveys(self) -> None:
        organisation = Organisation(conversations=500, surveys=12, seed=1)

        levels = [record["attributes"]["satisfactionLevel"] for record in organisation.conversations]
        forms = {level["form"] for level in levels if "form" in level}
        assert len(forms) > 6
        assert forms <= set(organisation.ids("satisfaction"))
        assert {level["rating"] for level in levels if "rating" in level} == {1, 2, 3, 4, 5}

    def test_sizes_are_those_of_real_records(self) -> None:
        rows = Organisation(conversations=500, surveys=12, seed=1).conversations.serialise(0, 500)

        sizes = sorted(len(row) for row in rows)
        assert 900 < sizes[0] < 1200
        assert 3500 < statistics.median(sizes) < 3900

    @pytest.mark.parametrize("table", [Table.SATISFACTION, Table.CONVERSATIONS])
    def test_records_fit_the_schema_files(self, table: Table) -> None:
        to_row = compile_transform(choose(load_schema(table), True), table=table)
        batch = Batch(run_id=RunId("20261123t030000z-1a2b3c4d"), started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))

        records = Organisation(conversations=500, surveys=20, seed=1).rows(table.value)
        assert [drift for record in records if (drift := to_row(record, batch=batch).drift)] == []

    def test_unknown_keys_come_when_asked_for(self) -> None:
        organisation = Organisation(conversations=30, surveys=1, seed=1, unknown_every=10)

        unknown = [number for number, it in enumerate(organisation.conversations) if "futureKey" in it["attributes"]]
        assert unknown == [0, 10, 20]
