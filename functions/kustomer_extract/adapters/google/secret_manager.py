"""Secret Manager: the API key of an integration. Every invocation reads it again and verifies its checksum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import google_crc32c
from google.api_core.exceptions import FailedPrecondition, Forbidden, NotFound

from kustomer_extract.adapters.google.errors import SHORT_RETRY, Service
from kustomer_extract.config import is_api_key
from kustomer_extract.errors import RetryLater, SecretUnavailable
from kustomer_extract.models import ApiKey

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.secretmanager import SecretManagerServiceClient

    from kustomer_extract.models import IntegrationName


class SecretManagerStore:
    """Implements `SecretStore`: version `latest` of secret `<name>-kustomer-api-key`.

    Args:
        client: The client; `client_options` can give it another endpoint.
        project: The project of the secrets.
        retry: Repeats one call.
        call_seconds: How long one call may take.
    """

    def __init__(
        self,
        client: SecretManagerServiceClient,
        *,
        project: str,
        retry: Retry = SHORT_RETRY,
        call_seconds: float = 20.0,
    ) -> None:
        self._client = client
        self._project = project
        self._retry = retry
        self._call_seconds = call_seconds

    def fetch_api_key(self, integration: IntegrationName) -> ApiKey:
        """Read the key."""
        secret = f"{integration}-kustomer-api-key"
        service = _describe_service(secret, self._project)
        name = f"projects/{self._project}/secrets/{secret}/versions/latest"
        with service.translate(f"reading {secret}"):
            answer = self._client.access_secret_version(name=name, retry=self._retry, timeout=self._call_seconds)
        if google_crc32c.value(answer.payload.data) != answer.payload.data_crc32c:
            raise RetryLater(f"Secret Manager: {secret} arrived damaged: its checksum is wrong")
        value = answer.payload.data.decode(errors="replace").strip()
        if not is_api_key(value):
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
