"""A request and its response as values, and the bodies of errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

ErrorBody = Literal["message", "detail", "empty", "text"]
"""The two forms in docs/kustomer-api.md section 6, an empty body, and the text of a proxy."""

Cut = Literal["before", "reset", "close", "json"]
"""Reset before the response; reset within the body; close within the body; half of the body with its own length."""

_CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limit_exceeded"}


@dataclass(slots=True, kw_only=True)
class Request:
    """A request of a client, and its result. Times are monotonic seconds.

    Attributes:
        path: The path with its query.
        table: ``conversations``, ``satisfaction``, ``users`` or ``teams``; ``conversation``, one by its id;
            ``search`` or ``archive``; ``token`` (the key check); None for any other path.
        page: None if the endpoint has no pages, or if its parameters are out of bounds.
        last_page: The last page of the list at that time. 0 if there is none.
        descending: Whether it has ``sort=desc``.
        body: The body of a search.
        attempt: 1 for the first request of this page in this order, or of this search; 2 for the next one, …
        host: The `Host` header.
        at: When it arrived.
        started: When sending the response began. None before that.
        ended: When the response was sent, or given up. None before that.
        status: The status of the response. None before it, and if the connection was cut before the status.
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
    """A response, and how it is sent.

    Attributes:
        is_page: The body is a page of records.
        headers: The headers except `Date` and the length of the body.
        wait_seconds: The pause before the first byte.
        padding_mb: Blanks that are streamed before the body, without a `Content-Length`.
        trickle_bytes, trickle_seconds: The size of a piece, and the pause after it. 0 bytes: all at once.
        cut: How the response is cut off.
        dies: The server ends instead of answering.
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
    """Build the body of an error in one of its forms."""
    code = _CODES.get(status, "error")
    match shape:
        case "message":
            return msgspec.json.encode({"errors": [{"code": code, "message": message, "meta": {}}]})
        case "detail":
            error = {"status": str(status), "code": code, "title": message, "detail": message, "source": {}}
            return msgspec.json.encode({"errors": [error]})
        case "empty":
            return b""
        case "text":
            return f"upstream said: {message}\n".encode()


def refuse(status: int, message: str) -> Answer:
    """Build an error response."""
    return Answer(status=status, body=build_error(status, message))
