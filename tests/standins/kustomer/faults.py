"""The catalogue of misbehaviour: which requests are struck, and what becomes of their answers."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field, replace
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from tests.standins.kustomer.exchange import Answer, Cut, ErrorBody, Request, build_error
from tests.standins.kustomer.store import Organisation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule: the first group of fields says which requests are struck, the second what happens to them.

    Only requests that would have been answered well are struck: key, role and rate limit come before. Several faults
    may strike the same request.

    Attributes:
        table: ``conversations``, ``satisfaction`` or ``token``; None: any.
        page, descending, attempt: As in `Request`; None: any. ``attempt=1`` fails each page once.
        after: So many matching requests pass first.
        times: So many are struck; None: all that follow.
        probability: By seed, path and attempt, so that it does not depend on the order of arrival.

        does: Called with the organisation before the page is made: it changes while it is paged.
        wait_seconds: Silence before the answer.
        status: With an error body from 300 on, unless there is a `body`.
        error: The shape of the error body; with status 200, an error that looks like success.
        body: Instead of the page.
        keeps: Only the first so many rows of the page, which has its links all the same.
        ends: The page says that it is the last one.
        next_link: Instead of `links.next`.
        headers: Added, replaced or, when None, removed; ``{other}`` is this server under another host name.
        gzip: ``lie``: only the header says so; ``truncated``: half of the compressed body.
        padding_mb: So many MB of blanks before the body, streamed: a valid page, and a huge one.
        trickle_bytes, trickle_seconds: Size of a piece and pause after it; the connection closes after 1000 pieces.
        cut: See `Cut`.
        dies: The server closes its port and all connections, without an answer.
    """

    table: str | None = None
    page: int | None = None
    descending: bool | None = None
    attempt: int | None = None
    after: int = 0
    times: int | None = None
    probability: float = 1.0

    does: Callable[[Organisation], object] | None = None
    wait_seconds: float = 0.0
    status: int | None = None
    error: ErrorBody | None = None
    body: bytes | None = None
    keeps: int | None = None
    ends: bool = False
    next_link: str | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    gzip: Literal["lie", "truncated"] | None = None
    padding_mb: int = 0
    trickle_bytes: int = 0
    trickle_seconds: float = 0.1
    cut: Cut | None = None
    dies: bool = False

    def matches(self, request: Request) -> bool:
        """Whether the rule is about such a request."""
        wanted = (self.table, self.page, self.descending, self.attempt)
        given = (request.table, request.page, request.descending, request.attempt)
        return all(want is None or want == have for want, have in zip(wanted, given, strict=True))

    def spoil(self, answer: Answer) -> Answer:
        """Make of a good answer what the fault wants."""
        status, body = self.status or answer.status, self._spoil_body(answer)
        headers: dict[str, str | None] = {**answer.headers}
        if self.error == "text":
            headers["Content-Type"] = "text/plain"
        if self.gzip:
            headers["Content-Encoding"] = "gzip"
        headers |= self.headers
        return replace(
            answer,
            status=status,
            body=body,
            headers={name: value for name, value in headers.items() if value is not None},
            wait_seconds=answer.wait_seconds + self.wait_seconds,
            padding_mb=answer.padding_mb + self.padding_mb,
            trickle_bytes=self.trickle_bytes or answer.trickle_bytes,
            trickle_seconds=max(self.trickle_seconds, answer.trickle_seconds),
            cut=self.cut or answer.cut,
            dies=self.dies or answer.dies,
        )

    def _spoil_body(self, answer: Answer) -> bytes:
        status, body = self.status or answer.status, answer.body
        if self.body is not None:
            body = self.body
        elif self.error or status >= 300:
            body = build_error(status, "the sandbox was told to fail", shape=self.error or "message")
        elif self.keeps is not None or self.ends or self.next_link:
            body = self._spoil_page(json.loads(body))
        if self.gzip == "truncated":
            body = gzip.compress(body, 1)
            body = body[: len(body) // 2]
        return body

    def _spoil_page(self, page: dict[str, Any]) -> bytes:
        """Take rows and links away from a page."""
        if self.keeps is not None:
            page["data"] = page["data"][: self.keeps]
        if self.ends or self.next_link:
            page["links"] = {**page.get("links", {}), "next": self.next_link}
        return json.dumps(page).encode()


class Faults:
    """The rules in force, in the order they were added, and how many requests each has matched."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = Lock()
        self._rules: list[tuple[Fault, list[Request]]] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append((fault, []))

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._rules.clear()

    def strike(self, request: Request) -> list[Fault]:
        """The faults that this request meets."""
        struck = []
        with self._lock:
            for position, (fault, matched) in enumerate(self._rules):
                if not fault.matches(request) or not self._happens(fault, position, request):
                    continue
                matched.append(request)
                number = len(matched) - fault.after
                if number > 0 and (fault.times is None or number <= fault.times):
                    struck.append(fault)
        return struck

    def _happens(self, fault: Fault, position: int, request: Request) -> bool:
        if fault.probability >= 1:
            return True
        return Random(f"{self._seed} {position} {request.path} {request.attempt}").random() < fault.probability


_REFUSALS = (400, 401, 403, 404, 409)
_STATUSES = (400, 401, 403, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504)
_FIRST_PAGE = "/v1/conversations?page=1&pageSize=100"

CATALOGUE: Mapping[str, Fault] = {
    **{f"status-{status}": Fault(status=status) for status in _STATUSES},
    **{f"status-{status}-once": Fault(status=status, attempt=1) for status in _REFUSALS},
    "detail-500": Fault(status=500, error="detail"),
    "empty-502": Fault(status=502, error="empty"),
    "text-503": Fault(status=503, error="text"),
    "error-200": Fault(status=200, error="message"),
    "html-200": Fault(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}),
    "not-json": Fault(body=b'{"data": [oops'),
    "not-a-page": Fault(body=b'["data"]'),
    "empty-body": Fault(body=b""),
    "no-rows": Fault(keeps=0),
    "no-rows-once": Fault(keeps=0, attempt=1),
    "short-page": Fault(keeps=40),
    "short-page-once": Fault(keeps=40, attempt=1),
    "ends-early": Fault(keeps=10, ends=True),
    "ends-early-once": Fault(keeps=10, ends=True, attempt=1),
    "ends-empty-once": Fault(keeps=0, ends=True, attempt=1),
    "text-type": Fault(headers={"Content-Type": "text/plain"}),
    "html-type": Fault(headers={"Content-Type": "text/html"}),
    "octet-type": Fault(headers={"Content-Type": "application/octet-stream"}),
    "retry-after-0": Fault(headers={"Retry-After": "0"}),
    "retry-after-1": Fault(headers={"Retry-After": "1"}),
    "retry-after-minus-1": Fault(headers={"Retry-After": "-1"}),
    "retry-after-soon": Fault(headers={"Retry-After": "soon"}),
    "retry-after-empty": Fault(headers={"Retry-After": ""}),
    "retry-after-past": Fault(headers={"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"}),
    "retry-after-absurd": Fault(headers={"Retry-After": "Thu, 01 Jan 99999 00:00:00 GMT"}),
    "link-port": Fault(next_link="https://acme.api.kustomerapp.com:443/v1/conversations?page=9999&pageSize=100"),
    "link-kustomer": Fault(next_link="https://api.prod2.kustomerapp.com/v1/conversations?page=9999&pageSize=100"),
    "link-foreign": Fault(next_link="https://evil.example/v1/conversations?page=9999&pageSize=100"),
    "other-pod": Fault(
        status=401,
        body=b'{"errors":[{"code":"unauthorized","title":"token issued for prod2, request reached prod1"}]}',
    ),
    "outage": Fault(status=503, times=60),
    "reset-before": Fault(cut="before"),
    "reset-in-body": Fault(cut="reset"),
    "close-in-body": Fault(cut="close"),
    "half-json": Fault(cut="json"),
    "gzip-lie": Fault(gzip="lie"),
    "gzip-truncated": Fault(gzip="truncated"),
    "redirect-here": Fault(status=302, headers={"Location": _FIRST_PAGE}),
    "redirect-elsewhere": Fault(status=302, headers={"Location": "{other}" + _FIRST_PAGE}),
    "huge": Fault(padding_mb=256),
    "trickle": Fault(trickle_bytes=64, trickle_seconds=0.1),
    "slow": Fault(wait_seconds=5.0),
    "insert": Fault(does=Organisation.insert),
    "update": Fault(does=Organisation.update),
    "delete": Fault(does=Organisation.delete),
    "dies": Fault(dies=True),
}
"""Faults by name, for the command line and for tests that go through all of them."""
