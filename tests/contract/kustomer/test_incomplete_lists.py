"""Lists, proxies and load balancers that misbehave: the source reads all records, or raises an error.

tests/pipeline/test_misbehaviour.py tests every misbehaviour on every page by the published table.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from kustomer_extract.adapters.clock import SystemClock
from kustomer_extract.adapters.kustomer.source import ConnectKustomer, KustomerSource
from kustomer_extract.errors import (
    BrokenPage,
    ConfigInvalid,
    KeyRejected,
    NeedsPerson,
    RoleMissing,
    Truncated,
)
from kustomer_extract.events import Scope, Waiting
from kustomer_extract.models import ApiKey, IntegrationName, Page, Proof, Table
from tests.configurations import build_integration
from tests.standins.clock import VirtualClock
from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import Paging
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.store import Organisation
from tests.standins.log import RecordedLog

if TYPE_CHECKING:
    from collections.abc import Iterator

ACME = IntegrationName("acme")


class Reader:
    """A source that reads the sandbox, and whose waits take no time."""

    def __init__(self, sandbox: Sandbox, *, history_start: datetime | None = None, clock: Any = None) -> None:
        self.sandbox = sandbox
        sandbox.missing_roles = {
            "search": 403,
            **sandbox.missing_roles,
        }  # without search, what a list does not show is an error
        self.clock = clock or VirtualClock()
        self.log = RecordedLog()
        integration = replace(build_integration(), history_start=history_start)
        connect = ConnectKustomer(clock=self.clock, base_url=sandbox.url, seed=1)
        self.source: KustomerSource = connect(integration, ApiKey(sandbox.key), self.log, Scope(integration=ACME))

    def read(self, table: Table = Table.CONVERSATIONS, *, start: Any = None) -> list[Page]:
        until = self.clock.now() + timedelta(hours=20)
        return list(self.source.iter_pages(table, start=start, until=until))

    def read_ids(self, table: Table = Table.CONVERSATIONS) -> list[str]:
        return to_ids(self.read(table))


def to_ids(pages: list[Page]) -> list[str]:
    return [str(record.id) for page in pages for record in page.records]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(sparse=True, conversations=950, surveys=250) as sandbox:
        yield sandbox


@pytest.fixture
def small() -> Iterator[Reader]:
    """Build a sandbox with three pages of each table."""
    with Sandbox(sparse=True, conversations=250, surveys=250) as sandbox:
        reader = Reader(sandbox)
        yield reader
        reader.source.close()


@pytest.fixture
def reader(sandbox: Sandbox) -> Iterator[Reader]:
    reader = Reader(sandbox)
    yield reader
    reader.source.close()


# --- short pages


@pytest.mark.parametrize("keeps", [0, 40])
def test_a_page_that_is_short_once_is_read_again(reader: Reader, sandbox: Sandbox, keeps: int) -> None:
    """A page in the middle that is short only once is read again."""
    sandbox.add_fault(Fault(table="conversations", page=5, descending=False, keeps=keeps, times=1))

    pages = reader.read()

    assert to_ids(pages) == sandbox.organisation.ids()
    assert (pages[-1].evidence.short_pages, pages[4].retries) == (0, 1)


@pytest.mark.parametrize("keeps", [0, 40])
def test_a_page_that_stays_short_is_accepted_and_counted(reader: Reader, sandbox: Sandbox, keeps: int) -> None:
    sandbox.add_fault(Fault(table="conversations", page=5, descending=False, keeps=keeps))

    pages = reader.read()

    assert len(to_ids(pages)) == 850 + keeps
    assert pages[-1].evidence.short_pages == 1


def test_two_empty_pages_in_a_row_are_refused(reader: Reader, sandbox: Sandbox) -> None:
    for page in (5, 6):
        sandbox.add_fault(Fault(table="conversations", page=page, descending=False, keeps=0))

    with pytest.raises(Truncated, match="pages 5 and 6 are empty but promise more"):
        reader.read()


def test_a_server_with_smaller_pages_is_accepted(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.paging = Paging(largest_page=50)

    pages = reader.read()

    assert to_ids(pages) == sandbox.organisation.ids()
    assert pages[-1].evidence.short_pages == 0
    assert len(sandbox.requests) <= 20 + 5


def test_an_empty_last_page_after_a_full_one_is_the_end() -> None:
    with Sandbox(sparse=True, conversations=300, paging=Paging(promises_more=False)) as sandbox:
        sandbox.add_fault(Fault(page=3, descending=False, next_link="/v1/conversations?page=4&pageSize=100"))
        reader = Reader(sandbox)

        pages = reader.read()
        reader.source.close()

    assert [len(page.records) for page in pages] == [100, 100, 100, 0]
    assert pages[-1].evidence.proven_by is Proof.NEWEST


def test_hidden_records_cost_at_most_a_tenth_more_requests() -> None:
    with Sandbox(sparse=True, conversations=10_350) as sandbox:
        for page in range(2, 103):
            sandbox.add_fault(Fault(table="conversations", page=page, descending=False, keeps=99))
        reader = Reader(sandbox)

        pages = reader.read()
        reader.source.close()

    pages_asked = [request for request in sandbox.requests if request.table == "conversations"]
    assert len(pages_asked) <= 105 + 3 + 11
    assert pages[-1].evidence.short_pages >= 90


# --- the wrong page


def serve_page_5_as(sandbox: Sandbox, served: str, *, times: int | None) -> None:
    answer = requests.get(
        f"{sandbox.url}/v1/conversations?{served}", headers={"Authorization": f"Bearer {sandbox.key}"}
    )
    body = json.dumps({**answer.json(), "links": {"next": "/v1/conversations?page=6"}}).encode()
    sandbox.add_fault(Fault(table="conversations", page=5, descending=False, body=body, times=times))


@pytest.mark.parametrize("served", ["page=5&pageSize=100&sort=desc", "page=4&pageSize=100", "page=2&pageSize=100"])
def test_a_page_that_is_the_wrong_one_once_is_read_again(reader: Reader, sandbox: Sandbox, served: str) -> None:
    serve_page_5_as(sandbox, served, times=1)

    assert reader.read_ids() == sandbox.organisation.ids()


def test_a_list_in_an_unknown_order_costs_one_more_request(reader: Reader, sandbox: Sandbox) -> None:
    serve_page_5_as(sandbox, "page=5&pageSize=100&sort=desc", times=None)

    reader.read()

    asked = [request for request in sandbox.requests if request.table == "conversations" and not request.descending]
    assert sum(request.page == 5 for request in asked) == 2


# --- the end of a list


def test_the_newest_records_prove_the_end(reader: Reader) -> None:
    assert reader.read()[-1].evidence.proven_by is Proof.NEWEST


@pytest.mark.parametrize("count", [99, 101, 119, 121])
def test_the_newest_records_prove_the_end_of_a_list_of_little_more_than_a_page(count: int) -> None:
    """Some of the newest records are on page 1 of two. That does not mean that the order was ignored."""
    with Sandbox(sparse=True, conversations=count) as sandbox:
        reader = Reader(sandbox)

        pages = reader.read()
        reader.source.close()

    assert to_ids(pages) == sandbox.organisation.ids()
    assert pages[-1].evidence.proven_by is Proof.NEWEST


def test_missing_newest_records_are_read_again(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(table="conversations", descending=True, keeps=0, times=1))
    sandbox.add_fault(Fault(table="conversations", page=4, descending=False, keeps=10, ends=True))

    with pytest.raises(Truncated, match="of the newest ones 20 were not among them"):
        reader.read()


def test_without_the_newest_records_the_end_is_not_proven(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(table="conversations", descending=True, keeps=0))

    assert reader.read()[-1].evidence.proven_by is Proof.NONE


def test_an_organisation_without_conversations_is_proven_to_have_none() -> None:
    with Sandbox(sparse=True, conversations=0) as sandbox:
        reader = Reader(sandbox)

        pages = reader.read()
        reader.source.close()

    assert [(len(page.records), page.evidence.proven_by) for page in pages] == [(0, Proof.NEWEST)]


def test_if_the_order_is_ignored_the_end_is_not_proven(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.paging = Paging(sort_ignored=True)

    pages = reader.read()

    assert to_ids(pages) == sandbox.organisation.ids()
    assert pages[-1].evidence.proven_by is Proof.NONE


def test_the_end_of_a_list_that_is_always_newest_first_is_not_proven(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.paging = Paging(descending=True)

    assert reader.read()[-1].evidence.proven_by is Proof.NONE


def test_an_unexpected_end_is_read_again(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(table="conversations", page=4, descending=False, keeps=10, ends=True, times=1))

    assert reader.read_ids() == sandbox.organisation.ids()


def test_a_list_without_order_is_read_until_two_readings_are_the_same(reader: Reader, sandbox: Sandbox) -> None:
    """The second page of the satisfaction list ends early once. All 250 surveys are read, not 110."""
    sandbox.add_fault(Fault(table="satisfaction", page=2, keeps=10, ends=True, times=1))

    pages = reader.read(Table.SATISFACTION)

    assert sorted(to_ids(pages)) == sorted(sandbox.organisation.ids("satisfaction"))
    assert pages[-1].evidence.proven_by is Proof.REPEATED_READING


def test_two_readings_of_one_page_cost_no_request_beyond_the_next_page() -> None:
    """Pages are fetched ahead only once the list is known to have a second one."""
    limit = RateLimit(requests=2000)  # allows many requests at a time
    with Sandbox(conversations=0, surveys=12, limit=limit, latency_seconds=0.3) as sandbox:
        reader = Reader(sandbox, clock=SystemClock())
        reader.read(Table.SATISFACTION)
        reader.read(Table.SATISFACTION)  # now the limit is known
        reader.source.close()

        pages = [request.page or 0 for request in sandbox.requests]
        assert [pages[0], sorted(pages[1:3]), pages[3], sorted(pages[4:])] == [1, [1, 2]] * 2
        again, beyond = sandbox.requests[4:]
        assert abs(beyond.at - again.at) < 0.3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=403, times=1),
        Fault(status=404, times=1),
        Fault(status=503, times=3),
        Fault(cut="reset", times=2),
    ],
    ids=["403", "404", "503", "reset"],
)
def test_a_page_that_is_linked_only_in_the_second_reading_is_read_like_any_other(
    reader: Reader, sandbox: Sandbox, fault: Fault
) -> None:
    """The page that came beside the others is not it."""
    sandbox.add_fault(Fault(table="satisfaction", page=2, keeps=100, ends=True, times=1))
    sandbox.add_fault(replace(fault, table="satisfaction", page=3))

    assert sorted(reader.read_ids(Table.SATISFACTION)) == sorted(sandbox.organisation.ids("satisfaction"))
    assert sum(request.page == 4 for request in sandbox.requests) == 1  # the third reading agreed with the second


def test_a_linked_page_is_not_taken_from_before_the_link() -> None:
    """A survey is made in the second reading, after the page beyond the end has come and before the last page has."""
    with Sandbox(conversations=0, surveys=200, limit=RateLimit(requests=2000), latency_seconds=0.03) as sandbox:
        reader = Reader(sandbox, clock=SystemClock())
        reader.read(Table.SATISFACTION)  # now the limit is known, and pages are read beside each other

        def grow(organisation: Organisation) -> None:
            time.sleep(0.2)
            organisation.surveys.append({**organisation.surveys[0], "id": "f" * 24})

        sandbox.add_fault(Fault(table="satisfaction", page=2, attempt=4, does=grow))
        ids = reader.read_ids(Table.SATISFACTION)
        reader.source.close()

    assert len(ids) == 201


@pytest.mark.parametrize("keeps", [10, 100])
def test_a_list_without_order_that_ends_early_in_every_reading_is_refused(
    reader: Reader, sandbox: Sandbox, keeps: int
) -> None:
    """Both readings are the same, but the page after the end has more surveys."""
    sandbox.add_fault(Fault(table="satisfaction", page=2, keeps=keeps, ends=True))

    with pytest.raises(Truncated, match="page 2 says that it is the last one, but page 3 has other records"):
        reader.read(Table.SATISFACTION)


def test_after_an_end_without_proof_the_next_page_is_read(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.paging = Paging(sort_ignored=True)
    sandbox.add_fault(Fault(table="conversations", page=4, keeps=10, ends=True))

    with pytest.raises(Truncated, match="page 4 says that it is the last one, but page 5 has other records"):
        reader.read()


def test_after_an_empty_list_the_next_page_is_read(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(table="conversations", page=1, keeps=0, ends=True))

    with pytest.raises(Truncated, match="page 1 says that it is the last one, but page 2 has other records"):
        reader.read()


@pytest.mark.parametrize("beyond", ["empty", "repeated", "refused", "failing"])
@pytest.mark.parametrize("table", [Table.CONVERSATIONS, Table.SATISFACTION])
def test_pages_after_the_true_end_do_no_harm(reader: Reader, sandbox: Sandbox, table: Table, beyond: Any) -> None:
    sandbox.paging = Paging(sort_ignored=True, beyond="empty" if beyond == "failing" else beyond)
    if beyond == "failing":
        sandbox.add_fault(
            Fault(table=str(table), page=len(sandbox.organisation.ids(str(table))) // 100 + 2, status=500)
        )

    assert sorted(reader.read_ids(table)) == sorted(sandbox.organisation.ids(str(table)))


def test_a_list_that_changes_with_every_reading_is_refused(reader: Reader, sandbox: Sandbox) -> None:
    for attempt in range(1, 9):
        sandbox.add_fault(Fault(table="satisfaction", page=2, attempt=attempt, keeps=90 - attempt, ends=True))

    with pytest.raises(Truncated, match="4 readings"):
        reader.read(Table.SATISFACTION)


# --- between hops


def delete_first(count: int) -> Any:
    def delete(organisation: Organisation) -> None:
        for _ in range(count):
            organisation.delete(0)

    return delete


@pytest.mark.parametrize("deleted", [1, 2, 99, 100, 150, 301])
def test_a_deletion_between_two_hops_hides_no_record(reader: Reader, sandbox: Sandbox, deleted: int) -> None:
    until = reader.clock.now() + timedelta(hours=1)
    pages = reader.source.iter_pages(Table.CONVERSATIONS, start=None, until=until)
    read = [next(pages) for _ in range(4)]
    pages.close()
    delete_first(deleted)(sandbox.organisation)

    rest = reader.read(start=read[-1].next)

    assert set(sandbox.organisation.ids()) <= set(to_ids(read) + to_ids(rest))


@pytest.mark.parametrize(("deleted", "inserted"), [(50, 0), (101, 0), (301, 0), (0, 1), (0, 150), (150, 20)])
def test_a_newest_first_list_that_shifts_between_two_hops_has_no_gap(deleted: int, inserted: int) -> None:
    with Sandbox(sparse=True, conversations=1000, surveys=3) as sandbox:
        reader = Reader(sandbox, history_start=_to_moment(sandbox.organisation.conversations[100]["id"]))
        until = reader.clock.now() + timedelta(hours=1)
        pages = reader.source.iter_pages(Table.CONVERSATIONS, start=None, until=until)
        read = [next(pages) for _ in range(4)]
        pages.close()
        wanted = set(sandbox.organisation.ids()[100:])
        for _ in range(deleted):
            sandbox.organisation.delete(len(sandbox.organisation.conversations) - 1)
        for _ in range(inserted):
            sandbox.organisation.insert()

        rest = reader.read(start=read[-1].next)
        reader.source.close()

    assert wanted & set(sandbox.organisation.ids()) <= set(to_ids(read) + to_ids(rest))
    assert not any(page.restart for page in rest)


def test_reading_only_the_latest_page_again_does_not_change_the_cursor(reader: Reader, sandbox: Sandbox) -> None:
    """A run that only reads its latest page again has made no progress."""
    sandbox.add_fault(Fault(table="conversations", page=4, descending=False, keeps=60))
    until = reader.clock.now() + timedelta(hours=1)
    pages = reader.source.iter_pages(Table.CONVERSATIONS, start=None, until=until)
    cursors = [next(pages).next for _ in range(4)]
    pages.close()

    for cursor in cursors:
        again = reader.source.iter_pages(Table.CONVERSATIONS, start=cursor, until=until)
        assert next(again).next == cursor
        again.close()


# --- refusals


@pytest.mark.parametrize("status", [204, 302, 400, 401, 403, 404, 407, 409, 410, 422, 501])
def test_one_refusal_after_good_pages_is_retried(reader: Reader, sandbox: Sandbox, status: int) -> None:
    sandbox.add_fault(Fault(table="conversations", page=6, status=status, times=3))

    assert reader.read_ids() == sandbox.organisation.ids()
    assert reader.clock.monotonic() < 60


@pytest.mark.parametrize("status", [401, 403])
def test_one_refusal_of_the_second_table_is_retried(reader: Reader, sandbox: Sandbox, status: int) -> None:
    reader.read(Table.SATISFACTION)
    sandbox.add_fault(Fault(table="conversations", status=status, times=2))

    assert reader.read_ids() == sandbox.organisation.ids()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_one_refusal_of_the_first_request_of_a_later_hop_is_retried(
    reader: Reader, sandbox: Sandbox, status: int
) -> None:
    """The process is new, but the key has been accepted before."""
    until = reader.clock.now() + timedelta(hours=1)
    pages = reader.source.iter_pages(Table.CONVERSATIONS, start=None, until=until)
    read = [next(pages) for _ in range(4)]
    pages.close()
    sandbox.add_fault(Fault(table="conversations", status=status, times=1))
    later = Reader(sandbox)

    rest = later.read(start=read[-1].next)
    later.source.close()

    assert set(to_ids(read) + to_ids(rest)) == set(sandbox.organisation.ids())


def test_a_role_that_stays_missing_is_reported_within_about_a_minute(reader: Reader, sandbox: Sandbox) -> None:
    reader.read(Table.SATISFACTION)
    sandbox.missing_roles = {"conversations": 403, "search": 403}

    with pytest.raises(RoleMissing, match=r"org\.permission\.conversation\.read"):
        reader.read()
    assert 50 < reader.clock.monotonic() < 90


def test_an_error_about_a_key_of_another_region_names_org_and_both_regions(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(CATALOGUE["other-pod"])

    with pytest.raises(KeyRejected, match=r"prod1 and prod2.*correct `org`"):
        reader.read()


def test_an_error_about_an_unknown_host_names_org() -> None:
    with Sandbox() as sandbox:
        reader = Reader(sandbox)
    clock, log = VirtualClock(), RecordedLog()
    connect = ConnectKustomer(clock=clock, base_url="https://no-such-organisation.invalid", seed=1)
    source = connect(build_integration(), ApiKey("k"), log, Scope(integration=ACME))

    for table in (Table.SATISFACTION, Table.CONVERSATIONS):  # the second one does not wait as long
        with pytest.raises(ConfigInvalid, match=r"org: found no host no-such-organisation\.invalid"):
            list(source.iter_pages(table, start=None, until=clock.now() + timedelta(hours=1)))
    assert 30 < clock.monotonic() < 55
    source.close()
    reader.source.close()


# --- outages


def test_an_outage_of_minutes_is_waited_for_and_logged(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(table="conversations", page=5, status=503, times=12))

    assert reader.read_ids() == sandbox.organisation.ids()
    said = [event for _, event in reader.log.entries if isinstance(event, Waiting)]
    assert [event.reason for event in said] == ["connection lost, trying again for 3 minutes"]


# --- Retry-After


@pytest.mark.parametrize("name", sorted(name for name in CATALOGUE if name.startswith("retry-after")))
def test_retry_after_on_a_successful_response_causes_no_wait(reader: Reader, sandbox: Sandbox, name: str) -> None:
    sandbox.add_fault(CATALOGUE[name])

    assert reader.read_ids() == sandbox.organisation.ids()
    assert reader.clock.monotonic() < 10


def test_retry_after_of_a_503_is_obeyed(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(table="conversations", page=2, status=503, headers={"Retry-After": "40"}, times=1))

    reader.read()

    assert 40 <= reader.clock.monotonic() < 60


# --- bodies and links


def test_a_page_with_an_integer_of_thousands_of_digits_is_read(reader: Reader, sandbox: Sandbox) -> None:
    body = b'{"id":"x","type":"conversation","attributes":{"rev":' + b"9" * 5000 + b"}}"
    sandbox.organisation.conversations.set_raw(450, body)

    assert len(reader.read_ids()) == 950


def test_a_link_to_a_foreign_host_ends_the_run(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(replace(CATALOGUE["link-foreign"], page=3))

    with pytest.raises(BrokenPage, match=r"another host, evil\.example"):
        reader.read()


# --- only the wanted history


def test_with_a_start_of_history_older_pages_are_not_read() -> None:
    with Sandbox(sparse=True, conversations=2000, surveys=3) as sandbox:
        records = sandbox.organisation.conversations
        start = _to_moment(records[1500]["id"])
        reader = Reader(sandbox, history_start=start)

        pages = reader.read()
        reader.source.close()

    wanted = sandbox.organisation.ids()[1500:]
    assert set(wanted) <= set(to_ids(pages))
    assert len(pages) <= 7
    assert pages[-1].next is None


def test_a_list_whose_ids_are_not_in_order_is_read_completely() -> None:
    with Sandbox(sparse=True, conversations=500, surveys=3, paging=Paging(sort_ignored=True)) as sandbox:
        reader = Reader(sandbox, history_start=_to_moment(sandbox.organisation.conversations[400]["id"]))

        pages = reader.read()
        reader.source.close()

    restarted = [number for number, page in enumerate(pages) if page.restart]
    assert to_ids(pages[restarted[-1] if restarted else 0 :]) == sandbox.organisation.ids()


def test_a_newest_first_list_that_ends_early_is_refused() -> None:
    with Sandbox(sparse=True, conversations=500, surveys=3) as sandbox:
        sandbox.add_fault(Fault(table="conversations", page=2, descending=True, keeps=10, ends=True))
        start = _to_moment(sandbox.organisation.conversations[0]["id"])
        reader = Reader(sandbox, history_start=start)

        with pytest.raises(NeedsPerson, match="of the oldest ones 20 were not among them"):
            reader.read()
        reader.source.close()


@pytest.mark.parametrize("late", [1, 4, 6])
def test_a_new_record_hides_no_other_when_a_page_arrives_after_the_next_one(late: int) -> None:
    """A record moves from the late page to the next one, which was read before that."""
    with Sandbox(
        sparse=True, conversations=1200, surveys=3, limit=RateLimit(requests=2000), latency_seconds=0.02
    ) as sandbox:
        wanted = sandbox.organisation.ids()[100:]
        sandbox.add_fault(Fault(table="conversations", page=late, descending=True, status=500, attempt=1))
        insert = Organisation.insert
        sandbox.add_fault(Fault(table="conversations", page=late, descending=True, attempt=2, does=insert))
        reader = Reader(sandbox, history_start=_to_moment(wanted[0]), clock=SystemClock())

        pages = reader.read()
        reader.source.close()

    assert set(wanted) <= set(to_ids(pages))
    assert not any(page.restart for page in pages)


def _to_moment(identifier: str) -> datetime:
    return datetime.fromtimestamp(int(identifier[:8], 16), UTC)


# --- vanished records


def test_records_are_looked_up_one_by_one(reader: Reader, sandbox: Sandbox) -> None:
    ids = sandbox.organisation.ids()[:3]
    sandbox.organisation.delete(1)

    found = reader.source.find_existing(Table.CONVERSATIONS, ids, until=reader.clock.now() + timedelta(hours=1))

    assert found == {ids[0], ids[2]}


@pytest.mark.parametrize("status", [400, 401, 403, 409])
def test_one_refusal_of_a_record_is_retried(reader: Reader, sandbox: Sandbox, status: int) -> None:
    ids = sandbox.organisation.ids()[:2]
    sandbox.organisation.delete(0)
    sandbox.add_fault(Fault(table="conversation", status=status, times=1))

    found = reader.source.find_existing(Table.CONVERSATIONS, ids, until=reader.clock.now() + timedelta(hours=1))

    assert found == {ids[1]}


def test_if_no_record_is_found_none_counts_as_deleted(reader: Reader, sandbox: Sandbox) -> None:
    """A record that the list shows is looked up, too. If it gets a 404, a proxy answers 404 to everything."""
    ids = sandbox.organisation.ids()[:2]
    sandbox.add_fault(Fault(table="conversation", status=404))

    with pytest.raises(Truncated, match="whether they were deleted cannot be told"):
        reader.source.find_existing(Table.CONVERSATIONS, ids, until=reader.clock.now() + timedelta(hours=1))


def test_a_list_that_ends_early_is_refused_if_no_record_is_found(reader: Reader, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault(table="conversations", page=4, descending=False, keeps=10, ends=True))
    sandbox.add_fault(Fault(table="conversation", status=404))

    with pytest.raises(Truncated, match="whether they were deleted cannot be told"):
        reader.read()
