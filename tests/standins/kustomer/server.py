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

from tests.standins.kustomer.exchange import Answer, Request, refuse
from tests.standins.kustomer.faults import Fault, Faults
from tests.standins.kustomer.limits import Limits, RateLimit
from tests.standins.kustomer.paging import PageQuery, Paging, build_page, parse_query
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
_ONE = "/v1/conversations/"
_ROLES = {
    "satisfaction": "org.permission.satisfaction.read",
    "conversations": "org.permission.conversation.read",
}


@dataclass(kw_only=True)
class Sandbox:
    """One organisation behind one address, from entering its context to leaving it.

    `key`, `expired`, `missing_roles`, `latency_seconds`, `jitter_seconds`, `compress`, `paging` and `limits.rule` may
    be assigned in mid-run; the organisation has its own methods for that.

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
        faults: In force from the start; `add_fault` adds more.
        requests: What was asked, in order of arrival.
        organisation: What there is to read.
        limits: The count against `limit`; None without one.
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
        self._faults = Faults(self.seed)
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
    def _other_url(self) -> str:
        """The same server, under a name that is not the configured one."""
        return f"http://localhost:{self.port}"

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force from the next request on."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Drop all faults, those of `faults` too."""
        self._faults.clear()

    def _respond(self, path: str, headers: Message) -> tuple[Request, Answer]:
        """Answer one request; called by the thread of its connection."""
        url = urlsplit(path)
        if url.path.startswith(_ONE):
            return self._respond_one(path, url.path.removeprefix(_ONE), headers)
        wanted = parse_query(url.path, dict(parse_qsl(url.query)))
        request = self._record(path, _TABLES.get(url.path), wanted, host=headers.get("Host", ""))
        answer = self._check_key(request, headers.get("Authorization", "")) or self._answer(request, wanted)
        wait = answer.wait_seconds + self.latency_seconds
        if self.jitter_seconds:
            wait += self.jitter_seconds * Random(f"{self.seed} {request.path} {request.attempt}").random()
        if self.compress and "gzip" in headers.get("Accept-Encoding", "") and not answer.padding_mb:
            answer = _compress(answer)
        return request, replace(answer, wait_seconds=wait)

    def _respond_one(self, path: str, identifier: str, headers: Message) -> tuple[Request, Answer]:
        """Answer a request for one conversation."""
        request = self._record(path, "conversation", None, host=headers.get("Host", ""))
        answer = self._check_key(request, headers.get("Authorization", "")) or self._answer(request, identifier)
        return request, replace(answer, wait_seconds=answer.wait_seconds + self.latency_seconds)

    def _record(self, path: str, table: str | None, wanted: PageQuery | None, *, host: str) -> Request:
        page = wanted.page if wanted and table in _ROLES else None
        descending = bool(wanted and wanted.descending)
        with self._lock:
            self._attempts[table, page, descending] += 1
            request = Request(
                path=path,
                table=table,
                page=page,
                descending=descending,
                attempt=self._attempts[table, page, descending],
                host=host,
                at=time.monotonic(),
            )
            self.requests.append(request)
        return request

    def _check_key(self, request: Request, authorization: str) -> Answer | None:
        """Refuse a key that is wrong, expired or lacks a role (docs/kustomer-api.md, sections 2 and 6)."""
        if authorization != f"Bearer {self.key}":
            return refuse(401, "Unauthorized: the token is not valid")
        if self.expired:
            return refuse(401, "Unauthorized: the token has expired")
        table = request.table or ""
        if table in self.missing_roles:
            return refuse(self.missing_roles[table], f"The key lacks the role {_ROLES[table]}")
        return None

    def _answer(self, request: Request, wanted: PageQuery | str | None) -> Answer:
        admitted, told = self.limits.admit() if self.limits else (True, {})
        struck = self._faults.strike(request) if admitted else []
        for fault in struck:
            if fault.does:
                fault.does(self.organisation)
        answer = self._read(request.table, wanted) if admitted else refuse(429, "Rate limit exceeded")
        answer = replace(answer, headers={**answer.headers, **told})
        for fault in struck:
            answer = fault.spoil(answer)
        headers = {name: value.replace("{other}", self._other_url) for name, value in answer.headers.items()}
        return replace(answer, headers=headers)

    def _read(self, table: str | None, wanted: PageQuery | str | None) -> Answer:
        if table is None:
            return refuse(404, "No such path")
        if isinstance(wanted, str):
            found = self.organisation.find(wanted)
            return Answer(status=200, body=b'{"data":' + found + b"}") if found else refuse(404, "No such conversation")
        if table == "token":  # no documentation shows this body: clients should look at the status only
            roles = [role for table, role in _ROLES.items() if table not in self.missing_roles]
            token = {"type": "token", "id": "6a01f0c2b7d3e94410aa0900", "attributes": {"roles": roles}}
            return Answer(status=200, body=orjson.dumps({"data": token}))
        if wanted is None:
            return refuse(400, "page, pageSize or sort is out of bounds")
        hosts = {"absolute": self.url, "other_host": self._other_url}
        return build_page(self.organisation.rows(table), wanted, self.paging, hosts=hosts)


def _compress(answer: Answer) -> Answer:
    if "Content-Encoding" in answer.headers:
        return answer
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, body=gzip.compress(answer.body, 1), headers=headers)
