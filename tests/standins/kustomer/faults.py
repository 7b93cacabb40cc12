"""Faults: which requests they affect, and what happens to the responses. catalogue.py has faults by name."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field, replace
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from tests.standins.kustomer.exchange import Answer, Cut, ErrorBody, Request, build_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.standins.kustomer.store import Organisation

Place = Literal["first", "middle", "last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule. The first group of fields selects requests, the second says what happens to them.

    A fault affects only requests that the key, its role and the rate limit allow. Several faults may affect the same
    request.

    Attributes:
        table: As in `Request`. None: any.
        page: A number, or the first, the middle or the last page at the time of the request. None: any.
        descending, attempt: As in `Request`. None: any. ``attempt=1`` fails each page once.
        after: This many matching requests pass first.
        times: This many requests are affected. None: all that follow.
        lasts_seconds: How long the fault lasts after its first request, by the server's clock. None: for ever.
        probability: Decided by seed, path and attempt, so that it does not depend on the order of arrival.

        does: Called with the organisation before the page is built, so that it changes while it is read.
        wait_seconds: The pause before the response.
        status: From 300 on with an error body, unless there is a `body`.
        error: The form of the error body. With status 200: an error that looks like success.
        body: The body in place of the page.
        keeps: The page has only its first rows, this many. Its links stay.
        fewer: This many rows are missing at the end of the page. Its links stay.
        ends: The page says that it is the last one.
        next_link: The link in place of `links.next`.
        total_off: This number is added to `meta.total` of a search.
        digits: The first record has an integer attribute with this many digits.
        headers: Headers to add, to replace or, if None, to remove. ``{other}`` is this server under another host name.
        gzip: ``lie``: only the header says gzip; ``truncated``: half of the compressed body.
        padding_mb: This many MB of blanks are streamed before the body. The page is valid, but huge.
        trickle_bytes, trickle_seconds: The size of a piece, and the pause after it. After 1000 pieces the connection
            closes.
        cut: See `Cut`.
        dies: The server closes its port and all connections, without a response.
    """

    table: str | None = None
    page: int | Place | None = None
    descending: bool | None = None
    attempt: int | None = None
    after: int = 0
    times: int | None = None
    lasts_seconds: float | None = None
    probability: float = 1.0

    does: Callable[[Organisation], object] | None = None
    wait_seconds: float = 0.0
    status: int | None = None
    error: ErrorBody | None = None
    body: bytes | None = None
    keeps: int | None = None
    fewer: int = 0
    ends: bool = False
    next_link: str | None = None
    total_off: int = 0
    digits: int = 0
    headers: Mapping[str, str | None] = field(default_factory=dict)
    gzip: Literal["lie", "truncated"] | None = None
    padding_mb: int = 0
    trickle_bytes: int = 0
    trickle_seconds: float = 0.1
    cut: Cut | None = None
    dies: bool = False

    def matches(self, request: Request) -> bool:
        """Whether the rule selects this request."""
        places = {"first": 1, "middle": (request.last_page + 1) // 2, "last": request.last_page}
        page = places[self.page] if isinstance(self.page, str) else self.page
        wanted = (self.table, page, self.descending, self.attempt)
        given = (request.table, request.page, request.descending, request.attempt)
        return all(want is None or want == have for want, have in zip(wanted, given, strict=True))

    def apply(self, answer: Answer) -> Answer:
        """Apply the fault to a normal response."""
        status, body = self.status or answer.status, self._change_body(answer)
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
            is_page=answer.is_page and status == answer.status and self.body is None,
            headers={name: value for name, value in headers.items() if value is not None},
            wait_seconds=answer.wait_seconds + self.wait_seconds,
            padding_mb=answer.padding_mb + self.padding_mb,
            trickle_bytes=self.trickle_bytes or answer.trickle_bytes,
            trickle_seconds=max(self.trickle_seconds, answer.trickle_seconds),
            cut=self.cut or answer.cut,
            dies=self.dies or answer.dies,
        )

    def _change_body(self, answer: Answer) -> bytes:
        status, body = self.status or answer.status, answer.body
        if self.body is not None:
            body = self.body
        elif self.error or status >= 300:
            body = build_error(status, "the sandbox was asked to fail", shape=self.error or "message")
        elif answer.is_page and (self.keeps is not None or self.fewer or self.ends or self.next_link or self.total_off):
            body = self._change_page(json.loads(body))
        if self.digits:
            body = body.replace(b'"attributes":{', b'"attributes":{"hugeNum":%b,' % (b"9" * self.digits), 1)
        if self.gzip == "truncated":
            body = gzip.compress(body, 1)
            body = body[: len(body) // 2]
        return body

    def _change_page(self, page: dict[str, Any]) -> bytes:
        """Remove rows and links from a page, or change its total."""
        rows = page["data"]
        kept = len(rows) if self.keeps is None else self.keeps
        page["data"] = rows[: max(0, min(kept, len(rows) - self.fewer))]
        if "total" in page["meta"]:
            page["meta"]["total"] += self.total_off
        if self.ends or self.next_link:
            page["links"] = {**page.get("links", {}), "next": self.next_link}
        return json.dumps(page, separators=(",", ":")).encode()


@dataclass(slots=True)
class _Rule:
    """A fault in force.

    Attributes:
        matched: The number of matching requests so far.
        until: When it ends. None before its first request, and if it never ends.
    """

    fault: Fault
    matched: int = 0
    until: float | None = None

    def affects(self, now: float) -> bool:
        """Count a matching request. Return whether it is affected."""
        self.matched += 1
        number = self.matched - self.fault.after
        if number <= 0 or (self.fault.times is not None and number > self.fault.times):
            return False
        if self.until is None and self.fault.lasts_seconds is not None:
            self.until = now + self.fault.lasts_seconds
        return self.until is None or now < self.until


class Faults:
    """The rules in force, in the order in which they were added, and how many requests each has matched."""

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        self._seed = seed
        self._clock = clock
        self._lock = Lock()
        self._rules: list[_Rule] = []

    def add(self, fault: Fault) -> None:
        """Add a rule."""
        with self._lock:
            self._rules.append(_Rule(fault))

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._rules.clear()

    def find(self, request: Request) -> list[Fault]:
        """Find the faults that affect this request."""
        with self._lock:
            rules = [rule for position, rule in enumerate(self._rules) if self._is_drawn(rule.fault, position, request)]
            return [rule.fault for rule in rules if rule.affects(self._clock())]

    def _is_drawn(self, fault: Fault, position: int, request: Request) -> bool:
        if not fault.matches(request) or fault.probability >= 1:
            return fault.matches(request)
        what = f"{self._seed} {position} {request.path} {request.body.decode()} {request.attempt}"
        return Random(what).random() < fault.probability
