"""One request and its answer, as values; the bodies of errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

ErrorBody = Literal["message", "detail", "empty", "text"]
"""The two shapes of docs/kustomer-api.md section 6, nothing at all, and what a proxy in between would say."""

Cut = Literal["before", "reset", "close", "json"]
"""Reset before the answer; reset in mid-body; orderly close in mid-body; half of the body as if it were all of it."""

_CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limit_exceeded"}


@dataclass(slots=True, kw_only=True)
class Request:
    """What a client asked for, and what became of it. Times are monotonic seconds.

    Attributes:
        path: With its query.
        table: ``conversations``, ``satisfaction``, ``users`` or ``teams``; ``conversation``, one by its id;
            ``search`` or ``archive``; ``token`` (the key check); None for any other path.
        page: None where there are no pages, or their parameters are out of bounds.
        last_page: Of the list, when it was asked for; 0 where there is none.
        descending: Asked with ``sort=desc``.
        body: Of a search.
        attempt: 1 for the first request of this page in this order, 2 for the next one, …; of a search likewise.
        host: The `Host` header.
        at: When it arrived.
        started: When its answer started to go out; None before.
        ended: When the answer was out, or given up; None before.
        status: Of the answer; None before, and for good if the connection was cut before the status.
    """

    path: str
    table: str | None
    page: int | None
    descending: bool
    attempt: int
    host: str
    at: float
    last_page: int = 0
    body: bytes = b""
    started: float | None = None
    ended: float | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes over the wire, and how.

    Attributes:
        is_page: The body is a page of records.
        headers: Besides `Date` and the length of the body.
        wait_seconds: Silence before the first byte.
        padding_mb: Blanks streamed before the body, without a `Content-Length`.
        trickle_bytes, trickle_seconds: Size of a piece and pause after it; 0 bytes: all at once.
        cut: How the answer breaks off.
        dies: The server goes away instead of answering.
    """

    status: int
    body: bytes
    is_page: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json; charset=utf-8"})
    wait_seconds: float = 0.0
    padding_mb: int = 0
    trickle_bytes: int = 0
    trickle_seconds: float = 0.0
    cut: Cut | None = None
    dies: bool = False


def build_error(status: int, message: str, *, shape: ErrorBody = "message") -> bytes:
    """The body of an error, in one of its shapes."""
    code = _CODES.get(status, "error")
    match shape:
        case "message":
            return orjson.dumps({"errors": [{"code": code, "message": message, "meta": {}}]})
        case "detail":
            error = {"status": str(status), "code": code, "title": message, "detail": message, "source": {}}
            return orjson.dumps({"errors": [error]})
        case "empty":
            return b""
        case "text":
            return f"upstream said: {message}\n".encode()


def refuse(status: int, message: str) -> Answer:
    """Answer with an error."""
    return Answer(status=status, body=build_error(status, message))
