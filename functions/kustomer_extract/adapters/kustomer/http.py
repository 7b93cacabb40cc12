"""Sends one request to Kustomer, with retries. All requests to Kustomer are sent and repeated here.

The host is fixed at construction: neither a redirect nor a link can change it.

- An outage (no answer, 408, 5xx) is retried for `max_outage_seconds`. A broken answer is requested six times.
- A refusal (any other status but 200) after good answers with the same key is retried for about a minute, because load
  balancers and deployments refuse by mistake. Before any good answer it is final.

Longer than 200 lines, because a request, its attempts and their ends are one loop.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from kustomer_extract.adapters.kustomer.answers import (
    LIMITED,
    OK,
    check_status,
    describe_outage,
    is_unknown_host,
    to_content,
)
from kustomer_extract.adapters.kustomer.connections import Session
from kustomer_extract.adapters.kustomer.content import Content
from kustomer_extract.adapters.kustomer.pace import MAX_IN_FLIGHT
from kustomer_extract.config import is_api_key
from kustomer_extract.errors import (
    BrokenPage,
    ConfigInvalid,
    ExtractError,
    KeyRejected,
    Problem,
    RetryLater,
    RoleMissing,
    Transient,
    Unauthorised,
    Unwanted,
)
from kustomer_extract.events import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from kustomer_extract.adapters.kustomer.gate import Gate
    from kustomer_extract.models import ApiKey, IntegrationName
    from kustomer_extract.ports import Clock

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
_ANSWER_SECONDS = 120.0  # from start to last byte, however slowly they arrive
_PIECE_BYTES = 64 * 1024
_MAX_PAGE_BYTES = 64 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024
MAX_OUTAGE_SECONDS = 180.0
_MAX_ATTEMPTS = 6  # for a broken answer
_HOST_SECONDS = 30.0  # after this time an unknown host is final
_SECOND_LOOKS = (2.0, 8.0, 20.0, 30.0)  # waits before a refusal after good answers is retried
NOT_FOUND = 404
_MAX_REFUSALS = 20  # a 429 is not a failure, but a page that gets nothing else is reported
_REPORTED_AFTER = 3  # failures in a row; shorter outages are not logged
_UNAVAILABLE = 503
_BACKOFF_BASE_SECONDS, _BACKOFF_CAP_SECONDS = 1.0, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

    Attributes:
        role: The role that the key needs; None: any valid key is accepted.
        body: JSON to post; None: it is a GET.
        is_asked_again: Whether a refusal after good answers is retried.
        is_explained: Whether another request finds out if a refusal means a bad key or a missing role.
        is_one: Whether the answer is one record and not a page. That it is not found is an answer, too.
        attempts: The number of attempts during an outage; None: as many as `max_outage_seconds` allows.
    """

    path: str
    query: Mapping[str, str | int]
    role: str | None
    body: bytes | None = None
    is_asked_again: bool = True
    is_explained: bool = True
    is_one: bool = False
    attempts: int | None = None

    def __str__(self) -> str:
        """Return its name for messages."""
        return f"{self.path}{''.join(f' {name} {value}' for name, value in self.query.items() if name != 'pageSize')}"


# Answers any valid key: https://developer.kustomer.com/docs/get-started/quickstart, read 2026-11-23
CHECK_KEY = Request(path="/v1/auth/tokens/current", query={}, role=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer.

    Attributes:
        content: The page; empty where the answer is none.
        size_bytes: Length of the body, decompressed.
        retries: How many requests failed before it.
        headers: Its headers.
    """

    content: Content
    size_bytes: int
    retries: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request that was answered, successfully or not; times are monotonic seconds."""

    started_at: float
    ended_at: float
    status: int
    headers: Mapping[str, str]


def take(outcome: Answer | ExtractError) -> Answer:
    """Return the answer of an outcome, or raise its error."""
    if isinstance(outcome, ExtractError):
        raise outcome
    return outcome


@dataclass(slots=True, kw_only=True)
class _Attempts:
    """The attempts of one request so far."""

    began_at: float
    failures: int = 0
    refusals: int = 0
    second_looks: int = 0
    has_told: bool = False  # of an outage, which lasts as long as this request has no answer

    @property
    def count(self) -> int:
        """How many requests failed."""
        return self.failures + self.refusals + self.second_looks


@dataclass(slots=True)
class _Known:
    """What answers have shown; clients of the same key share it.

    Attributes:
        has_answered: Whether there was a good answer to this key.
        is_unknown_host: Whether the host could not be resolved for `_HOST_SECONDS`.
        is_out: Whether an outage was reported and goes on.
    """

    has_answered: bool = False
    is_unknown_host: bool = False
    is_out: bool = False


class _Bearer(AuthBase):
    """Sets the key just before a request is sent, so that no .netrc can replace it."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key.value}"
        return request


class Http:
    """Kustomer's API with one key. Safe to use from several threads.

    Args:
        base_url: ``https://acme.api.kustomerapp.com``.
        integration: The name for messages.
        gate: Lets requests wait until they may start.
        search_gate: The same for searches, which have their own limit.
        key_cure: What a person does to provide another key: "add a new version of its secret".
        max_outage_seconds: How long an outage is retried.
        report: Gets an event when an outage is retried.
        read_seconds: How long the server may send nothing.

    Attributes:
        watch: Called with every attempt that was answered; may be None.
    """

    def __init__(
        self,
        base_url: str,
        key: ApiKey,
        *,
        integration: IntegrationName,
        gate: Gate,
        search_gate: Gate | None = None,
        clock: Clock,
        rng: Random,
        key_cure: str = "add a new version of its secret",
        max_outage_seconds: float = MAX_OUTAGE_SECONDS,
        report: Callable[[Waiting], None] | None = None,
        read_seconds: float = _READ_SECONDS,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).netloc
        self._integration = integration
        self._gate = gate
        self._search_gate = search_gate or gate
        self._clock = clock
        self._rng = rng
        self._key_cure = key_cure
        self._max_outage_seconds = max_outage_seconds
        self._report = report
        self.watch: Callable[[Attempt], None] | None = None
        self._known = _Known()
        self._timeout = (_CONNECT_SECONDS, read_seconds)
        self._key_is_text = is_api_key(key.value)
        self._auth = _Bearer(key)
        self._session = self._connect()

    def _connect(self) -> Session:
        session = Session(self._base_url, size=MAX_IN_FLIGHT)
        session.auth = self._auth
        session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip"})
        return session

    def with_own_connections(self) -> Http:
        """Return this client with other connections: `interrupt` of the one does not reach requests of the other."""
        twin = copy(self)
        twin._session = self._connect()  # noqa: SLF001 - it is of this class
        return twin

    def trust_key(self) -> None:
        """Retry refusals from now on: the key had good answers, here or in an earlier process."""
        self._known.has_answered = True

    def interrupt(self) -> None:
        """Interrupt all current requests."""
        self._session.interrupt()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def get(self, request: Request, is_wanted: Callable[[], bool]) -> Answer:
        """Fetch a page, with retries. `is_wanted` is called before every attempt and while waiting.

        Raises:
            Unwanted: the page is not wanted any more.
            ConfigInvalid, KeyRejected, RoleMissing, BrokenPage: final.
            RetryLater: the outage lasted longer than `max_outage_seconds`.
        """
        if not self._key_is_text:
            raise self._reject_key(Unauthorised(" (it has characters that no key has)"))
        attempts = _Attempts(began_at=self._clock.monotonic())
        try:
            return self._get(request, attempts, is_wanted)
        finally:
            if attempts.has_told:
                self._known.is_out = False

    def _get(self, request: Request, attempts: _Attempts, is_wanted: Callable[[], bool]) -> Answer:
        while True:
            try:
                content, size_bytes, headers = self._attempt(request, is_wanted)
            except (Unauthorised, BrokenPage) as problem:
                self._retry_refusal(request, problem, attempts, is_wanted)
            except Transient as problem:
                if not is_wanted():
                    raise Unwanted from problem
                self._wait_before_retry(request, problem, attempts, is_wanted)
            else:
                self._known.has_answered = self._known.has_answered or request.role is not None
                return Answer(content=content, size_bytes=size_bytes, retries=attempts.count, headers=headers)

    def _retry_refusal(
        self, request: Request, problem: Unauthorised | BrokenPage, attempts: _Attempts, is_wanted: Callable[[], bool]
    ) -> None:
        """Wait before a refusal is retried; raise it if it is final."""
        is_refusal = isinstance(problem, Unauthorised) or problem.status_code is not None
        is_answer = request.is_one and isinstance(problem, BrokenPage) and problem.status_code == NOT_FOUND
        is_doubted = is_refusal and not is_answer and self._known.has_answered and request.is_asked_again
        if is_doubted and attempts.second_looks < len(_SECOND_LOOKS):
            self._gate.rest(_SECOND_LOOKS[attempts.second_looks], is_wanted)
            attempts.second_looks += 1
        elif isinstance(problem, Unauthorised):
            raise self._explain(request, problem, is_wanted) from problem
        else:
            raise problem

    def _wait_before_retry(
        self, request: Request, problem: Transient, attempts: _Attempts, is_wanted: Callable[[], bool]
    ) -> None:
        """Wait before another attempt; raise the final error if there is none."""
        if problem.is_refusal:  # the gate makes the next attempt wait
            attempts.refusals += 1
            if attempts.refusals == _MAX_REFUSALS:
                raise problem.final from problem
            return
        attempts.failures += 1
        if attempts.failures == request.attempts:
            raise problem.final from problem
        waited = self._clock.monotonic() - attempts.began_at
        if isinstance(problem.final, RetryLater):
            if (
                problem.is_unknown_host
                and not self._known.has_answered
                and (self._known.is_unknown_host or waited >= _HOST_SECONDS)
            ):
                self._known.is_unknown_host = True  # the next table need not wait again
                raise self._report_unknown_host() from problem
            if waited >= self._max_outage_seconds:
                raise problem.final from problem
        elif attempts.failures == _MAX_ATTEMPTS:
            raise problem.final from problem
        most = min(_BACKOFF_CAP_SECONDS, _BACKOFF_BASE_SECONDS * 2 ** (attempts.failures - 1))
        seconds = self._rng.random() * most
        if attempts.failures >= _REPORTED_AFTER and isinstance(problem.final, RetryLater) and not self._known.is_out:
            self._known.is_out = attempts.has_told = True
            self._report_outage(seconds)
        self._gate.rest(seconds, is_wanted)

    def _report_outage(self, seconds: float) -> None:
        if self._report:
            reason = f"connection lost, trying again for {self._max_outage_seconds / 60:g} minutes"
            self._report(Waiting(reason=reason, wait_seconds=round(seconds, 1)))

    def _attempt(self, request: Request, is_wanted: Callable[[], bool]) -> tuple[Any, int, Mapping[str, str]]:
        """Send the request once; return the content, its size, and the headers."""
        where = f"{self._host}{request}"
        gate = self._gate if request.body is None else self._search_gate
        began = gate.enter(is_wanted)
        try:
            with self._session.request(
                "GET" if request.body is None else "POST",
                self._base_url + request.path,
                params=request.query,
                data=request.body,
                headers=None if request.body is None else {"Content-Type": "application/json"},
                stream=True,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                status, headers = response.status_code, response.headers
                body = self._read(response, began.at, where=where)
        except (requests.RequestException, HTTPError, OSError) as error:
            gate.lose()
            outage = RetryLater(f"{where}: {describe_outage(error)}")
            raise Transient(outage, is_unknown_host=is_unknown_host(error)) from error
        if self.watch:
            ended_at = self._clock.monotonic()
            self.watch(Attempt(started_at=began.at, ended_at=ended_at, status=status, headers=headers))
        if status == LIMITED or (status == _UNAVAILABLE and "retry-after" in headers):
            gate.pause(began, headers, is_refusal=status == LIMITED)
        else:
            gate.leave(began, headers, is_good=status == OK)
        check_status(status, headers, body, where=where)
        content = to_content(body, headers, where=where) if request.role and not request.is_one else Content([])
        return content, len(body), headers

    def _read(self, response: requests.Response, started_at: float, *, where: str) -> bytes:
        """Read the body piece by piece. The body of an error may be incomplete."""
        is_good = response.status_code == OK
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if not is_good and size > _MAX_ERROR_BYTES:
                    break
                if size > _MAX_PAGE_BYTES:
                    raise BrokenPage(f"{where}: the body is longer than {_MAX_PAGE_BYTES >> 20} MB")
                if self._clock.monotonic() - started_at > _ANSWER_SECONDS:
                    raise TimeoutError
        except (HTTPError, OSError):
            if is_good:
                raise
        return b"".join(pieces)

    def _explain(
        self, request: Request, problem: Unauthorised, is_wanted: Callable[[], bool]
    ) -> KeyRejected | RoleMissing:
        """Find out whether the key is bad or a role is missing: Kustomer answers 401 (or 403) to both."""
        if request.role is None or not request.is_explained:
            return self._reject_key(problem)
        self.get(CHECK_KEY, is_wanted)
        return RoleMissing(
            f"the key of {self._integration} is valid, but may not read {request.path}{problem}: roles are fixed when "
            f"a key is made, so make one with the role {request.role} and {self._key_cure}"
        )

    def _reject_key(self, problem: Unauthorised) -> KeyRejected:
        if len(problem.pods) > 1:
            return KeyRejected(
                f"the key of {self._integration} belongs to another region than {self._host} "
                f"({' and '.join(problem.pods)}): correct `org` in the configuration, or make a key in the "
                f"organisation that `org` names and {self._key_cure}"
            )
        return KeyRejected(
            f"the key of {self._integration} is rejected by {self._host}{problem}: see that `org` in the configuration "
            f"is the organisation that the key was made in; if it is, {self._key_cure}"
        )

    def _report_unknown_host(self) -> ConfigInvalid:
        allowed = "the subdomain you sign in at; if it is right, look at the network, its name server or the proxy"
        problem = Problem(path="org", found=f"no host {self._host}", allowed=allowed)
        return ConfigInvalid(f"integration {self._integration}", [problem])
