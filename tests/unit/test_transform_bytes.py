"""A record that msgspec accepts gives the row that its repair gives, however its values are written."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import choose
from kustomer_extract.transform import Transform
from tests.row_rules import iter_faults
from tests.small_table import SMALL_TABLE

BATCH = Batch(run_id=RunId("20261123t030000z-1"), started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))
CHOICE = choose(SMALL_TABLE, True)
TIME = "2031-07-04T07:00:00.000Z"
FITTING = json.dumps(
    {
        "id": "1", "type": "conversation",
        "attributes": {
            "text": "a", "texts": ["a", "b"], "whole": 1, "number": 0.5, "flag": True, "at": TIME,
            "times": [TIME, TIME], "any": {"a": [1]}, "anys": [1, "b"], "one": {"a": "x", "b": {"c": 1}},
            "many": [{"a": "x", "n": 1}], "countByChannel": {"email": 1},
        },
    }
)  # fmt: skip
PLACES = [match.span() for match in re.finditer(r'(?<=[ \[])("[^"]*"(?!:)|[\d.]+|true)', FITTING)]
WRITTEN = [
    "null", "true", "0", "-0", "-0.0", "1.0", "-3.0", "3.5", "1e5", "0.1e1", "3.0e0", "1e999", "-1e999", "1e-400",
    "5e-324", "0.30000000000000004", "1e22", "9007199254740991", "9007199254740992", "-9007199254740992",
    "9007199254740993", "9007199254740993.0", "9223372036854775807", "9223372036854775808", "18446744073709551616",
    "-9223372036854775809", "1" * 50, "1" * 5000, "1.7976931348623157e308", "NaN", "-Infinity",
    '""', '"3"', '"1e3"', '"true"', '"a\\tb"', '"\\u0000"', '"\\ud800"', '"\\ud83c\\udf31"', '"é"',
    '"2031-07-04T07:00:00.1234567Z"', '"2031-07-04t07:00:00z"', '"2031-07-04T07:00:60Z"', '"2031-07-04"',
    '"0001-01-01T00:00:00+05:00"', '"2031-07-04T07:00:00+05:00"', '"2031-07-04T24:00:00.000Z"',
    "[]", "{}", "[null]", "[[]]", "[{}]", '[""]', '{"a": null}', '{"a": {}}', '{"x": 1, "x": "y"}', '{"email": null}',
    "[" * 6 + "]" * 6, "[" * 101 + "]" * 101, '{"a":' * 101 + "1" + "}" * 101,
]  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written[:30])
def test_what_is_accepted_becomes_what_it_is_repaired_to(written: str) -> None:
    accepting, repairing = (Transform(CHOICE, table=Table.CONVERSATIONS, batch=BATCH) for _ in range(2))

    for begin, end in PLACES:
        body = f"{FITTING[:begin]}{written}{FITTING[end:]}".encode()
        accepted = accepting(body)
        repaired = repairing(body.replace(b"{", b'{"\\"": null, ', 1))  # msgspec accepts no such name

        assert json.loads(accepted.line) == json.loads(repaired.line)
        assert sorted(accepted.drift) == sorted(repaired.drift)
        assert list(iter_faults(json.loads(accepted.line), SMALL_TABLE)) == []


def test_the_record_that_the_others_are_made_from_fits() -> None:
    line, drift, _ = Transform(CHOICE, table=Table.CONVERSATIONS, batch=BATCH)(FITTING.encode())

    assert drift == ()
    assert json.loads(line)["attributes"]["whole"] == 1
    assert len(PLACES) == 19
