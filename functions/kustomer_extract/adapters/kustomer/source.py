"""Implements the `Source` port on Kustomer: the pages of a table in order, either all of them or an error.

A little over 200 lines, because most of it gives one client to the list, the search and `check`.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.ahead import Ahead
from kustomer_extract.adapters.kustomer.asker import Asker
from kustomer_extract.adapters.kustomer.gate import Gate
from kustomer_extract.adapters.kustomer.http import CHECK_KEY, MAX_OUTAGE_SECONDS, Attempt, Http
from kustomer_extract.adapters.kustomer.lists import List, find_existing, to_request
from kustomer_extract.adapters.kustomer.pace import ASSUMED_LIMIT, SEARCH_LIMIT
from kustomer_extract.adapters.kustomer.search.reader import SearchReader
from kustomer_extract.adapters.kustomer.search.requests import to_ms
from kustomer_extract.adapters.kustomer.ways import Ways
from kustomer_extract.errors import BrokenPage, RetryLater, Unwanted
from kustomer_extract.models import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import datetime

    from kustomer_extract.adapters.kustomer.progress import ListPage
    from kustomer_extract.config import Integration
    from kustomer_extract.events import RateAssumed, RateLimited, Scope, TimelessUnanswered, Waiting
    from kustomer_extract.models import ApiKey, Cursor, Page
    from kustomer_extract.ports import Clock, EventLog


_SEARCH_LATE_SECONDS = 1.5  # the limit of searches is documented by the minute: the second need not wait a second
_POLL_SECONDS = 0.05
_FRESH_SECONDS = 2.0
"""How long what was read ahead may wait. A record that is deleted meanwhile shifts others to pages already read: no
more than while a list is read anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The values that differ between the cloud and a laptop.

    Attributes:
        key_cure: What a person does to provide another key, for messages.
        max_outage_seconds: How long to wait for the end of an outage.
    """

    key_cure: str = "add a new version of its secret"
    max_outage_seconds: float = MAX_OUTAGE_SECONDS


class KustomerSource:
    """Implements `Source` for one organisation.

    Attributes:
        assumed_limit: Requests per minute, used until Kustomer states a limit: from the document, or the smallest plan.
        is_documented: Whether `assumed_limit` is from the document.
    """

    def __init__(
        self,
        integration: Integration,
        key: ApiKey,
        log: EventLog,
        scope: Scope,
        *,
        base_url: str,
        clock: Clock,
        rng: Random,
        runtime: Runtime,
    ) -> None:
        self.base_url = base_url
        self._clock = clock
        self._log = log
        self._scope = scope
        self._history_start = integration.history_start
        self._runtime = runtime
        self._ahead: dict[Table, Ahead[Page]] = {}
        share = integration.rate_share
        self.assumed_limit = round(integration.requests_per_minute or ASSUMED_LIMIT)
        self.is_documented = integration.requests_per_minute is not None
        open_gate = partial(Gate, share=share, clock=clock, rng=rng, report=self._report)
        self._gate = open_gate(assumed=self.assumed_limit, is_documented=self.is_documented)
        self._search_gate = open_gate(assumed=SEARCH_LIMIT, is_documented=True, late_seconds=_SEARCH_LATE_SECONDS)
        self._http = Http(
            base_url,
            key,
            integration=integration.name,
            gate=self._gate,
            search_gate=self._search_gate,
            clock=clock,
            rng=rng,
            key_cure=runtime.key_cure,
            max_outage_seconds=runtime.max_outage_seconds,
            report=self._report,
        )

    @property
    def limit(self) -> int | None:
        """The organisation's requests per minute, as Kustomer last stated; None if it has not."""
        return self._gate.limit

    def close(self) -> None:
        """Close all connections, and end what was read ahead."""
        for ahead in list(self._ahead.values()):
            ahead.close()
        self._http.close()

    def watch(self, watcher: Callable[[Attempt], None]) -> None:
        """Call `watcher` with every answer from now on, also with refusals."""
        self._http.watch = watcher

    def check_key(self, until: datetime) -> None:
        """Check whether the key is valid, whatever its roles. Raises as `iter_pages`, and `Unwanted` if time is up."""
        self._to_asker(until).ask(CHECK_KEY)

    def read_page(self, table: Table, number: int, until: datetime, *, newest_first: bool = False) -> ListPage:
        """Read a single page. Raises as `iter_pages`, and `Unwanted` if time is up."""
        return self._open_list(table, self._to_asker(until)).read_page(number, newest_first=newest_first)

    def count_served(self, table: Table, until: datetime, *, page_size: int) -> int | None:
        """Read a first page of this size, and return its number of records; None if it is refused."""
        try:
            answer = self._to_asker(until).ask(to_request(table, 1, is_asked_again=False, page_size=page_size))
        except BrokenPage as error:
            if error.status_code is None:
                raise
            return None
        return len(answer.content.records)

    def find_existing(self, table: Table, ids: Sequence[str], *, until: datetime) -> frozenset[str]:
        """Look up each of these ids. Raises as `iter_pages`, and `RetryLater` if time is up."""
        self._http.trust_key()  # ids are looked up after all pages were read
        try:
            shown = self.read_page(table, 1, until, newest_first=True).ids
            return find_existing(ids, table, self._to_asker(until).ask, shown=shown)
        except Unwanted as error:
            raise RetryLater("time was up before all records that vanished had been asked for") from error

    def iter_pages(self, table: Table, *, start: Cursor | None, until: datetime) -> Generator[Page]:
        """Yield the pages of a table in order, from `start`, until the last one or until time is up."""
        self._scope = replace(self._scope, table=table)
        if start is not None:
            self._http.trust_key()  # an earlier process has read pages with the key
        elif table in self._ahead and (yield from self._iter_ahead(table, until)):
            return
        yield from self._iter_pages(table, start, self._to_asker(until))

    def _iter_ahead(self, table: Table, until: datetime) -> Generator[Page, None, bool]:
        """Yield the pages that were read ahead; return False if there are none that can be used."""
        ahead = self._ahead[table]
        self._gate.has_begun.set()  # it need not wait for another table
        try:
            if not ahead.is_fresh(_FRESH_SECONDS):
                return False
            for page in ahead.iter_items():
                if self._is_late(until):
                    break
                yield page
            return True
        finally:
            ahead.close()
            self._ahead.pop(table, None)

    def read_ahead(self, table: Table, *, until: datetime) -> None:
        """Begin with the pages of a table in another thread, after the first request of the one before it."""
        if table in self._ahead:
            return
        http = self._http.with_own_connections()

        def open_pages(is_closed: Callable[[], bool]) -> Generator[Page]:
            asker = Asker(http=http, is_late=lambda: is_closed() or self._is_late(until))
            while not (self._gate.has_begun.wait(_POLL_SECONDS) or asker.is_late()):
                pass
            with closing(http):
                yield from self._iter_pages(table, None, asker)

        with suppress(RuntimeError):  # the machine cannot start a thread; `iter_pages` does without
            self._ahead[table] = Ahead(open_pages)

    def _iter_pages(self, table: Table, start: Cursor | None, asker: Asker) -> Generator[Page]:
        of_list = self._open_list(table, asker)
        with suppress(Unwanted):
            if table is Table.CONVERSATIONS:
                yield from self._open_ways(of_list, asker).iter_pages(start)
            else:
                yield from of_list.iter_pages(start)

    def open_ways(self, until: datetime) -> Ways:
        """Open list and search of the conversations, for `check`."""
        asker = self._to_asker(until)
        return self._open_ways(self._open_list(Table.CONVERSATIONS, asker), asker)

    def _open_ways(self, of_list: List, asker: Asker) -> Ways:
        start = self._history_start
        search = SearchReader(
            ask=asker.ask,
            rest=lambda seconds: self._gate.rest(seconds, lambda: not asker.is_late()),
            report=self._report,
            history_start=to_ms(start) if start else None,
        )
        return Ways(of_list=of_list, search=search, ask_all=asker.ask_all, key_cure=self._runtime.key_cure)

    def _open_list(self, table: Table, asker: Asker) -> List:
        start = self._history_start if table is Table.CONVERSATIONS else None
        return List(
            table=table,
            asker=asker,
            gate=self._gate,
            base_url=self.base_url,
            oldest_wanted=start.timestamp() if start else None,
        )

    def _to_asker(self, until: datetime) -> Asker:
        return Asker(http=self._http, is_late=partial(self._is_late, until))

    def _is_late(self, until: datetime) -> bool:
        return self._clock.now() >= until

    def _report(self, event: RateLimited | RateAssumed | Waiting | TimelessUnanswered) -> None:
        self._log.emit(self._scope, event)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectKustomer:
    """Implements `ports.SourceFactory`.

    Attributes:
        base_url: Used instead of the organisation's own address; from the setting `KUSTOMER_API_URL`.
        seed: Seed of the random waits; None: a random one.
        runtime: The values for cloud or laptop.
    """

    clock: Clock
    base_url: str | None = None
    seed: int | None = None
    runtime: Runtime = Runtime()

    def __call__(self, integration: Integration, key: ApiKey, log: EventLog, scope: Scope) -> KustomerSource:
        """Build the source. It connects at its first request."""
        base_url = self.base_url or f"https://{integration.org}.api.kustomerapp.com"
        rng = Random(self.seed)  # noqa: S311 - jitter is not secret
        return KustomerSource(
            integration, key, log, scope, base_url=base_url, clock=self.clock, rng=rng, runtime=self.runtime
        )
