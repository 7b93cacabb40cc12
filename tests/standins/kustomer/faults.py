"""The catalogue of misbehaviour: which requests are struck, and what becomes of their answers."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field, replace
from random import Random
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import orjson

from tests.standins.kustomer.exchange import Answer, Cut, ErrorBody, Request, build_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.standins.kustomer.store import Organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule. All fields of the first group must match; all fields of the second that are set take effect, in order.

    A fault strikes only requests that would have been answered well (key, role and rate limit are checked before).

    Attributes:
        table: ``conversations``, ``satisfaction`` or ``token``; None: any.
        page, descending, attempt: As in `Request`; None: any. ``attempt=1`` strikes each page once.
        after: So many matching requests pass first.
        times: So many are struck; None: all.
        probability: By seed, table, page and attempt, so that it does not depend on the order of arrival.

        does: Runs before the answer is made: the organisation changes while it is paged.
        wait_seconds: Silence before the answer.
        status: With an error body (`error`) unless it is 200 or there is a `body`.
        error: The shape of the error body; with status 200, an error that says it is none.
        body: Instead of the page.
        no_rows: The page as it is, with its links, but with no rows.
        headers: Replace or, when None, remove headers; ``{other}`` is this server under another host name.
        gzip: ``lie``: only the header says so; ``truncated``: the compressed body is cut.
        padding_mb: Blanks before the body, streamed: a page that is valid, and huge.
        trickle: Bytes per piece and seconds between pieces; at most 1000 pieces, then the connection closes.
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
    no_rows: bool = False
    headers: Mapping[str, str | None] = field(default_factory=dict)
    gzip: Literal["lie", "truncated"] | None = None
    padding_mb: int = 0
    trickle: tuple[int, float] | None = None
    cut: Cut | None = None
    dies: bool = False

    def matches(self, request: Request) -> bool:
        """Whether the rule is about such a request."""
        wanted = (self.table, self.page, self.descending, self.attempt)
        given = (request.table, request.page, request.descending, request.attempt)
        return all(want is None or want == have for want, have in zip(wanted, given, strict=True))

    def spoil(self, answer: Answer) -> Answer:
        """Make of a good answer what the fault wants."""
        status, body, headers = self.status or answer.status, answer.body, {**answer.headers, **self.headers}
        if self.body is not None:
            body = self.body
        elif self.error or status >= 300:
            body = build_error(status, "the sandbox was told to fail", shape=self.error or "message")
        elif self.no_rows:
            body = orjson.dumps({**orjson.loads(body), "data": []})
        if self.gzip:
            body = body if self.gzip == "lie" else gzip.compress(body, 1)[: len(body) // 40]
            headers["Content-Encoding"] = "gzip"
        return replace(
            answer,
            status=status,
            body=body,
            headers={name: value for name, value in headers.items() if value is not None},
            wait_seconds=answer.wait_seconds + self.wait_seconds,
            padding_mb=self.padding_mb or answer.padding_mb,
            trickle=self.trickle or answer.trickle,
            cut=self.cut or answer.cut,
            dies=self.dies or answer.dies,
        )


class Faults:
    """The rules in force, in the order they were added, and how often each has struck."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = Lock()
        self._rules: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append((fault, [0]))

    def clear(self) -> None:
        """Be well again."""
        with self._lock:
            self._rules.clear()

    def strike(self, request: Request) -> list[Fault]:
        """The faults that this request meets."""
        with self._lock:
            return [fault for fault, seen in self._rules if self._meets(fault, seen, request)]

    def _meets(self, fault: Fault, seen: list[int], request: Request) -> bool:
        chance = Random(f"{self._seed} {request.table} {request.page} {request.attempt}").random()
        if not fault.matches(request) or chance >= fault.probability:
            return False
        seen[0] += 1
        return fault.after < seen[0] and (fault.times is None or seen[0] <= fault.after + fault.times)


_HTML = {"Content-Type": "text/html"}

CATALOGUE: Mapping[str, Fault] = MappingProxyType(
    {
        f"status-{status}": Fault(status=status)
        for status in (400, 401, 403, 404, 408, 422, 429, 500, 501, 502, 503, 504)
    }
    | {
        "detail-500": Fault(status=500, error="detail"),
        "empty-502": Fault(status=502, error="empty"),
        "text-503": Fault(status=503, error="text", headers={"Content-Type": "text/plain"}),
        "error-200": Fault(status=200, error="message"),
        "html-200": Fault(status=200, body=b"<html>Sign in</html>", headers=_HTML),
        "not-json": Fault(body=b'{"data": [oops'),
        "not-a-page": Fault(body=b'["data"]'),
        "empty-body": Fault(body=b""),
        "no-rows": Fault(no_rows=True),
        "reset-before": Fault(cut="before"),
        "reset-in-body": Fault(cut="reset"),
        "close-in-body": Fault(cut="close"),
        "half-json": Fault(cut="json"),
        "gzip-lie": Fault(gzip="lie"),
        "gzip-truncated": Fault(gzip="truncated"),
        "redirect-here": Fault(status=302, headers={"Location": "/v1/conversations?page=1&pageSize=100"}),
        "redirect-elsewhere": Fault(status=302, headers={"Location": "{other}/v1/conversations?page=1&pageSize=100"}),
        "huge": Fault(padding_mb=256),
        "trickle": Fault(trickle=(64, 0.1)),
        "slow": Fault(wait_seconds=5.0),
        "insert": Fault(does=lambda organisation: organisation.insert()),
        "update": Fault(does=lambda organisation: organisation.update(0)),
        "delete": Fault(does=lambda organisation: organisation.delete(0)),
        "dies": Fault(dies=True),
    }
)
"""Faults by name, for the command line and for tests that go through all of them."""


def parse_fault(text: str) -> Fault:
    """Read ``NAME[:field=value,…]``: a fault of the catalogue, with fields replaced; values are JSON or plain words.

    Raises:
        ValueError: no such fault, or no such field.
    """
    name, _, settings = text.partition(":")
    if name not in CATALOGUE:
        raise ValueError(f"no fault is called {name!r}; there are: {', '.join(CATALOGUE)}")
    fields = dict(setting.split("=", 1) for setting in settings.split(",") if setting)
    try:
        return replace(CATALOGUE[name], **{field: _parse_value(value) for field, value in fields.items()})
    except TypeError as unknown:
        raise ValueError(f"{text!r}: {unknown}") from unknown


def _parse_value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
