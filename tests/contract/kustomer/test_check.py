"""A check reports on everything that a run depends on, and says what to do if something is wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract.adapters.kustomer.check import Finding, check_source
from kustomer_extract.adapters.kustomer.source import ConnectKustomer
from kustomer_extract.events import Scope
from kustomer_extract.models import ApiKey, IntegrationName, Table
from tests.configurations import build_integration
from tests.standins.clock import VirtualClock
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import Paging, cap_list
from tests.standins.kustomer.server import Sandbox
from tests.standins.log import RecordedLog

if TYPE_CHECKING:
    from kustomer_extract.config import Integration

ACME = build_integration()


BOTH = (Table.SATISFACTION, Table.CONVERSATIONS)


def check(
    *, seconds: float = 3600, tables: tuple[Table, ...] = BOTH, integration: Integration = ACME, **settings: Any
) -> dict[str, Finding]:
    clock, key = VirtualClock(), ApiKey("sandbox-key")
    with Sandbox(**{"conversations": 150, **settings}) as sandbox:
        connect = ConnectKustomer(clock=clock, base_url=sandbox.url, seed=1)
        source = connect(integration, key, RecordedLog(), Scope(integration=IntegrationName("acme")))
        findings = check_source(source, tables, until=clock.now() + timedelta(seconds=seconds))
        source.close()
    return {finding.name: finding for finding in findings}


def test_without_problems() -> None:
    findings = check(limit=RateLimit(requests=500))

    assert all(finding.ok for finding in findings.values())
    assert {name: finding.detail for name, finding in findings.items()} == {
        "API key": "valid",
        "role for satisfaction": "granted: 12 records on the first page",
        "role for conversations": "granted: 100 records on the first page",
        "rate limit": "500 requests a minute",
        "order of pages": "oldest first; with sort=desc, newest first",
        "depth of pages": "fewer than 100 pages: whether more are served cannot be seen",
        "size of pages": "100; pages of 500 are refused, pages of 200 are refused",
        "way to conversations": (
            "the list: the search counts 150 of them; one conversation has the same attributes in both"
        ),
    }


def test_with_a_capped_list_the_way_is_search_and_one_conversation_is_compared() -> None:
    findings = check(conversations=10_100, paging=cap_list("refused"))

    assert findings["way to conversations"].detail == (
        "search: there are 10,100 and the list ends at 10,000; one conversation has the same attributes in both"
    )


def test_a_deep_list_is_the_way_and_one_conversation_is_compared() -> None:
    assert check(conversations=10_200)["way to conversations"].detail == (
        "the list: it goes deeper than 10,000; the search counts 10,200; "
        "one conversation has the same attributes in both"
    )


@pytest.mark.parametrize("conversations", [0, 3])
def test_an_empty_organisation_has_no_conversation_to_compare(conversations: int) -> None:
    way = check(conversations=conversations)["way to conversations"]

    assert way.ok
    assert ("no conversation to compare" in way.detail) == (conversations == 0)


def test_attributes_that_only_one_way_returns_are_named() -> None:
    record = b'{"id":"6a01f0c2b7d3e94410aa0001","attributes":{"createdAt":"2026-01-01T00:00:00Z","%b":1}}'
    body = b'{"data":[' + record + b'],"meta":{"total":1}}'
    faults = [Fault(table="conversations", body=body % b"name"), Fault(table="search", body=body % b"spam")]

    way = check(faults=faults)["way to conversations"]

    assert way.detail.endswith("of one conversation the search lacks name and the list lacks spam")


@pytest.mark.parametrize(
    ("largest", "expected"),
    [
        (500, "pages of 150 are served, too; those of 100 are used"),
        (100, "100; pages of 500 bring 100, pages of 200 bring 100"),
    ],
)
def test_the_size_of_pages_is_reported(largest: int, expected: str) -> None:
    paging = Paging(accepted_page=500, largest_page=largest)

    assert check(paging=paging)["size of pages"].detail == expected


def test_without_the_role_the_way_is_the_list_and_the_role_is_named() -> None:
    way = check(missing_roles={"search": 403})["way to conversations"]

    assert way.ok
    assert way.detail.startswith("the list: the key may not search")
    assert "org.permission.search.create" in way.remedy


def test_an_invalid_key_ends_the_check() -> None:
    findings = check(expired=True)

    assert list(findings) == ["API key"]
    assert not findings["API key"].ok


def test_a_missing_role_is_named() -> None:
    findings = check(missing_roles={"satisfaction": 403})

    assert [finding.name for finding in findings.values() if not finding.ok] == ["role for satisfaction"]
    assert "org.permission.satisfaction.read" in findings["role for satisfaction"].detail


def test_a_limit_that_is_not_stated() -> None:
    detail = check(tables=(Table.SATISFACTION,))["rate limit"].detail

    assert detail == "not stated: 300 a minute are assumed; requests_per_minute in the document says more"


def test_a_limit_that_the_document_states() -> None:
    integration = build_integration(requests_per_minute=1000)

    silent = check(tables=(Table.SATISFACTION,), integration=integration)
    stated = check(tables=(Table.SATISFACTION,), integration=integration, limit=RateLimit(requests=500))

    assert silent["rate limit"].detail == "not stated by Kustomer: the document's 1000 a minute count"
    assert stated["rate limit"].detail == "500 requests a minute"


def test_an_unexpected_order() -> None:
    assert not check(paging=Paging(descending=True))["order of pages"].ok


@pytest.mark.parametrize(
    ("paging", "ok"),
    [
        (Paging(), True),
        (Paging(cap=100), False),
        (Paging(cap=100, promises_more=True), False),
        (Paging(cap=100, promises_more=True, beyond="repeated"), False),
        (Paging(cap=100, promises_more=True, beyond="refused"), False),
    ],
)
def test_a_cap_is_reported(paging: Paging, *, ok: bool) -> None:
    finding = check(conversations=10_050, paging=paging)["depth of pages"]

    assert finding.ok == ok
    assert bool(finding.remedy) != ok


def test_an_outage_is_reported() -> None:
    findings = check(faults=[Fault(table="conversations", status=503)])

    assert [name for name, finding in findings.items() if not finding.ok] == [
        "role for conversations",
        "order of pages",
        "depth of pages",
        "size of pages",
    ]


def test_no_time() -> None:
    assert check(seconds=0)["API key"].remedy == "try again later"
