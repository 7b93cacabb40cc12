"""Translates Google's exceptions: `RetryLater` for temporary failures, a `NeedsPerson` for all others.

A message quotes the service only after addresses and values are removed, so that it cannot hold a part of a row.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import requests
from google.api_core import exceptions as api
from google.api_core import retry as retries
from google.auth import exceptions as auth

from kustomer_extract.errors import NeedsPerson, RetryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_VENDOR_ERRORS = (api.GoogleAPIError, auth.GoogleAuthError, OSError)  # all exceptions of requests are OSErrors

# HTTP statuses; they also stand for the corresponding gRPC codes.
# Source: https://cloud.google.com/apis/design/errors#handling_errors, read 2026-11-23.
_TRANSIENT_STATUSES = frozenset({308, 408, 409, 412, 425, 429, 499})  # and all from 500 on, except
_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501

# BigQuery's reasons are more exact than its statuses: a used-up quota is a 403.
# Source: https://cloud.google.com/bigquery/docs/error-messages, read 2026-11-23.
_TRANSIENT_REASONS = frozenset({
    "backendError", "badGateway", "blocked", "internalError", "jobBackendError", "jobInternalError",
    "jobRateLimitExceeded", "quotaExceeded", "rateLimitExceeded", "stopped", "tableUnavailable", "timeout",
})  # fmt: skip

_CREDENTIALS_CURE = (
    "No usable Google credentials: in the cloud, see whether the function's service account still exists; "
    "on a laptop, run: gcloud auth application-default login"
)
_MAX_WORDS = 300  # characters of a service's own message

SHORT_RETRY = retries.Retry(
    predicate=retries.if_exception_type(
        api.ServiceUnavailable,
        api.TooManyRequests,
        api.InternalServerError,
        api.BadGateway,
        api.GatewayTimeout,
        api.Aborted,
        auth.TransportError,
        requests.ConnectionError,
        requests.Timeout,
    ),
    initial=0.2,
    maximum=5.0,
    timeout=30.0,
)
"""Repeats one call for half a minute. A longer failure is left to redelivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of Google's services, and how its failures are reported.

    Attributes:
        name: Its name in messages: ``BigQuery``.
        refuse: Builds the `NeedsPerson` from what was refused and its cure.
        cures: Class of an exception → what a person has to do. The first class that fits is used.
    """

    name: str
    refuse: Callable[[str, str], NeedsPerson]
    cures: Mapping[type[Exception], str] = field(default_factory=lambda: MappingProxyType({}))

    @contextmanager
    def translate(self, doing: str) -> Iterator[None]:
        """Translate the exceptions that are raised inside.

        Args:
            doing: What is being done: ``"reading integrations/acme"``.
        """
        try:
            yield
        except _VENDOR_ERRORS as error:
            raise self.to_ours(error, doing) from error

    def to_ours(self, error: Exception, doing: str) -> RetryLater | NeedsPerson:
        """Return our exception for one of Google's."""
        what = f"{self.name}: {doing}: {describe(error)}"
        if is_transient(error):
            return RetryLater(what)
        cures = {**self.cures, auth.GoogleAuthError: _CREDENTIALS_CURE}
        unexpected = "This was not foreseen; please report it"
        return self.refuse(what, next((cure for kind, cure in cures.items() if isinstance(error, kind)), unexpected))


def is_transient(error: Exception) -> bool:
    """Whether the same work may succeed later."""
    if to_reason(error) in _TRANSIENT_REASONS or is_unfound_job(error):
        return True
    if isinstance(error, auth.GoogleAuthError):
        return bool(error.retryable) or isinstance(error, auth.TransportError)
    if isinstance(error, api.GoogleAPICallError) and error.code is not None:
        status = int(error.code)
        return status in _TRANSIENT_STATUSES or (status >= _SERVER_ERROR and status != _NOT_IMPLEMENTED)
    return isinstance(error, (api.RetryError, api.ServerError, api.ResumableTransferError, OSError))


def is_unfound_job(error: Exception) -> bool:
    """Whether BigQuery does not find a job. For a moment this happens to a job that was just inserted.

    Source: github.com/googleapis/python-bigquery/issues/2134, read 2026-11-23.
    """
    return isinstance(error, api.NotFound) and "Not found: Job" in str(error.message)


def describe(error: Exception) -> str:
    """Describe an error in one line: status, reason, and the service's message without addresses and values."""
    if isinstance(error, api.RetryError) and error.cause is not None:
        return f"{describe(error.cause)} (tried repeatedly)"
    if not isinstance(error, api.GoogleAPICallError):
        return type(error).__name__  # its text may hold an address with a token
    status = f"{int(error.code)} " if error.code is not None else ""
    return f"{status}{to_reason(error) or type(error).__name__}: {_clean(str(error.message))}"


def to_reason(error: Exception) -> str | None:
    """Return BigQuery's reason for an exception: ``notFound``; None if there is none."""
    errors = error.errors if isinstance(error, api.GoogleAPICallError) else ()
    first = errors[0] if errors else None
    reason = first.get("reason") if isinstance(first, dict) else None
    return reason if isinstance(reason, str) else None


def _clean(words: str) -> str:
    """Remove addresses and values from a service's message, and what BigQuery's client appends to it."""
    words = re.sub(r"(\b[A-Z]+ )?https?://\S+", "", words)
    words = re.split(r"[Vv]alue:|; reason: |\n\nLocation: ", words)[0]
    return " ".join(words.split())[:_MAX_WORDS].strip(" .:;")
