"""The sandbox: Kustomer's lists, its search and its key check, over real HTTP, for whoever has no account.

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

from tests.standins.kustomer.answering import answer_well
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
    """One organisation behind one address, from entering its context to leaving it.

    `key`, `expired`, `missing_roles`, `latency_seconds`, `jitter_seconds`, `compress`, `paging`, `search` and the
    limits' `rule` may be assigned in mid-run; the organisation has its own methods for that.

    Attributes:
        conversations, surveys: How many there are at first.
        seed: Decides the records, the jitter and which requests improbable faults strike.
        port: 0: any free one.
        key: The API key that is good.
        expired: The key was good once.
        missing_roles: By the names of `endpoints.ROLES`, what the key may not do, and the status that says so.
        latency_seconds, jitter_seconds: Before each answer: the first, and a part of the second.
        compress: Answer in gzip to clients that accept it.
        unknown_every: Every so many conversations has an undocumented attribute; 0: none.
        hide_every: Every so many conversations is not shown to this key, which makes pages short; 0: none.
        burst: So many conversations, in the middle, are created in the same millisecond.
        limit: The rate limit of everything but search; None: none at all, and no headers.
        search_limit: The rate limit of search; None: none at all, and no headers.
        paging: How pages follow each other.
        search: How search behaves.
        clock: Epoch seconds as the server sees them: for `Date`, windows, resets, and what happens in mid-run.
        faults: In force from the start; `add_fault` adds more.
        requests: What was asked, in order of arrival.
        organisation: What there is to read.
        limits, search_limits: The counts against the limits; None without.
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
            clock=self.clock,
        )
        self.limits = Limits(self.limit, self.clock) if self.limit else None
        self.search_limits = Limits(self.search_limit, self.clock) if self.search_limit else None
        self._attempts: Counter[Hashable] = Counter()
        self._lock = Lock()
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
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_url(self) -> str:
        """The same server, under a name that is not the configured one."""
        return f"http://localhost:{self.port}"

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force from the next request on."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Drop all faults, those of `faults` too."""
        self._faults.clear()

    def _respond(self, method: str, path: str, headers: Message, body: bytes) -> tuple[Request, Answer]:
        """Answer one request; called by the thread of its connection."""
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
        admitted, told = limits.admit() if limits else (True, {})
        struck = self._faults.strike(request) if admitted else []
        for fault in struck:
            if fault.does:
                fault.does(self.organisation)
        answer = answer_well(self, asked, request.body) if admitted else refuse(429, "Rate limit exceeded")
        answer = replace(answer, headers={**answer.headers, **told})
        for fault in struck:
            answer = fault.spoil(answer)
        headers = {name: value.replace("{other}", self.other_url) for name, value in answer.headers.items()}
        return replace(answer, headers=headers)


def _compress(answer: Answer) -> Answer:
    if "Content-Encoding" in answer.headers:
        return answer
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, body=gzip.compress(answer.body, 1), headers=headers)
