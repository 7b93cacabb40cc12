"""Every exception of Google's libraries becomes the right one of ours. A new one after an upgrade fails a test."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth import exceptions as auth

from kustomer_extract.adapters.google.errors import Service
from kustomer_extract.errors import NeedsPerson, RetryLater, WarehouseRefused

api: Any = exceptions  # the library's constructors have no types

SERVICE = Service(
    name="BigQuery",
    refuse=lambda what, cure: WarehouseRefused(f"{what} => {cure}"),
    cures={api.NotFound: "make it", api.Forbidden: "allow it"},
)

# All of google.api_core.exceptions. If an upgrade adds one, a test fails until it is in one of these lists.
LATER = {
    "Aborted", "AlreadyExists", "BadGateway", "Cancelled", "Conflict", "DataLoss", "DeadlineExceeded",
    "GatewayTimeout", "InternalServerError", "MissingStatusHeaderError", "PreconditionFailed", "ResourceExhausted",
    "ResumableTransferError", "ResumeIncomplete", "RetryError", "ServerError", "ServiceUnavailable",
    "TooManyRequests", "TransferStalledError", "Unknown", "UnseekableStreamError", "UploadCancelledError",
}  # fmt: skip
PERSON = {
    "BadRequest", "ClientError", "DuplicateCredentialArgs", "FailedPrecondition", "Forbidden", "GoogleAPICallError",
    "GoogleAPIError", "InvalidArgument", "LengthRequired", "MethodNotAllowed", "MethodNotImplemented",
    "MovedPermanently", "NotFound", "NotModified", "OutOfRange", "PermissionDenied", "Redirection",
    "RequestRangeNotSatisfiable", "TemporaryRedirect", "Unauthenticated", "Unauthorized",
}  # fmt: skip
ASYNCHRONOUS = {"AsyncRestUnsupportedParameterError"}  # of clients that the product does not use


def translate(error: Exception) -> Exception:
    with pytest.raises((RetryLater, NeedsPerson)) as caught, SERVICE.translate("doing it"):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


def list_exceptions(module: Any) -> dict[str, type[Exception]]:
    return {
        name: kind
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == module.__name__
    }


def test_every_exception_of_the_library_is_in_a_list() -> None:
    assert set(list_exceptions(api)) == LATER | PERSON | ASYNCHRONOUS


@pytest.mark.parametrize("name", sorted(LATER | PERSON))
def test_an_api_error_is_transient_or_needs_a_person(name: str) -> None:
    kind: Any = getattr(api, name)
    error = kind("words", None) if name == "RetryError" else kind("words")

    assert type(translate(error)) is (RetryLater if name in LATER else WarehouseRefused)


@pytest.mark.parametrize("kind", list_exceptions(auth).values(), ids=lambda kind: kind.__name__)
def test_an_error_of_credentials_is_transient_only_if_it_is_a_transport_error(kind: type[Exception]) -> None:
    ours = translate(kind("words"))

    if issubclass(kind, auth.TransportError):
        assert isinstance(ours, RetryLater)
    else:
        assert isinstance(ours, WarehouseRefused)
        assert "gcloud auth application-default login" in str(ours)


def test_a_retryable_error_of_credentials_is_transient() -> None:
    error = auth.RefreshError("words", retryable=True)  # type: ignore[no-untyped-call]  # the library's gap

    assert isinstance(translate(error), RetryLater)


@pytest.mark.parametrize(
    "error",
    [requests.ConnectionError("words"), requests.Timeout("words"), ConnectionResetError(), TimeoutError()],
    ids=repr,
)
def test_a_failed_connection_is_a_transient_error(error: Exception) -> None:
    assert str(translate(error)) == f"BigQuery: doing it: {type(error).__name__}"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 520, 599])
def test_a_status_without_a_class_is_judged_by_its_number(status: int) -> None:
    assert isinstance(translate(api.from_http_status(status, "words")), RetryLater)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (403, "quotaExceeded", RetryLater),
        (403, "rateLimitExceeded", RetryLater),
        (403, "blocked", RetryLater),
        (400, "jobBackendError", RetryLater),
        (400, "tableUnavailable", RetryLater),
        (403, "accessDenied", WarehouseRefused),
        (403, "billingNotEnabled", WarehouseRefused),
        (400, "resourcesExceeded", WarehouseRefused),
        (400, "invalidQuery", WarehouseRefused),
    ],
)
def test_a_reason_of_bigquery_counts_more_than_the_status(status: int, reason: str, kind: type[Exception]) -> None:
    error = api.from_http_status(status, "words", errors=[{"reason": reason}])

    assert type(translate(error)) is kind


def test_a_message_about_exhausted_retries_has_the_last_failure() -> None:
    error = api.RetryError("Timeout of 30.0s exceeded", api.ServiceUnavailable("busy"))

    assert str(translate(error)) == "BigQuery: doing it: 503 ServiceUnavailable: busy (tried repeatedly)"


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (api.NotFound("words"), "make it"),
        (api.PermissionDenied("words"), "allow it"),
        (api.BadRequest("words"), "This was not foreseen; please report it"),
    ],
)
def test_a_refusal_has_the_remedy_of_its_kind(error: exceptions.GoogleAPICallError, cure: str) -> None:
    expected = f"BigQuery: doing it: {error.code} {type(error).__name__}: words => {cure}"

    assert str(translate(error)) == expected


def test_addresses_and_values_are_not_in_a_message() -> None:
    words = "POST https://bigquery.googleapis.com/upload?upload_id=secret: Bad int. Field: a; Value: secret"

    assert "secret" not in str(translate(api.BadRequest(words)))
    assert "secret" not in str(translate(requests.ConnectionError("https://host/?upload_id=secret")))


def test_other_exceptions_are_not_translated() -> None:
    with pytest.raises(KeyError), SERVICE.translate("doing it"):
        raise KeyError
