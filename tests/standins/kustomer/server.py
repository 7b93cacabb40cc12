"""The sandbox: Kustomer's lists, search and key check, over real HTTP and without an account.

::

    with Sandbox(conversations=5000, latency_seconds=0.01, limit=RateLimit(requests=300)) as sandbox:
        sandbox.add_fault(Fault(table="conversations", page=3, status=503, times=2))
        ...  # point the client at sandbox.url
        assert [request.page for request in sandbox.requests] == ...
"""

from __future__ import annotations

import gzip
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Literal, Self

from tests.standins.kustomer.answering import answer_normally
from tests.standins.kustomer.endpoints import ROLES, Asked, parse_target
from tests.standins.kustomer.exchange import Answer, Request, refuse
from tests.standins.kustomer.faults import Fault, Faults
from tests.standins.kustomer.limits import Limits, RateLimit
from tests.standins.kustomer.paging import Paging, count_pages
from tests.standins.kustomer.search import Search
from tests.standins.kustomer.store import Organisation
from tests.standins.kustomer.wire import WireServer

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from email.message import Message


@dataclass(kw_only=True)
class Sandbox:
    """One organisation at one address. It serves while its context is open.

    `key`, `expired`, `missing_roles`, `latency_seconds`, `jitter_seconds`, `compress`, `paging`, `search` and the
    limits' `rule` may be assigned while it serves. The organisation has methods for changes of its records.

    Attributes:
        conversations, surveys: The numbers of records at first.
        seed: Decides the records, the jitter, and which requests a fault with a probability affects.
        port: 0: any free port.
        key: The valid API key.
        expired: Whether the key has expired.
        missing_roles: The roles that the key lacks, by their names in `endpoints.ROLES`, with the status of a refusal.
        latency_seconds, jitter_seconds: The delay of each response: all of the first, and a random part of the second.
        compress: Use gzip for clients that accept it.
        unknown_every: Every nth conversation has an undocumented attribute. 0: none.
        hide_every: Every nth conversation is hidden from the key, which makes pages shorter. 0: none.
        burst: This many conversations, in the middle, are created in the same millisecond.
        sparse: Every conversation has hardly any attributes, which makes pages a third as large.
        limit: The rate limit of everything but search. None: no limit and no headers.
        search_limit: The rate limit of search. None: no limit and no headers.
        paging: How paging works.
        search: How search works.
        clock: The server's epoch seconds, for `Date`, windows, resets, and changes of records.
        faults: The first faults. `add_fault` adds more.
        requests: All requests, in order of arrival.
        organisation: The records.
        limits, search_limits: The counts against the limits. None without a limit.
    """

    conversations: int = 1000
    surveys: int = 12
    seed: int = 1
    port: int = 0
    key: str = "sandbox-key"
    expired: bool = False
    missing_roles: Mapping[str, Literal[401, 403]] = field(default_factory=dict)
    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    compress: bool = False
    unknown_every: int = 0
    hide_every: int = 0
    burst: int = 0
    sparse: bool = False
    limit: RateLimit | None = None
    search_limit: RateLimit | None = None
    paging: Paging = field(default_factory=Paging)
    search: Search = field(default_factory=Search)
    faults: Sequence[Fault] = ()
    clock: Callable[[], float] = time.time
    requests: list[Request] = field(init=False, default_factory=list)
    organisation: Organisation = field(init=False)
    limits: Limits | None = field(init=False)
    search_limits: Limits | None = field(init=False)

    def __post_init__(self) -> None:
        self.organisation = Organisation(
            conversations=self.conversations,
            surveys=self.surveys,
            seed=self.seed,
            unknown_every=self.unknown_every,
            hide_every=self.hide_every,
            burst=self.burst,
            sparse=self.sparse,
            clock=self.clock,
        )
        self.limits = Limits(self.limit, self.clock) if self.limit else None
        self.search_limits = Limits(self.search_limit, self.clock) if self.search_limit else None
        self._attempts: Counter[Hashable] = Counter()
        self._lock, self._changing = Lock(), Lock()
        self._faults = Faults(self.seed, self.clock)
        for fault in self.faults:
            self._faults.add(fault)
        self._server: WireServer | None = None

    def __enter__(self) -> Self:
        self._server = WireServer(self.port, self._respond, self.clock)
        self.port = self._server.server_address[1]
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._server.stop()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """The address of the same server under another host name."""
        return f"http://localhost:{self.port}"

    def add_fault(self, fault: Fault) -> None:
        """Add a fault. It affects the next request and later ones."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Remove all faults, also those of `faults`."""
        self._faults.clear()

    def _respond(self, method: str, path: str, headers: Message, body: bytes) -> tuple[Request, Answer]:
        """Answer one request, in the thread of its connection."""
        asked = parse_target(method, path)
        request = self._record(path, asked, body, host=headers.get("Host", ""))
        answer = self._check_key(asked, headers.get("Authorization", "")) or self._answer(request, asked)
        wait = answer.wait_seconds + self.latency_seconds
        if self.jitter_seconds:
            wait += self.jitter_seconds * Random(f"{self.seed} {request.path} {request.attempt}").random()
        if self.compress and "gzip" in headers.get("Accept-Encoding", "") and not answer.padding_mb:
            answer = _compress(answer)
        return request, replace(answer, wait_seconds=wait)

    def _record(self, path: str, asked: Asked, body: bytes, *, host: str) -> Request:
        query, page = asked.query, asked.query.page if asked.query else None
        descending = bool(query and query.descending)
        paging, rows = self.paging.of(asked.table), self.organisation.rows(asked.rows) if asked.rows else None
        last = count_pages(rows, query, paging) if query and rows is not None else 0
        with self._lock:
            same = (asked.table, page, descending, body)
            self._attempts[same] += 1
            request = Request(
                path=path,
                table=asked.table,
                page=page,
                last_page=last,
                descending=descending,
                body=body,
                attempt=self._attempts[same],
                host=host,
                at=time.monotonic(),
            )
            self.requests.append(request)
        return request

    def _check_key(self, asked: Asked, authorization: str) -> Answer | None:
        """Refuse a key that is wrong, expired or lacks a role (docs/kustomer-api.md, sections 2 and 6)."""
        if authorization != f"Bearer {self.key}":
            return refuse(401, "Unauthorized: the token is not valid")
        if self.expired:
            return refuse(401, "Unauthorized: the token has expired")
        if asked.role and asked.role in self.missing_roles:
            return refuse(self.missing_roles[asked.role], f"The key lacks the role {ROLES[asked.role]}")
        return None

    def _answer(self, request: Request, asked: Asked) -> Answer:
        limits = self.search_limits if asked.role == "search" else self.limits
        admitted, limit_headers = limits.admit() if limits else (True, {})
        found = self._faults.find(request) if admitted else []
        for fault in found:
            if fault.does:
                with self._changing:  # two at a time would change other records than they say
                    fault.does(self.organisation)
        answer = answer_normally(self, asked, request.body) if admitted else refuse(429, "Rate limit exceeded")
        answer = replace(answer, headers={**answer.headers, **limit_headers})
        for fault in found:
            answer = fault.apply(answer)
        headers = {name: value.replace("{other}", self.other_url) for name, value in answer.headers.items()}
        return replace(answer, headers=headers)


def _compress(answer: Answer) -> Answer:
    if "Content-Encoding" in answer.headers:
        return answer
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, body=gzip.compress(answer.body, 1), headers=headers)
