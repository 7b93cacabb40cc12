"""The sandbox: Kustomer's two list endpoints and its key check, over real HTTP, for whoever has no account.

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
from urllib.parse import parse_qsl, urlsplit

import orjson

from tests.standins.kustomer.exchange import Answer, Request, build_error
from tests.standins.kustomer.faults import Fault, Faults
from tests.standins.kustomer.limits import Limits, RateLimit
from tests.standins.kustomer.paging import Paging, build_page, parse_query
from tests.standins.kustomer.records import ORG
from tests.standins.kustomer.store import Organisation
from tests.standins.kustomer.wire import WireServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from email.message import Message

_TABLES = {
    "/v1/satisfaction": "satisfaction",
    "/v1/conversations": "conversations",
    "/v1/auth/tokens/current": "token",
}
_ROLES = {
    "satisfaction": "org.permission.satisfaction.read",
    "conversations": "org.permission.conversation.read",
}


@dataclass(kw_only=True)
class Sandbox:
    """One organisation behind one address; a context manager. All options but the first four may change in mid-run.

    Attributes:
        conversations, surveys: How many there are at first.
        seed: Decides the records, the jitter and which requests improbable faults strike.
        port: 0: any free one.
        key: The API key that is good.
        expired: The key was good once.
        missing_roles: Tables that the key may not read, with the status that says so, 401 or 403.
        latency_seconds, jitter_seconds: Before each answer: the first, and a part of the second.
        compress: Answer in gzip to clients that accept it.
        unknown_every: Every so many conversations has an undocumented attribute; 0: none.
        limit: The rate limit; None: none at all, and no headers.
        paging: How pages follow each other.
        clock: Epoch seconds as the server sees them: for `Date`, windows and resets.
        requests: What was asked, in order of arrival.
        organisation: What there is to read.
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
    limit: RateLimit | None = None
    paging: Paging = field(default_factory=Paging)
    faults: Sequence[Fault] = ()
    clock: Callable[[], float] = time.time
    requests: list[Request] = field(init=False, default_factory=list)
    organisation: Organisation = field(init=False)
    limits: Limits | None = field(init=False)

    def __post_init__(self) -> None:
        self.organisation = Organisation(
            conversations=self.conversations, surveys=self.surveys, seed=self.seed, unknown_every=self.unknown_every
        )
        self.limits = Limits(self.limit, self.clock) if self.limit else None
        self._attempts: Counter[tuple[str | None, int | None, bool]] = Counter()
        self._lock = Lock()
        self._rules = Faults(self.seed)
        for fault in self.faults:
            self._rules.add(fault)
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

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force from the next request on."""
        self._rules.add(fault)

    def clear_faults(self) -> None:
        """Be well again."""
        self._rules.clear()

    def _respond(self, path: str, headers: Message) -> tuple[Request, Answer]:
        """Answer one request; called by the thread of its connection."""
        url = urlsplit(path)
        query = dict(parse_qsl(url.query))
        request = self._record(path, url.path, query, headers)
        answer = self._answer(request, url.path, query, headers)
        wait = answer.wait_seconds + self.latency_seconds
        if self.jitter_seconds:
            wait += self.jitter_seconds * Random(f"{self.seed} {request.path} {request.attempt}").random()
        if self.compress and "gzip" in headers.get("Accept-Encoding", "") and not answer.padding_mb:
            answer = _compress(answer)
        return request, replace(answer, wait_seconds=wait)

    def _record(self, path: str, endpoint: str, query: Mapping[str, str], headers: Message) -> Request:
        table = _TABLES.get(endpoint)
        number = query.get("page", "1")
        page = int(number) if table in _ROLES and number.isdecimal() else None
        descending = query.get("sort") == "desc"
        with self._lock:
            self._attempts[table, page, descending] += 1
            request = Request(
                path=path,
                table=table,
                page=page,
                descending=descending,
                attempt=self._attempts[table, page, descending],
                host=headers.get("Host", ""),
                at=time.monotonic(),
            )
            self.requests.append(request)
        return request

    def _answer(self, request: Request, endpoint: str, query: Mapping[str, str], headers: Message) -> Answer:
        if refused := self._check_key(request.table, headers):
            return refused
        told: dict[str, str] = {}
        if self.limits:
            admitted, told = self.limits.admit()
            if not admitted:
                answer = _refuse(429, "Rate limit exceeded")
                return replace(answer, headers={**answer.headers, **told})
        struck = self._rules.strike(request)
        for fault in struck:
            if fault.does:
                fault.does(self.organisation)
        answer = self._read(request.table, endpoint, query)
        answer = replace(answer, headers={**answer.headers, **told})
        for fault in struck:
            answer = fault.spoil(answer)
        other = f"http://localhost:{self.port}"
        return replace(answer, headers={name: text.replace("{other}", other) for name, text in answer.headers.items()})

    def _check_key(self, table: str | None, headers: Message) -> Answer | None:
        """Refuse a key that is wrong, expired or lacks a role. Source: docs/kustomer-api.md, sections 2 and 6."""
        if headers.get("Authorization") != f"Bearer {self.key}":
            return _refuse(401, "Unauthorized: the token is not valid")
        if self.expired:
            return _refuse(401, "Unauthorized: the token has expired")
        if status := self.missing_roles.get(table or ""):
            return _refuse(status, f"Missing one of the roles {_ROLES.get(table or '', 'of this path')}")
        return None

    def _read(self, table: str | None, endpoint: str, query: Mapping[str, str]) -> Answer:
        if table == "token":  # the body is not documented: a client should look at the status only
            roles = [role for table, role in _ROLES.items() if table not in self.missing_roles]
            return Answer(
                status=200, body=orjson.dumps({"data": {"type": "token", "id": ORG, "attributes": {"roles": roles}}})
            )
        if table is None:
            return _refuse(404, "No such path")
        wanted = parse_query(endpoint, query)
        if wanted is None:
            return _refuse(400, "page, pageSize or sort is out of bounds")
        hosts = {"absolute": self.url, "other_host": f"http://localhost:{self.port}"}
        return build_page(self.organisation.rows(table), wanted, self.paging, hosts=hosts)


def _refuse(status: int, message: str) -> Answer:
    return Answer(status=status, body=build_error(status, message))


def _compress(answer: Answer) -> Answer:
    if "Content-Encoding" in answer.headers:
        return answer
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, body=gzip.compress(answer.body, 1), headers=headers)
