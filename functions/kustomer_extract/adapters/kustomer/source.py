"""`Source` for Kustomer: the pages of a table, all of them or an error, read ahead and in order."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests

from kustomer_extract.adapters.kustomer.gate import Gate
from kustomer_extract.adapters.kustomer.http import CHECK_KEY, Answer, Http, Request
from kustomer_extract.adapters.kustomer.prefetch import Prefetch
from kustomer_extract.adapters.kustomer.progress import PAGE_SIZE, Leaf, Progress, to_leaf
from kustomer_extract.errors import BrokenPage, RetryLater, Truncated, Unwanted
from kustomer_extract.models import Evidence, Page, Proof, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import datetime

    from kustomer_extract.config import Integration
    from kustomer_extract.events import RateLimited, Scope
    from kustomer_extract.models import ApiKey, Cursor
    from kustomer_extract.ports import Clock, EventLog

_REFUSED = range(400, 500)
_NEWEST = 20
_EVIDENCE = {Table.CONVERSATIONS: Evidence(proven_by=Proof.NEWEST)}  # the end of the pages is an error without it


def to_request(table: Table, page: int, *, newest_first: bool = False) -> Request:
    """Ask for a page: https://developer.kustomer.com/api/core-resources/get-conversations, read 2026-11-23."""
    order = {"sort": "desc"} if newest_first else {}
    return Request(path=f"/v1/{table}", query={"page": page, "pageSize": PAGE_SIZE, **order}, role=table.role)


class KustomerSource:
    """One organisation's lists; see `ports.Source`."""

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
    ) -> None:
        self.base_url = base_url
        self._clock = clock
        self._log = log
        self._scope = scope
        self._gate = Gate(share=integration.rate_share, clock=clock, rng=rng, report=self._report)
        self._http = Http(base_url, key, integration=integration.name, gate=self._gate, clock=clock, rng=rng)

    @property
    def limit(self) -> int | None:
        """The organisation's requests a minute, as Kustomer last said; None if it has not."""
        return self._gate.limit

    def close(self) -> None:
        """Let go of all connections."""
        self._http.close()

    def check_key(self, until: datetime) -> None:
        """Ask whether the key is valid, whatever its roles; raises as `iter_pages`, and `Unwanted` when time is up."""
        self._ask(CHECK_KEY, until)

    def read_page(self, table: Table, number: int, until: datetime, *, newest_first: bool = False) -> Leaf:
        """Read a single page; raises as `iter_pages`, and `Unwanted` when time is up."""
        answer = self._ask(to_request(table, number, newest_first=newest_first), until)
        return to_leaf(answer, number, base_url=self.base_url)

    def find_existing(self, table: Table, ids: Sequence[str], *, until: datetime) -> frozenset[str]:
        """Ask for each record by its id: 404 is a deletion."""
        try:
            return frozenset(id_ for id_ in ids if self._exists(table, id_, until))
        except Unwanted as error:
            raise RetryLater(f"time was up before {len(ids)} ids of {table} were looked up") from error

    def _exists(self, table: Table, id_: str, until: datetime) -> bool:
        try:
            self._ask(Request(path=f"/v1/{table}/{quote(id_, safe='')}", query={}, role=None), until)
        except BrokenPage as error:
            if error.status_code != requests.codes.not_found:
                raise
            return False
        return True

    def iter_pages(self, table: Table, *, start: Cursor | None, until: datetime) -> Generator[Page]:
        """Yield the pages of a table in order, from `start`, until the last one or until time is up."""
        self._scope = replace(self._scope, table=table)
        is_late = partial(self._is_late, until)
        try:
            progress = Progress.from_cursor(start) if start else self._begin(table, until)
        except Unwanted:
            return
        plan = Prefetch(
            fetch=partial(self._fetch, table),
            is_last=lambda leaf: not leaf.has_next,
            in_flight=self._gate.to_in_flight,
            is_late=is_late,
            interrupt=self._http.interrupt,
        )
        seen: set[str] = set()
        with closing(plan.iter_from(progress.page)) as leaves:
            for leaf in leaves:
                progress = progress.after(leaf, seen)
                seen.add(leaf.fingerprint)
                cursor = progress.to_cursor() if leaf.has_next else None
                yield Page(
                    records=leaf.records,
                    next=cursor,
                    size_bytes=leaf.size_bytes,
                    retries=leaf.retries,
                    evidence=_EVIDENCE.get(table, Evidence()),
                )

    def _begin(self, table: Table, until: datetime) -> Progress:
        """Look at the newest conversations first: one of them has to come by before the end is believed.

        Few enough that hardly anything can be missing behind them; enough that they are not all deleted meanwhile.
        """
        if table is not Table.CONVERSATIONS:
            return Progress()
        return Progress(expected=self.read_page(table, 1, until, newest_first=True).ids[:_NEWEST])

    def _fetch(self, table: Table, number: int, is_wanted: Callable[[], bool]) -> Leaf:
        try:
            answer = self._http.get(to_request(table, number), is_wanted)
        except BrokenPage as error:
            if number == 1 or error.status_code not in _REFUSED:
                raise
            raise Truncated(
                f"page {number - 1} links to page {number}, but that is refused ({error}): the API does not list all "
                "there is; the published table stays as it is. Ask Kustomer's support to lift the cap"
            ) from error
        return to_leaf(answer, number, base_url=self.base_url)

    def _ask(self, request: Request, until: datetime) -> Answer:
        """Get one answer; like a page it is cut off when time is up, which only a thread beside this one can do."""
        plan = Prefetch(
            fetch=lambda _, is_wanted: self._http.get(request, is_wanted),
            is_last=lambda _: True,
            in_flight=lambda: 1,
            is_late=partial(self._is_late, until),
            interrupt=self._http.interrupt,
        )
        with closing(plan.iter_from(1)) as answers:
            answer = next(answers, None)
        if answer is None:
            raise Unwanted
        return answer

    def _is_late(self, until: datetime) -> bool:
        return self._clock.now() >= until

    def _report(self, event: RateLimited) -> None:
        self._log.emit(self._scope, event)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectKustomer:
    """Implements `ports.SourceFactory`.

    Attributes:
        base_url: Instead of the organisation's own address; from the setting `KUSTOMER_API_URL`.
        seed: Of the jitter; None: any.
    """

    clock: Clock
    base_url: str | None = None
    seed: int | None = None

    def __call__(self, integration: Integration, key: ApiKey, log: EventLog, scope: Scope) -> KustomerSource:
        """Open the source; nothing is connected yet."""
        base_url = self.base_url or f"https://{integration.org}.api.kustomerapp.com"
        rng = Random(self.seed)  # noqa: S311 - jitter is no secret
        return KustomerSource(integration, key, log, scope, base_url=base_url, clock=self.clock, rng=rng)
