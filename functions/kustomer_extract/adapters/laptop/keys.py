"""The API keys on a laptop: environment variables instead of Secret Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kustomer_extract.config import is_api_key
from kustomer_extract.errors import SecretUnavailable
from kustomer_extract.models import ApiKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kustomer_extract.models import IntegrationName

_KEY_VARIABLE = "KUSTOMER_API_KEY"


class EnvironmentSecretStore:
    """Implements `SecretStore`: a key of the integration's own in KUSTOMER_API_KEY_<NAME>, else KUSTOMER_API_KEY."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def fetch_api_key(self, integration: IntegrationName) -> ApiKey:
        """Read the key."""
        own = f"{_KEY_VARIABLE}_{integration.upper()}"
        variable = own if self._environment.get(own) else _KEY_VARIABLE
        value = self._environment.get(variable, "").strip()
        if is_api_key(value):
            return ApiKey(value)
        fault = "holds characters that no key has" if value else "is missing or empty"
        raise SecretUnavailable(
            f"no API key for {integration}: the environment variable {variable} {fault}. Set it, or {own} for this "
            f"integration alone: read -rs {variable} && export {variable}"
        )
