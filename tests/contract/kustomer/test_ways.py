"""All conversations are read, by the list or, if the list is capped, by search. Over HTTP at the sandbox."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract.adapters.kustomer.source import ConnectKustomer
from kustomer_extract.errors import Truncated
from kustomer_extract.events import Scope, TimelessUnanswered
from kustomer_extract.models import ApiKey, Cursor, IntegrationName, Page, Proof, Table
from tests.configurations import build_integration
from tests.standins.clock import VirtualClock
from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import cap_list
from tests.standins.kustomer.search import Search
from tests.standins.kustomer.server import Sandbox
from tests.standins.log import RecordedLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.standins.kustomer.store import Organisation

WAYS = ["unlinked", "refused", "repeated", "empty"]
SEARCHES = {"search", "archive"}


class Reader:
    """A source with the clock of the sandbox."""

    def __init__(self, clock: VirtualClock, sandbox: Sandbox, **settings: object) -> None:
        self.clock = clock
        connect = ConnectKustomer(clock=clock, base_url=sandbox.url, seed=1)
        scope = Scope(integration=IntegrationName("acme"))
        self.log = RecordedLog()
        self.source = connect(build_integration(**settings), ApiKey(sandbox.key), self.log, scope)

    def read(self, start: Cursor | None = None, *, pages: int | None = None) -> list[Page]:
        """Read all pages, or this many."""
        read: list[Page] = []
        until = self.clock.now() + timedelta(hours=20)
        found = self.source.iter_pages(Table.CONVERSATIONS, start=start, until=until)
        for page in found:
            read.append(page)
            if len(read) == pages:
                break
        found.close()
        return read


def open_sandbox(clock: VirtualClock, **settings: Any) -> Sandbox:
    return Sandbox(clock=lambda: clock.now().timestamp(), surveys=3, sparse=True, **settings)


def take(pages: Sequence[Page]) -> list[str]:
    """List the ids of the records that count: those since the last restart."""
    begin = max((number for number, page in enumerate(pages) if page.restart), default=0)
    return [str(record.id) for page in pages[begin:] for record in page.records]


def asked(sandbox: Sandbox, *tables: str) -> int:
    return sum(request.table in tables for request in sandbox.requests)


@pytest.mark.parametrize("way", WAYS)
def test_behind_a_capped_list_every_row_is_read_by_search(way: Any) -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=10_600, paging=cap_list(way)) as sandbox:
        reader = Reader(clock, sandbox)

        pages = reader.read()
        reader.source.close()

    assert set(take(pages)) == set(sandbox.organisation.ids())
    assert (pages[-1].evidence.proven_by, pages[-1].evidence.expected_rows) == (Proof.TOTAL, 10_600)
    assert asked(sandbox, *SEARCHES) <= 3 * 10_600 / 500 + 12
    assert asked(sandbox, "conversations") <= 3


@pytest.mark.parametrize("way", WAYS)
def test_a_list_that_turns_out_to_be_capped_is_discarded_once(way: Any) -> None:
    """Below 10,000 the list is read. If it ends early nevertheless, the search starts the table over."""
    clock = VirtualClock()
    with open_sandbox(clock, conversations=900, paging=cap_list(way, pages=3)) as sandbox:
        reader = Reader(clock, sandbox)

        pages = reader.read()
        reader.source.close()

    assert [page.restart for page in pages].count(True) == 1
    assert sorted(set(take(pages))) == sorted(sandbox.organisation.ids())
    assert pages[-1].evidence.proven_by is Proof.TOTAL


@pytest.mark.parametrize("way", WAYS)
def test_without_the_role_a_capped_list_is_refused_with_a_remedy(way: Any) -> None:
    clock = VirtualClock()
    with open_sandbox(
        clock, conversations=900, paging=cap_list(way, pages=3), missing_roles={"search": 403}
    ) as sandbox:
        reader = Reader(clock, sandbox)

        with pytest.raises(Truncated, match=r"needs the role org\.permission\.search\.create.*add a new version"):
            reader.read()
        reader.source.close()


def test_below_the_cap_only_the_counts_are_added() -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=950) as sandbox:
        reader = Reader(clock, sandbox)

        pages = reader.read()
        reader.source.close()

    assert take(pages) == sandbox.organisation.ids()
    assert (pages[-1].evidence.proven_by, pages[-1].evidence.expected_rows) == (Proof.NEWEST, 950)
    assert asked(sandbox, *SEARCHES) == 2


def test_a_list_with_fewer_rows_than_the_search_counts_is_accepted() -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=950, hide_every=100) as sandbox:
        reader = Reader(clock, sandbox)

        pages = reader.read()
        reader.source.close()

    assert len(take(pages)) == 940
    assert (pages[-1].evidence.proven_by, pages[-1].evidence.expected_rows) == (Proof.NEWEST, 950)


@pytest.mark.parametrize("status", [401, 403])
def test_a_search_that_is_refused_after_good_ones_fails_at_once(status: int) -> None:
    clock = VirtualClock()
    with open_sandbox(
        clock, conversations=900, paging=cap_list("refused", pages=3), missing_roles={"search": status}
    ) as sandbox:
        reader = Reader(clock, sandbox)

        with pytest.raises(Truncated):
            reader.read()
        reader.source.close()

    last = [request.table for request in sandbox.requests][-4:]
    assert last[-2:] == ["search", "token"]  # once, and then the key check


def test_conversations_are_counted_at_once_and_then_searched_one_after_the_other() -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=900, paging=cap_list("refused", pages=3), latency_seconds=0.2) as sandbox:
        reader = Reader(clock, sandbox)

        reader.read()
        reader.source.close()

    searches = [request for request in sandbox.requests if request.table in SEARCHES]
    first, second, *others = searches
    assert second.at - first.at < 0.2
    assert len(others) > 3
    assert all((before.ended or 0) <= after.at for before, after in pairwise([second, *others]))


@pytest.mark.parametrize("fault", ["status-503", "reset-in-body"])
def test_a_search_continues_after_an_outage(fault: str) -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=900, paging=cap_list("refused", pages=3)) as sandbox:
        sandbox.add_fault(replace(CATALOGUE[fault], table="search", after=5, times=1))
        reader = Reader(clock, sandbox)

        pages = reader.read()
        reader.source.close()

    assert set(take(pages)) == set(sandbox.organisation.ids())


def test_an_imported_conversation_with_an_old_time_does_not_end_a_newest_first_list() -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=950) as sandbox:
        for _ in range(150):  # by id the newest page and a half, by time the oldest of all
            sandbox.organisation.import_old("2011-01-01T00:00:00.000Z")
        reader = Reader(clock, sandbox, history_start="2024-12-01")

        found = set(take(reader.read()))
        reader.source.close()

    wanted = [one["id"] for one in sandbox.organisation.conversations if one["attributes"]["createdAt"] >= "2024-12-01"]
    assert set(wanted) <= found


def test_a_list_that_goes_deeper_than_the_cap_is_read() -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=10_600) as sandbox:
        reader = Reader(clock, sandbox)

        pages = reader.read()
        reader.source.close()

    assert take(pages) == sandbox.organisation.ids()
    assert pages[-1].evidence.proven_by is Proof.NEWEST


def test_a_search_continues_at_any_cursor_after_a_kill() -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=900, paging=cap_list("unlinked", pages=3)) as sandbox:
        read: list[Page] = []
        cursor: Cursor | None = None
        while not read or cursor is not None:
            reader = Reader(clock, sandbox)
            some = reader.read(cursor, pages=None if not read else 1)
            if not read:  # the list, and the first page of the search
                first = next(number for number, page in enumerate(some) if page.restart)
                some = some[: first + 1]
            reader.source.close()
            read += some
            cursor = some[-1].next

    assert set(take(read)) == set(sandbox.organisation.ids())
    assert all(json.loads(page.next)["way"] == "search" for page in read[5:-1] if page.next and page.restart)


def test_searches_count_only_against_their_own_limit() -> None:
    clock = VirtualClock()
    limits = {"limit": RateLimit(requests=1000), "search_limit": RateLimit(requests=100)}
    with open_sandbox(clock, conversations=10_600, paging=cap_list("refused"), **limits) as sandbox:
        reader = Reader(clock, sandbox, rate_share=0.6)
        began = clock.monotonic()

        reader.read()
        reader.source.close()

    searches = [request for request in sandbox.requests if request.table in SEARCHES]
    assert all(request.status == 200 for request in searches)
    assert (clock.monotonic() - began) / len(searches) >= 60 / 100 / 0.6 * 0.9


def test_a_late_index_a_burst_and_old_conversations_lose_no_record() -> None:
    clock = VirtualClock()
    search = Search(late_seconds=20, standard_days=300)
    with open_sandbox(
        clock, conversations=3000, burst=1200, paging=cap_list("empty", pages=3), search=search
    ) as sandbox:
        reader = Reader(clock, sandbox)

        pages = reader.read()
        reader.source.close()

    assert set(take(pages)) == set(sandbox.organisation.ids())


@pytest.mark.parametrize("seed", range(4))
def test_imports_deletions_and_changes_during_a_search_lose_no_record(seed: int) -> None:
    clock, rng, gone = VirtualClock(), Random(seed), set[str]()

    def change_while_reading(organisation: Organisation) -> None:
        clock.sleep(rng.random() * 30)
        organisation.import_old(f"2026-0{rng.randrange(1, 10)}-01T00:00:00.000Z")
        away = rng.randrange(800)
        gone.add(organisation.conversations[away]["id"])
        organisation.delete(away)
        organisation.update(rng.randrange(800))

    with open_sandbox(clock, conversations=900, paging=cap_list("refused", pages=3)) as sandbox:
        before = set(sandbox.organisation.ids())
        for place in SEARCHES:  # after three counts of everything: from then on requests are sequential
            sandbox.add_fault(Fault(table=place, does=change_while_reading, after=3, times=12))
        reader = Reader(clock, sandbox)

        found = set(take(reader.read()))
        reader.source.close()

    assert before - gone <= found
    assert len(gone) > 6


@pytest.mark.parametrize(
    ("search", "lost", "warnings"),
    [(Search(), 0, 0), (Search(not_set_refused=True), 1, 0), (Search(not_set_failing=True), 1, 2)],
)
def test_a_conversation_without_a_time_of_creation_is_read_if_the_search_finds_it(
    search: Search, lost: int, warnings: int
) -> None:
    clock = VirtualClock()
    with open_sandbox(clock, conversations=900, paging=cap_list("refused", pages=3), search=search) as sandbox:
        del sandbox.organisation.conversations[100]["attributes"]["createdAt"]
        reader = Reader(clock, sandbox)

        pages = reader.read()
        reader.source.close()

    assert len(set(sandbox.organisation.ids()) - set(take(pages))) == lost
    assert pages[-1].evidence.expected_rows == 900 - lost
    assert sum(isinstance(event, TimelessUnanswered) for _, event in reader.log.entries) == warnings
