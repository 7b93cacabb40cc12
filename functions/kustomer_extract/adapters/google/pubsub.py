"""Pub/Sub: sends the message that starts or continues a run. It uses REST: one call needs no client library.

Source: https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish, read 2026-11-23.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import google.auth
import requests
from google.api_core.exceptions import Forbidden, NotFound, from_http_response
from google.auth.transport.requests import AuthorizedSession

from kustomer_extract.adapters.google.errors import SHORT_RETRY, Service
from kustomer_extract.errors import ServiceRefused

if TYPE_CHECKING:
    from google.api_core.retry import Retry

    from kustomer_extract.models import Message

_ENDPOINT = "https://pubsub.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/pubsub",)


class PubSubContinuations:
    """Implements `Continuations`.

    Args:
        topic: ``projects/P/topics/T``.
        session: Signs the requests; see `connect`.
        retry: Repeats the call.
        call_seconds: How long one call may take.
    """

    def __init__(
        self,
        topic: str,
        *,
        session: requests.Session,
        endpoint: str = _ENDPOINT,
        retry: Retry = SHORT_RETRY,
        call_seconds: float = 20.0,
    ) -> None:
        self._url = f"{endpoint}/v1/{topic}:publish"
        self._session = session
        self._publish = retry(self._post)
        self._call_seconds = call_seconds
        self._service = _describe_service(topic)

    def publish(self, message: Message) -> None:
        """Publish the message. A second delivery does no harm."""
        data = base64.b64encode(json.dumps(to_body(message)).encode()).decode()
        with self._service.translate("publishing a message"):
            self._publish({"messages": [{"data": data}]})

    def _post(self, body: dict[str, Any]) -> None:
        with self._session.post(self._url, json=body, timeout=self._call_seconds) as answer:
            if not answer.ok:
                raise from_http_response(answer)  # type: ignore[no-untyped-call]  # the library's gap


def connect(topic: str, *, emulator_host: str | None = None) -> PubSubContinuations:
    """Use the application default credentials; with an emulator (``host:port``) none, and plain HTTP."""
    if emulator_host:
        return PubSubContinuations(topic, session=requests.Session(), endpoint=f"http://{emulator_host}")
    with _describe_service(topic).translate("looking for credentials"):
        credentials, _ = google.auth.default(scopes=_SCOPES)
    session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # the library's gap
    return PubSubContinuations(topic, session=session)


def to_body(message: Message) -> dict[str, Any]:
    """Write the body that `parse_message` reads: ``{"integration", "trigger", "run_id"?, "hop"?}``."""
    continued = {"run_id": message.run_id, "hop": message.hop} if message.run_id else {}
    return {"integration": message.integration, "trigger": message.trigger.value, **continued}


def _describe_service(topic: str) -> Service:
    """Say what a person has to do after a refusal."""
    return Service(
        name="Pub/Sub",
        refuse=lambda what, cure: ServiceRefused(f"Pub/Sub topic {topic}", what=what, cure=cure),
        cures={
            Forbidden: "Grant the caller roles/pubsub.publisher on this topic",
            NotFound: "There is no topic of this name: run terraform apply, or correct PUBSUB_TOPIC",
        },
    )
