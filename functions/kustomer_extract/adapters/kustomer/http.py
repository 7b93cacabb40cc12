"""One GET at Kustomer, with retries: the only place where a request is made, and where it is made again.

The host is fixed at construction: neither a redirect nor a link can change it.
"""

from __future__ import annotations

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
    to_page,
)
from kustomer_extract.adapters.kustomer.connections import Session
from kustomer_extract.adapters.kustomer.pace import MAX_IN_FLIGHT
from kustomer_extract.config import is_api_key
from kustomer_extract.errors import (
    BrokenPage,
    KeyRejected,
    RetryLater,
    RoleMissing,
    Transient,
    Unauthorised,
    Unwanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from kustomer_extract.adapters.kustomer.gate import Gate
    from kustomer_extract.models import ApiKey, IntegrationName
    from kustomer_extract.ports import Clock

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
_ANSWER_SECONDS = 120.0  # from start to last byte, however steadily they trickle
_PIECE_BYTES = 64 * 1024
_MAX_PAGE_BYTES = 64 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024
_MAX_ATTEMPTS = 6
_MAX_REFUSALS = 20  # a 429 is no failure, but somebody should hear of a page that gets nothing else
_BACKOFF_BASE_SECONDS, _BACKOFF_CAP_SECONDS = 1.0, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for.

    Attributes:
        role: That the key needs for it; None: any valid key will do.
    """

    path: str
    query: Mapping[str, str | int]
    role: str | None

    def __str__(self) -> str:
        """Name it in a message."""
        return f"{self.path}{''.join(f' {name} {value}' for name, value in self.query.items() if name != 'pageSize')}"


# Answers any valid key: https://developer.kustomer.com/docs/get-started/quickstart, read 2026-11-23
CHECK_KEY = Request(path="/v1/auth/tokens/current", query={}, role=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came: the JSON of a page, the length of its body, decompressed, and how many requests failed before."""

    content: Any
    size_bytes: int
    retries: int


class _Bearer(AuthBase):
    """Sets the key as the last thing before a request leaves: no .netrc can replace it."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key.value}"
        return request


class Http:
    """Kustomer's API with one key. Safe to use from several threads.

    Args:
        base_url: ``https://acme.api.kustomerapp.com``.
        integration: For messages.
        read_seconds: How long the server may be silent.
    """

    def __init__(
        self,
        base_url: str,
        key: ApiKey,
        *,
        integration: IntegrationName,
        gate: Gate,
        clock: Clock,
        rng: Random,
        read_seconds: float = _READ_SECONDS,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).netloc
        self._integration = integration
        self._gate = gate
        self._clock = clock
        self._rng = rng
        self._timeout = (_CONNECT_SECONDS, read_seconds)
        self._key_is_text = is_api_key(key.value)
        self._session = Session(base_url, size=MAX_IN_FLIGHT)
        self._session.auth = _Bearer(key)
        self._session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip"})

    def interrupt(self) -> None:
        """Break off all requests under way."""
        self._session.interrupt()

    def close(self) -> None:
        """Let go of all connections."""
        self._session.close()

    def get(self, request: Request, is_wanted: Callable[[], bool]) -> Answer:
        """Fetch a page; try again while there is hope. `is_wanted` is asked before every attempt and while waiting.

        Raises:
            Unwanted: the page is not wanted any more.
            KeyRejected, RoleMissing, BrokenPage: final.
            RetryLater: all attempts have failed.
        """
        if not self._key_is_text:
            raise self._reject_key(" (it has characters that no key has)")
        failures = refusals = 0
        while True:
            try:
                content, size_bytes = self._attempt(request, is_wanted)
                return Answer(content=content, size_bytes=size_bytes, retries=failures + refusals)
            except Unauthorised as problem:
                raise self._explain(request, str(problem), is_wanted) from problem
            except Transient as problem:
                if not is_wanted():
                    raise Unwanted from problem
                failures, refusals = failures + (not problem.is_refusal), refusals + problem.is_refusal
                if failures == _MAX_ATTEMPTS or refusals == _MAX_REFUSALS:
                    raise problem.final from problem
                if not problem.is_refusal:  # else the gate is closed for long enough
                    most = min(_BACKOFF_CAP_SECONDS, _BACKOFF_BASE_SECONDS * 2 ** (failures - 1))
                    self._gate.rest(self._rng.random() * most, is_wanted)

    def _attempt(self, request: Request, is_wanted: Callable[[], bool]) -> tuple[Any, int]:
        """Ask once; return the content and its size."""
        where = f"{self._host}{request}"
        started_at = self._gate.enter(is_wanted)
        try:
            with self._session.get(
                self._base_url + request.path,
                params=request.query,
                stream=True,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                status, headers = response.status_code, response.headers
                body = self._read(response, started_at, where=where)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise Transient(RetryLater(f"{where}: {describe_outage(error)}")) from error
        if status == LIMITED or "retry-after" in headers:
            self._gate.pause(started_at, headers, is_refusal=status == LIMITED)
        else:
            self._gate.leave(started_at, headers, is_good=status == OK)
        check_status(status, headers, body, where=where)
        return (to_page(body, headers, where=where) if request.role else None), len(body)

    def _read(self, response: requests.Response, started_at: float, *, where: str) -> bytes:
        """Read the body piece by piece; of an error, as far as it can be read."""
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

    def _explain(self, request: Request, code: str, is_wanted: Callable[[], bool]) -> KeyRejected | RoleMissing:
        """Tell a bad key from a missing role: Kustomer answers 401 (some have seen 403) to both."""
        if request.role is None:
            return self._reject_key(code)
        self.get(CHECK_KEY, is_wanted)
        return RoleMissing(
            f"the key of {self._integration} is valid, but may not read {request.path}{code}: roles are fixed when "
            f"a key is made, so make one with the role {request.role} and add it as a new version of the secret"
        )

    def _reject_key(self, code: str) -> KeyRejected:
        return KeyRejected(
            f"the key of {self._integration} is rejected by {self._host}{code}: add a new version of its secret"
        )
