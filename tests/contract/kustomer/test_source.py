"""The source returns every record once and in order, across hops, or raises an error. It never returns only a part."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract.adapters.kustomer.source import ConnectKustomer, KustomerSource
from kustomer_extract.errors import BrokenPage, KeyRejected, RetryLater, RoleMissing, Truncated
from kustomer_extract.events import RateAssumed, RateLimited, Scope
from kustomer_extract.models import ApiKey, Cursor, IntegrationName, Page, RunId, Table
from tests.configurations import build_integration
from tests.standins.clock import HurriedClock, VirtualClock
from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import Paging
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.store import Organisation
from tests.standins.log import RecordedLog

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

ACME = build_integration()
SCOPE = Scope(integration=IntegrationName("acme"), run_id=RunId("20261123t030000z-1"))


@dataclass
class Reader:
    """A source that reads a sandbox, with a virtual clock."""

    sandbox: Sandbox
    clock: VirtualClock | HurriedClock
    log: RecordedLog
    source: KustomerSource

    def open_pages(
        self, table: Table = Table.CONVERSATIONS, start: Cursor | None = None, *, seconds: float = 86_400
    ) -> closing[Generator[Page]]:
        until = self.clock.now() + timedelta(seconds=seconds)
        return closing(self.source.iter_pages(table, start=start, until=until))

    def read(self, table: Table = Table.CONVERSATIONS, start: Cursor | None = None) -> list[Page]:
        with self.open_pages(table, start) as pages:
            return list(pages)

    @property
    def asked(self) -> list[int]:
        """List page numbers in order of arrival, without requests for the newest records."""
        lists = (request for request in self.sandbox.requests if request.table not in {"search", "archive"})
        return [request.page for request in lists if request.page and not request.descending]


def connect(sandbox: Sandbox, clock: HurriedClock | None = None) -> Reader:
    """Connect with a key that may not search, so that what a list does not show is an error."""
    sandbox.missing_roles = {"search": 403, **sandbox.missing_roles}
    own_clock, log = clock or VirtualClock(), RecordedLog()
    connect_kustomer = ConnectKustomer(clock=own_clock, base_url=sandbox.url, seed=1)
    return Reader(sandbox, own_clock, log, connect_kustomer(ACME, ApiKey("sandbox-key"), log, SCOPE))


@pytest.fixture
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    """Build a reader of the sandbox in the test's parameter. The default has 250 conversations."""
    with Sandbox(**{"conversations": 250, **getattr(request, "param", {})}) as sandbox:
        reader = connect(sandbox)
        yield reader
        reader.source.close()
    assert list_threads() == []


def list_threads() -> list[str]:
    """List the threads of sources that are still alive."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("page-", "ahead"))]


def ids(pages: list[Page]) -> list[Any]:
    return [record.id for page in pages for record in page.records]


def sandbox(**settings: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("reader", [settings], indirect=True, ids=[""])


class TestCompleteness:
    @pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 199, 200, 250, 1000])
    def test_every_conversation_is_read_once_and_in_order(self, count: int) -> None:
        with Sandbox(conversations=count) as sandbox:
            reader = connect(sandbox)

            pages = reader.read()
            reader.source.close()

        assert ids(pages) == sandbox.organisation.ids()
        assert len(pages) == max(1, -(-count // 100))
        assert [page.next is None for page in pages] == [False] * (len(pages) - 1) + [True]

    @pytest.mark.parametrize("count", [0, 1, 100, 101])
    def test_surveys_need_no_request_for_the_newest(self, count: int) -> None:
        with Sandbox(surveys=count) as sandbox:
            reader = connect(sandbox)

            pages = reader.read(Table.SATISFACTION)
            reader.source.close()

        assert ids(pages) == sandbox.organisation.ids("satisfaction")
        assert not any(request.descending for request in sandbox.requests)

    @pytest.mark.parametrize("start", [1, 2, 3])
    def test_reading_continues_at_any_cursor(self, reader: Reader, start: int) -> None:
        pages = reader.read()

        rest = reader.read(start=pages[start - 2].next if start > 1 else None)

        assert ids(rest) == reader.sandbox.organisation.ids()[100 * max(0, start - 2) :]

    @sandbox(conversations=1450)
    def test_there_is_no_gap_between_hops(self, reader: Reader) -> None:
        clock = reader.clock
        assert isinstance(clock, VirtualClock)
        for page in (1, 4, 5, 12):
            reader.sandbox.add_fault(Fault(page=page, times=1, does=lambda _: clock.advance(hours=2)))

        read, hops = list[Page](), 0
        while not read or read[-1].next:
            with reader.open_pages(start=read[-1].next if read else None, seconds=3600) as pages:
                read.extend(pages)
            hops += 1

        assert list(dict.fromkeys(ids(read))) == reader.sandbox.organisation.ids()
        assert hops >= 4

    def test_pages_count_their_bytes_and_failed_requests(self, reader: Reader) -> None:
        reader.sandbox.add_fault(Fault(page=2, descending=False, status=503, times=3))

        pages = reader.read()

        assert [page.retries for page in pages] == [0, 3, 0]
        assert all(page.size_bytes > 100_000 for page in pages[:2])

    def test_many_faults_lose_no_record(self, reader: Reader) -> None:
        for name in ("status-503", "reset-in-body", "half-json", "status-429"):
            reader.sandbox.add_fault(replace(CATALOGUE[name], probability=0.1))

        assert ids(reader.read()) == reader.sandbox.organisation.ids()

    @sandbox(conversations=250, paging=Paging(links="absolute"))
    def test_links_may_name_this_host(self, reader: Reader) -> None:
        assert ids(reader.read()) == reader.sandbox.organisation.ids()

    @sandbox(conversations=250, paging=Paging(descending=True))
    def test_the_order_may_be_another(self, reader: Reader) -> None:
        assert ids(reader.read()) == reader.sandbox.organisation.ids()[::-1]

    @sandbox(conversations=200, paging=Paging(beyond="refused"))
    def test_a_refusal_beyond_the_end_is_not_counted(self, reader: Reader) -> None:
        assert ids(reader.read()) == reader.sandbox.organisation.ids()

    @sandbox(conversations=300, faults=[Fault(page=2, keeps=0)])
    def test_an_empty_page_with_a_next_link_is_skipped(self, reader: Reader) -> None:
        pages = reader.read()

        assert [len(page.records) for page in pages] == [100, 0, 100]

    def test_conversations_may_be_added_and_deleted_while_reading(self, reader: Reader) -> None:
        reader.sandbox.add_fault(Fault(page=1, descending=False, does=Organisation.insert))
        reader.sandbox.add_fault(Fault(page=1, descending=False, does=lambda it: it.delete(230)))

        assert ids(reader.read()) == reader.sandbox.organisation.ids()

    @sandbox(conversations=10_001)
    def test_a_hundred_and_one_pages_are_accepted(self, reader: Reader) -> None:
        assert len(ids(reader.read())) == 10_001


class TestTruncation:
    @sandbox(conversations=10_000)
    def test_exactly_a_hundred_full_pages(self, reader: Reader) -> None:
        with pytest.raises(Truncated, match=r"exactly 10000 records.*the next new record cures it"):
            reader.read()

    @sandbox(conversations=250, paging=Paging(cap=2))
    def test_an_end_before_the_newest(self, reader: Reader) -> None:
        with pytest.raises(Truncated, match="end after 200 records, but of the newest ones 20 were not among them"):
            reader.read()

    @sandbox(conversations=250, paging=Paging(cap=2))
    def test_an_end_before_the_newest_in_a_later_hop(self, reader: Reader) -> None:
        with reader.open_pages() as pages:
            cursor = next(pages).next

        with pytest.raises(Truncated, match="of the newest ones 20 were not among them"):
            reader.read(start=cursor)

    @sandbox(conversations=250)
    def test_newest_records_read_in_an_earlier_hop_count(self, reader: Reader) -> None:
        reader.sandbox.paging = Paging(descending=True)
        with reader.open_pages() as pages:
            first = next(pages)
        assert first.next

        rest = reader.read(start=first.next)

        assert list(dict.fromkeys(ids([first, *rest]))) == reader.sandbox.organisation.ids()[::-1]
        assert json.loads(first.next)["expected"] == []

    @sandbox(conversations=250, paging=Paging(links="absent"))
    def test_no_links_at_all_are_the_end(self, reader: Reader) -> None:
        with pytest.raises(Truncated, match="end after 100 records"):
            reader.read()

    @pytest.mark.parametrize("status", [400, 404, 422])
    @sandbox(conversations=250, paging=Paging(cap=2, promises_more=True, beyond="refused"))
    def test_a_linked_page_is_refused(self, reader: Reader, status: int) -> None:
        reader.sandbox.paging = Paging(cap=2, promises_more=True, beyond="refused", refusal_status=status)

        with pytest.raises(Truncated, match=f"page 2 links to page 3, but that is refused .*status {status}"):
            reader.read()

    @sandbox(conversations=250, paging=Paging(cap=2, promises_more=True, beyond="repeated"))
    def test_an_endlessly_repeated_last_page(self, reader: Reader) -> None:
        with pytest.raises(Truncated, match="page 3 repeats an earlier page"):
            reader.read()

    @sandbox(conversations=250, paging=Paging(cap=2, promises_more=True, beyond="repeated"))
    def test_a_repeated_page_in_a_later_hop(self, reader: Reader) -> None:
        with reader.open_pages() as pages:
            cursor = [next(pages) for _ in range(2)][-1].next

        with pytest.raises(Truncated, match="page 3 repeats an earlier page"):
            reader.read(start=cursor)

    @sandbox(conversations=250, paging=Paging(cap=2, promises_more=True))
    def test_endless_empty_pages(self, reader: Reader) -> None:
        with pytest.raises(Truncated, match="pages 3 and 4 are empty but promise more"):
            reader.read()

    @sandbox(conversations=250, paging=Paging(sort_refused=True))
    def test_nothing_is_read_if_the_newest_records_cannot_be(self, reader: Reader) -> None:
        with pytest.raises(BrokenPage, match="page 1 sort desc: status 400"):
            reader.read()

        assert reader.asked == []


class TestBrokenPages:
    @sandbox(conversations=250, paging=Paging(links="other_host"))
    def test_a_link_to_another_host(self, reader: Reader) -> None:
        with pytest.raises(BrokenPage, match=r"page 1: .*leads to another host, localhost"):
            reader.read()

    @sandbox(conversations=250, paging=Paging(links="itself"))
    def test_a_link_to_the_page_itself(self, reader: Reader) -> None:
        with pytest.raises(BrokenPage, match="leads to page 1: it would never end"):
            reader.read()

    @pytest.mark.parametrize(
        ("link", "said"),
        [
            ("/v1/conversations?page=1&pageSize=100", "leads to page 1"),
            ("https://evil.example/v1/conversations?page=3", "another host, evil.example"),
            ("//evil.example/v1/conversations?page=3", "another host, evil.example"),
            ({"href": "/v1"}, "not text"),
            ("http://[", "not an address"),
        ],
    )
    def test_invalid_links(self, reader: Reader, link: object, said: str) -> None:
        body = json.dumps({"data": [{"id": "1"}], "links": {"next": link}}).encode()
        reader.sandbox.add_fault(Fault(page=2, descending=False, body=body))

        with pytest.raises(BrokenPage, match=f"page 2: .*{said}"):
            reader.read()

    @pytest.mark.parametrize("record", [{}, {"id": None}, {"id": ""}, {"id": True}, {"id": 1.5}, {"id": ["x"]}])
    def test_a_record_without_an_id(self, reader: Reader, record: dict[str, object]) -> None:
        reader.sandbox.organisation.conversations[102] = {"type": "conversation", **record}

        with pytest.raises(BrokenPage, match="page 2, record 3: it has no id"):
            reader.read()

    def test_an_id_may_be_a_number(self, reader: Reader) -> None:
        reader.sandbox.organisation.conversations[102] = {"id": 17}

        assert ids(reader.read())[102] == 17

    @pytest.mark.parametrize("body", [b"[]", b"{}", b'{"data":{}}', b'{"data":[1]}', b'{"data":null}', b"nonsense"])
    def test_an_invalid_page(self, reader: Reader, body: bytes) -> None:
        reader.sandbox.add_fault(Fault(page=2, descending=False, body=body))

        with pytest.raises(BrokenPage, match="page 2: the body is no"):
            reader.read()

        assert reader.asked.count(2) == 6

    def test_the_first_page_is_refused(self, reader: Reader) -> None:
        reader.sandbox.add_fault(CATALOGUE["status-404"])

        with pytest.raises(BrokenPage, match=r"status 404.*check `org`"):
            reader.read()

    def test_json_that_a_fast_parser_refuses_is_read(self, reader: Reader) -> None:
        reader.sandbox.organisation.conversations.set_raw(1, b'{"id":"\\ud800","attributes":{"n":1e999}}')

        assert ids(reader.read())[1] == "\ud800"


class TestKeysAndOutages:
    def test_a_rejected_key(self, reader: Reader) -> None:
        reader.sandbox.expired = True

        with pytest.raises(KeyRejected):
            reader.read()

    def test_a_missing_role(self, reader: Reader) -> None:
        reader.sandbox.missing_roles = {"satisfaction": 403, "search": 403}

        assert len(ids(reader.read())) == 250
        with pytest.raises(RoleMissing, match=r"org\.permission\.satisfaction\.read"):
            reader.read(Table.SATISFACTION)

    def test_a_key_that_expires_during_a_run_stops_it(self, reader: Reader) -> None:
        def expire(_: object) -> None:
            reader.sandbox.expired = True

        reader.sandbox.add_fault(Fault(page=2, descending=False, does=expire))
        with pytest.raises(KeyRejected):
            reader.read()
        asked = len(reader.sandbox.requests)

        time.sleep(0.02)

        assert len(reader.sandbox.requests) == asked

    def test_an_outage(self, reader: Reader) -> None:
        reader.sandbox.add_fault(Fault(page=3, status=502))

        with reader.open_pages() as pages:
            first, second = next(pages), next(pages)
            with pytest.raises(RetryLater):
                next(pages)

        reader.sandbox.clear_faults()
        read = ids([first, second, *reader.read(start=second.next)])
        assert list(dict.fromkeys(read)) == reader.sandbox.organisation.ids()

    def test_the_rate_limit_is_kept_and_logged_once_per_pause(self) -> None:
        clock = HurriedClock(30)  # faster, a thread that wakes late would meet a second refusal
        limit = RateLimit(requests=300, retry_after="seconds")
        with Sandbox(conversations=3000, limit=limit, clock=lambda: clock.now().timestamp()) as sandbox:
            assert sandbox.limits
            reader = connect(sandbox, clock)
            sandbox.limits.take(290)

            pages = reader.read()
            reader.source.close()

        assert len(ids(pages)) == 3000
        assert [(scope.table, event.name) for scope, event in reader.log.entries] == [
            (Table.CONVERSATIONS, RateLimited.name)
        ]
        assert clock.monotonic() >= 60

    @pytest.mark.parametrize(
        ("limit", "stated", "expected"),
        [(None, None, [300]), (None, 1000, []), (RateLimit(requests=500), None, [])],
    )
    def test_an_assumed_rate_is_logged_once(
        self, limit: RateLimit | None, stated: float | None, expected: list[int]
    ) -> None:
        with Sandbox(conversations=350, limit=limit) as sandbox:
            clock, log = VirtualClock(), RecordedLog()
            integration = build_integration(**({"requests_per_minute": stated} if stated else {}))
            connect_kustomer = ConnectKustomer(clock=clock, base_url=sandbox.url, seed=1)
            source = connect_kustomer(integration, ApiKey("sandbox-key"), log, SCOPE)
            for table in (Table.SATISFACTION, Table.CONVERSATIONS):
                list(source.iter_pages(table, start=None, until=clock.now() + timedelta(hours=1)))
            source.close()

        assert [event.limit for _, event in log.entries if isinstance(event, RateAssumed)] == expected


class TestTime:
    def test_no_time_at_all(self, reader: Reader) -> None:
        with reader.open_pages(seconds=0) as pages:
            read = list(pages)

        assert (read, reader.sandbox.requests) == ([], [])

    @sandbox(conversations=5000)
    def test_nothing_starts_when_time_is_up(self, reader: Reader) -> None:
        clock = reader.clock
        assert isinstance(clock, VirtualClock)
        reader.sandbox.add_fault(Fault(page=5, descending=False, does=lambda _: clock.advance(days=2)))

        pages = reader.read()

        assert len(pages) <= 5
        assert max(reader.asked) <= 5 + 3  # requests in progress

    @sandbox(conversations=250, faults=[Fault(page=2, descending=False, wait_seconds=5.0)])
    def test_closing_does_not_wait_for_a_slow_page(self, reader: Reader) -> None:
        with reader.open_pages() as pages:
            next(pages)
            while 2 not in reader.asked:
                time.sleep(0.001)
            begun = time.monotonic()

        assert time.monotonic() - begun < 1

    def test_the_request_for_the_newest_is_stopped_when_time_is_up(self, reader: Reader) -> None:
        clock = reader.clock
        assert isinstance(clock, VirtualClock)
        reader.sandbox.add_fault(Fault(descending=True, does=lambda _: clock.advance(days=2), wait_seconds=5.0))
        begun = time.monotonic()

        assert reader.read() == []
        assert time.monotonic() - begun < 1

    @sandbox(conversations=2000, latency_seconds=0.02)
    def test_a_dead_page_leaves_no_request_behind(self, reader: Reader) -> None:
        reader.sandbox.add_fault(Fault(page=5, descending=False, status=400))
        with pytest.raises(Truncated):
            reader.read()
        asked = len(reader.sandbox.requests)

        time.sleep(0.03)

        assert len(reader.sandbox.requests) == asked

    def test_after_closing_it_can_be_read_again(self, reader: Reader) -> None:
        with reader.open_pages() as pages:
            next(pages)

        assert ids(reader.read()) == reader.sandbox.organisation.ids()


def test_the_default_address_is_that_of_the_organisation() -> None:
    source = ConnectKustomer(clock=VirtualClock())(ACME, ApiKey("x"), RecordedLog(), SCOPE)

    assert source.base_url == "https://acme.api.kustomerapp.com"
    source.close()


class TestReadingAhead:
    """A table that was begun while another one was read is read like any other, with the same requests."""

    def read_ahead(self, reader: Reader, *, seconds: float = 86_400) -> None:
        """Begin with the conversations after a first request."""
        until = reader.clock.now() + timedelta(seconds=seconds)
        reader.source.check_key(until)
        reader.source.read_ahead(Table.CONVERSATIONS, until=until)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.005)

    @pytest.mark.parametrize("table", [Table.CONVERSATIONS, Table.SATISFACTION])
    @pytest.mark.parametrize("count", [0, 1, 250, 1500])
    def test_the_same_pages_are_read_with_the_same_requests(self, table: Table, count: int) -> None:
        def read(*, is_ahead: bool) -> tuple[list[Any], list[str]]:
            with Sandbox(conversations=count, surveys=count) as sandbox:
                reader = connect(sandbox)
                if is_ahead:
                    reader.source.read_ahead(table, until=reader.clock.now() + timedelta(hours=1))
                pages = reader.read(table)
                reader.source.close()
            return ids(pages), sorted(request.path for request in sandbox.requests)

        assert read(is_ahead=True) == read(is_ahead=False)

    def test_it_waits_until_the_table_before_it_asks(self, reader: Reader) -> None:
        """Until its first answer the smallest plan is assumed, and each request waits for the one before."""
        reader.source.read_ahead(Table.CONVERSATIONS, until=reader.clock.now() + timedelta(hours=1))
        time.sleep(0.1)
        assert reader.sandbox.requests == []

        reader.read(Table.SATISFACTION)

        self.wait_for(lambda: 1 in reader.asked)

    def test_requests_start_before_a_page_is_taken(self, reader: Reader) -> None:
        self.read_ahead(reader)

        self.wait_for(lambda: 1 in reader.asked)

        assert ids(reader.read()) == reader.sandbox.organisation.ids()

    @sandbox(conversations=3000)
    def test_few_pages_wait(self, reader: Reader) -> None:
        reader.read(Table.SATISFACTION)  # says how long an answer takes
        self.read_ahead(reader)

        self.wait_for(lambda: len(reader.asked) > 2)
        time.sleep(0.5)

        assert len(reader.asked) < 20
        assert ids(reader.read()) == reader.sandbox.organisation.ids()

    @sandbox(conversations=600, surveys=150, latency_seconds=0.02)
    def test_the_end_of_another_table_breaks_no_request(self, reader: Reader) -> None:
        for _ in range(5):
            self.read_ahead(reader)
            surveys, pages = reader.read(Table.SATISFACTION), reader.read()

            assert ids(surveys) == reader.sandbox.organisation.ids("satisfaction")
            assert ids(pages) == reader.sandbox.organisation.ids()
            assert sum(page.retries for page in [*surveys, *pages]) == 0

    @sandbox(missing_roles={"conversations": 403})
    def test_what_goes_wrong_is_raised_when_the_table_is_read(self, reader: Reader) -> None:
        self.read_ahead(reader)
        self.wait_for(lambda: any(request.table == "conversations" for request in reader.sandbox.requests))

        assert ids(reader.read(Table.SATISFACTION)) == reader.sandbox.organisation.ids("satisfaction")
        with pytest.raises(RoleMissing, match=r"org\.permission\.conversation\.read"):
            reader.read()

    @sandbox(conversations=3000, latency_seconds=0.05)
    def test_closing_ends_what_nobody_has_taken(self, reader: Reader) -> None:
        self.read_ahead(reader)
        self.wait_for(lambda: 1 in reader.asked)

        reader.source.close()

        assert list_threads() == []

    @sandbox(conversations=3000, latency_seconds=0.05)
    def test_closing_ends_what_was_taken_in_part(self, reader: Reader) -> None:
        self.read_ahead(reader)
        with reader.open_pages() as pages:
            assert ids([next(pages), next(pages)]) == reader.sandbox.organisation.ids()[:200]

        assert list_threads() == []

    def test_no_page_is_returned_after_the_deadline(self, reader: Reader) -> None:
        self.read_ahead(reader, seconds=60)
        self.wait_for(lambda: 1 in reader.asked)
        reader.clock.sleep(120)

        with reader.open_pages(seconds=-60) as pages:
            assert list(pages) == []

    def test_a_table_that_goes_on_from_a_cursor_is_not_taken_from_its_beginning(self, reader: Reader) -> None:
        first, *rest = reader.read()
        self.read_ahead(reader)

        again = reader.read(start=first.next)

        assert ids([first, *again])[-150:] == ids(rest)

    def test_what_waited_for_seconds_is_read_anew(self, reader: Reader) -> None:
        """A conversation that is deleted meanwhile would hide another one."""
        self.read_ahead(reader)
        self.wait_for(lambda: 2 in reader.asked)
        time.sleep(2.2)
        reader.sandbox.organisation.delete(5)

        assert ids(reader.read()) == reader.sandbox.organisation.ids()
        assert reader.asked.count(1) >= 2

    def test_what_failed_is_read_anew(self, reader: Reader) -> None:
        reader.sandbox.add_fault(Fault(table="conversations", page=1, status=501, times=1))
        self.read_ahead(reader)
        self.wait_for(lambda: any(request.status == 501 for request in reader.sandbox.requests))
        time.sleep(0.1)

        assert ids(reader.read()) == reader.sandbox.organisation.ids()

    def test_a_second_call_changes_nothing(self, reader: Reader) -> None:
        self.read_ahead(reader)
        self.read_ahead(reader)

        assert ids(reader.read()) == reader.sandbox.organisation.ids()
        assert ids(reader.read()) == reader.sandbox.organisation.ids()

    def test_nothing_is_asked_for_after_the_source_is_closed(self, reader: Reader) -> None:
        self.read_ahead(reader)
        with reader.open_pages() as pages:
            next(pages)
            reader.source.close()
            asked = len(reader.sandbox.requests)
            time.sleep(0.1)

            assert len(reader.sandbox.requests) == asked
