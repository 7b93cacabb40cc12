"""The records of the sandbox: the same for the same seed, and like those of a real organisation."""

from __future__ import annotations

import json
import re
import statistics
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import choose, load_schema
from kustomer_extract.transform import Transform
from tests.contract.kustomer.asking import CONVERSATIONS, SURVEYS, get
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.store import Organisation

Attributes: TypeAlias = dict[str, Any]


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

    def test_sizes_are_those_of_real_records(self) -> None:
        rows = Organisation(conversations=500, surveys=12, seed=1).conversations.serialise(0, 500)

        sizes = sorted(len(row) for row in rows)
        assert 900 < sizes[0] < 1200
        assert 3500 < statistics.median(sizes) < 3900

    @pytest.mark.parametrize("table", Table)
    def test_records_fit_the_schema_files(self, table: Table) -> None:
        batch = Batch(run_id=RunId("20261123t030000z-1a2b3c4d"), started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))
        transform = Transform(choose(load_schema(table), True), table=table, batch=batch)

        records = Organisation(conversations=500, surveys=20, seed=1).rows(table.value)
        assert [drift for record in records if (drift := transform(json.dumps(record).encode()).drift)] == []

    def test_unknown_keys_are_optional(self) -> None:
        organisation = Organisation(conversations=30, surveys=1, seed=1, unknown_every=10)

        unknown = [number for number, it in enumerate(organisation.conversations) if "futureKey" in it["attributes"]]
        assert unknown == [0, 10, 20]


@pytest.fixture(scope="module")
def cases() -> list[Attributes]:
    """List the attributes of some conversations."""
    rows = Organisation(conversations=500, surveys=12, seed=1).conversations.serialise(0, 500)
    return [json.loads(row)["attributes"] for row in rows]


@pytest.fixture(scope="module")
def real(cases: list[Attributes]) -> list[Attributes]:
    """List the attributes of conversations that have messages."""
    return [case for case in cases if case["messageCount"]]


class TestFields:
    def test_custom_attributes_are_of_each_type(self, real: list[Attributes]) -> None:
        kinds = {
            name: {type(case["custom"][name]) for case in real if name in case["custom"]} for name in real[0]["custom"]
        }

        kinds["refundNum"] = {type(case["custom"]["refundNum"]) for case in real if "refundNum" in case["custom"]}
        assert kinds == {
            "orderNumberStr": {str},
            "noteTxt": {str},
            "trackingUrl": {str},
            "accountId": {str},
            "refundNum": {int, float, type(None)},
            "shippedAt": {str},
            "vipBool": {bool},
            "reasonTree": {str},
            "labelsStr": {list},
        }

    def test_attributes_of_2025(self, real: list[Attributes]) -> None:
        assert {case["billingStatus"] for case in real} == {"invoiced", None}
        assert {len(case["aiAgent"]["automationId"]) for case in real} == {0, 1}

    def test_unset_records_are_lists_or_texts(self, cases: list[Attributes]) -> None:
        unset = {name for case in cases for name, value in case.items() if value in ("", [])}

        assert {"sla", "assistant", "snooze", "open", "lastDone", "firstResponse"} <= unset
