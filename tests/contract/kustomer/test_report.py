"""`check --report`: it reports every fact that is not established yet, and shows no customer data."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract.adapters.kustomer.report import facts
from kustomer_extract.adapters.kustomer.report.facts import FACTS, iter_lines
from kustomer_extract.adapters.kustomer.search.requests import Place
from kustomer_extract.adapters.kustomer.source import ConnectKustomer
from kustomer_extract.errors import KeyRejected
from kustomer_extract.events import Scope
from kustomer_extract.models import ApiKey, IntegrationName
from tests.configurations import build_integration
from tests.standins.clock import VirtualClock
from tests.standins.kustomer.endpoints import ROLES
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import cap_list
from tests.standins.kustomer.search import Search
from tests.standins.kustomer.server import Sandbox
from tests.standins.log import RecordedLog

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(facts.__file__).parent
NOTES = Path(__file__).parents[3] / "docs" / "kustomer-api.md"
SHORT = 8  # characters; a shorter text is a word without meaning of its own


def open_sandbox(clock: VirtualClock, **settings: Any) -> Sandbox:
    return Sandbox(**{"clock": lambda: clock.now().timestamp(), "conversations": 250, **settings})


def report_on(sandbox: Sandbox, clock: VirtualClock, *, seconds: float = 3600) -> list[list[str]]:
    """Build the rows of the table: number, question and finding."""
    connect = ConnectKustomer(clock=clock, base_url=sandbox.url, seed=1)
    scope = Scope(integration=IntegrationName("acme"))
    source = connect(build_integration(), ApiKey("sandbox-key"), RecordedLog(), scope)
    try:
        lines = list(iter_lines(source, until=clock.now() + timedelta(seconds=seconds)))
    finally:
        source.close()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert {len(row) for row in rows} == {3}
    return rows


def report(*, seconds: float = 3600, **settings: Any) -> dict[str, str]:
    """Map the number of the fact, or the question, to the finding."""
    clock = VirtualClock()
    with open_sandbox(clock, **settings) as sandbox:
        rows = report_on(sandbox, clock, seconds=seconds)
    return {(number if number != "-" else question): finding for number, question, finding in rows}


def iter_values(value: object) -> Iterator[str]:
    """Yield all texts and numbers of a record, at any depth."""
    if isinstance(value, dict):
        for each in value.values():
            yield from iter_values(each)
    elif isinstance(value, list):
        for each in value:
            yield from iter_values(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def test_every_fact_that_is_not_established_has_a_line() -> None:
    notes = NOTES.read_text()
    marked = set(re.findall(r"\bV\d+\b", notes))
    findings = report()

    assert (
        marked == {fact.number for fact in FACTS if fact.number} == {name for name in findings if name.startswith("V")}
    )
    assert re.findall(r"\bV\b", notes) == []  # nobody would notice a mark without a number


def test_no_value_of_a_record_is_in_it() -> None:
    clock = VirtualClock()
    with open_sandbox(clock, limit=RateLimit(requests=1000), unknown_every=3) as sandbox:
        text = json.dumps(report_on(sandbox, clock), ensure_ascii=False)
        organisation = sandbox.organisation
        tables = ("conversations", "satisfaction", "users", "former users", "teams")
        records = [record for table in tables for record in organisation.rows(table)]

    sources = "".join(path.read_text() for path in SOURCE.glob("*.py"))
    ours = " ".join(
        [sources, *Place, *ROLES.values()]
    )  # the report's own words, addresses and roles are no customer data
    values = {value for value in iter_values(records) if len(value) >= SHORT and value not in ours}
    assert len(values) > 3000
    assert [value for value in values if value in text] == []
    assert re.findall(r"[0-9a-f]{24}|@|sandbox-key|acme|127\.0\.0\.1|localhost|http", text) == []


def test_findings_of_an_organisation_as_documented() -> None:
    findings = report(limit=RateLimit(requests=1000))

    assert findings["V1"] == "200: refused with 400; 500: refused with 400"
    assert findings["V2"] == "pages 1 and 2: 200 ids, rising; `sort=desc`: 100 ids, falling"
    assert findings["V4"] == "nothing said: 250; `false`: 250; `true`: 250"
    assert findings["V5"].startswith("of the 100 newest of the list 100 are found")
    assert findings["V8"] == "1 with `deleted=true`, of which 0 are among the 13 without it"
    assert findings["V10"].startswith("on 0 of 0 answers with 429; on 0 of ")
    assert findings["V13"].startswith("`delayTime` ÷ seconds from `createdAt` to `scheduledFor` of a rating: 0.01667")
    assert "x `prompt` text" in findings["V15"]
    assert findings["V20"].startswith("`time` ÷ seconds since `createdAt`: `firstResponse` 1000 in the median of")
    assert "`x-ratelimit-limit` on 200: 1000" in findings["What do the headers of limits say?"]


def test_findings_of_another_organisation() -> None:
    findings = report(
        conversations=10_300,
        paging=cap_list("refused"),
        search=Search(not_set_refused=True, late_seconds=60),
        limit=RateLimit(requests=30, retry_after="seconds"),
    )

    assert findings["V3"] == (
        "page 100: 100 rows, 0 of them seen on the page before; page 101: refused with 400; page 150: refused with 400"
    )
    assert (
        findings["V9"] == "`/v1/customers/search`: refused with 400; `/v1/customers/archive/search`: refused with 400"
    )


def test_late_and_deleted_records_and_forms_of_values_are_reported() -> None:
    clock = VirtualClock()
    with open_sandbox(clock, search=Search(late_seconds=60)) as sandbox:
        rows = sandbox.organisation.conversations
        rows[3]["attributes"]["deleted"] = True
        rows[4]["attributes"] |= {"mergedTarget": True, "mergedInto": "6b10aa55c3e1f27730bb0001"}
        rows[5]["attributes"]["sla"] = {"metrics": {"totalCustomerWaitTime": {"breachAt": "2026-01-01T00:00:00.000Z"}}}
        sandbox.organisation.insert()
        findings = {row[0]: row[2] for row in report_on(sandbox, clock)}

    assert findings["V5"].startswith("of the 100 newest of the list 99 are found")
    assert "of those missing the oldest is" in findings["V5"]
    assert findings["V4"] == "nothing said: 249; `false`: 249; `true`: 250"
    assert findings["V16"].startswith("1 are `true`; 1 of ")
    assert findings["V17"].startswith("1 are `true`; 1 of ")
    assert findings["V18"].endswith("have it: 1 x object; fields: 1 x `breachAt` time")
    assert "`mergedInto`: 1 of" in findings["V21"]
    assert "1 x text" in findings["V21"]


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_missing_role_is_reported_and_stops_nothing(role: str) -> None:
    findings = report(missing_roles={role: 403})

    roles = findings["Which roles has the key?"]
    assert f"not looked at: the key lacks the role `{ROLES[role]}` (answered with 403)" in roles
    assert roles.count("granted") == (4 if role == "search" else 5)
    assert len(findings) == len(FACTS)


def test_faults_are_reported_by_their_status() -> None:
    findings = report(faults=[Fault(table="users", status=503), Fault(table="satisfaction", status=408, times=1)])

    assert findings["V6"] == "no good answer: 2 x 503"
    assert findings["V12"].startswith("1 of ")


def test_the_report_ends_when_the_time_is_up() -> None:
    assert "not looked at: time was up" in report(latency_seconds=0.0, seconds=2).values()


def test_a_key_that_is_rejected_has_no_report() -> None:
    with pytest.raises(KeyRejected):
        report(expired=True)


@pytest.mark.parametrize("conversations", [0, 1, 120])
def test_a_small_organisation_can_be_reported_on(conversations: int) -> None:
    findings = report(conversations=conversations, surveys=0)

    assert len(findings) == len(FACTS)
    assert "the answer is not as documented" not in findings.values()


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": []}',
        b'{"data": [{}]}',
        b'{"data": [{"id": 7, "attributes": []}], "meta": 5}',
        b'{"data": [{"id": [], "attributes": {"createdAt": "x", "deleted": 2, "sla": {"metrics": []}}}]}',
    ],
)
def test_there_is_a_line_for_each_fact_whatever_is_answered(body: bytes) -> None:
    assert len(report(faults=[Fault(body=body)])) == len(FACTS)
