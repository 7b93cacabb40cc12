"""Secret Manager: the API key of an integration, fresh within five minutes, verified by its checksum."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import google_crc32c
from google.api_core.exceptions import FailedPrecondition, Forbidden, NotFound

from kustomer_extract.adapters.google.errors import SHORT_RETRY, Service
from kustomer_extract.errors import RetryLater, SecretUnavailable
from kustomer_extract.models import ApiKey

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.secretmanager import SecretManagerServiceClient

    from kustomer_extract.models import IntegrationName
    from kustomer_extract.ports import Clock

_KEPT_SECONDS = 300


class SecretManagerStore:
    """Implements `SecretStore`: version `latest` of secret `<name>-kustomer-api-key`.

    Args:
        client: For another endpoint, build it with `client_options`.
        project: Where the secrets are.
        clock: Tells how old a kept key is.
        retry: Repeats one call.
        call_seconds: How long one call may take.
    """

    def __init__(
        self,
        client: SecretManagerServiceClient,
        *,
        project: str,
        clock: Clock,
        retry: Retry = SHORT_RETRY,
        call_seconds: float = 20.0,
    ) -> None:
        self._client = client
        self._project = project
        self._clock = clock
        self._retry = retry
        self._call_seconds = call_seconds
        self._kept: dict[IntegrationName, tuple[float, ApiKey]] = {}

    def fetch_api_key(self, integration: IntegrationName) -> ApiKey:
        """Read the key, or take the one that was read within the last five minutes."""
        read_at, key = self._kept.get(integration, (0.0, None))
        now = self._clock.monotonic()
        if key is None or now - read_at >= _KEPT_SECONDS:
            key = self._read(f"{integration}-kustomer-api-key")
            self._kept[integration] = now, key
        return key

    def _read(self, secret: str) -> ApiKey:
        service = _describe_service(secret, self._project)
        name = f"projects/{self._project}/secrets/{secret}/versions/latest"
        with service.translate(f"reading {secret}"):
            answer = self._client.access_secret_version(name=name, retry=self._retry, timeout=self._call_seconds)
        if google_crc32c.value(answer.payload.data) != answer.payload.data_crc32c:
            raise RetryLater(f"Secret Manager: {secret} arrived damaged: its checksum is wrong")
        value = answer.payload.data.decode(errors="replace").strip()
        if not re.fullmatch("[!-~]+", value):  # a key goes into a header; what cannot must not get that far
            fault = "holds characters that no key has" if value else "is empty"
            cure = _describe_adding(secret, self._project)
            raise SecretUnavailable(f"Secret Manager: the latest version of {secret} {fault}. {cure}")
        return ApiKey(value)


def _describe_service(secret: str, project: str) -> Service:
    adding, where = _describe_adding(secret, project), f"{secret} --project={project}"
    return Service(
        name="Secret Manager",
        refuse=lambda what, cure: SecretUnavailable(f"{what}. {cure}"),
        cures={
            NotFound: f"If the secret itself is missing, run terraform apply. {adding}",
            FailedPrecondition: "The latest version is disabled or destroyed. Where it is only disabled, enable it: "
            f"gcloud secrets versions enable VERSION --secret={where}. Otherwise: {adding}",
            Forbidden: f"Let the caller read it: gcloud secrets add-iam-policy-binding {where} "
            "--member=serviceAccount:CALLER --role=roles/secretmanager.secretAccessor",
        },
    )


def _describe_adding(secret: str, project: str) -> str:
    return f'Add the key: printf %s "$KEY" | gcloud secrets versions add {secret} --project={project} --data-file=-'
