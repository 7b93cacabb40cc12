"""Refusals of the server: the error of a response, or of a failed job."""

from __future__ import annotations

from typing import Any

# https://cloud.google.com/bigquery/docs/error-messages, read 2026-11-23
_STATUS_OF_REASON = {"accessDenied": 403, "duplicate": 409, "notFound": 404, "notImplemented": 501}


class Refusal(Exception):
    """A refusal with BigQuery's reason.

    Args:
        reason: ``notFound``, ``invalid`` …
        status: The HTTP status. The default follows from the reason, else 400.
        details: More errors of a job, each ``{"reason", "message"}``.
    """

    def __init__(
        self, reason: str, message: str, *, status: int | None = None, details: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status or _STATUS_OF_REASON.get(reason, 400)
        self.details = details or []

    @property
    def error(self) -> dict[str, str]:
        """Build the error of a job."""
        return {"reason": self.reason, "message": str(self)}

    @property
    def body(self) -> dict[str, Any]:
        """Build the body of the response."""
        return {
            "error": {"code": self.status, "message": str(self), "errors": [{**self.error, "domain": "global"}]},
        }


def invalid(message: str) -> Refusal:
    """Build the refusal of a malformed request."""
    return Refusal("invalid", message)


def not_found(what: str) -> Refusal:
    """Build the refusal for something that does not exist."""
    return Refusal("notFound", f"Not found: {what}")


def unsupported(what: str) -> Refusal:
    """Build the refusal of what is not served here. It is a 501, because clients retry a 500 for ten minutes."""
    return Refusal("notImplemented", f"this stand-in does not serve {what}")


def refuse_unsupported(configuration: dict[str, Any], served: frozenset[str], what: str) -> None:
    """Refuse every option that is set but not served, so that none is silently ignored."""
    unknown = sorted(name for name, value in configuration.items() if value and name not in served)
    if unknown:
        raise unsupported(f"{what} with {', '.join(unknown)}")
