"""The configuration on a laptop: a YAML file instead of Firestore's documents. The file is only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kustomer_extract.adapters.laptop.yaml_file import read_documents
from kustomer_extract.config import to_status
from kustomer_extract.errors import UnknownIntegration
from kustomer_extract.models import IntegrationStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kustomer_extract.models import Document, IntegrationName


class Activations(Protocol):
    """Remembers which integrations are ACTIVE, because the YAML file is not written."""

    def is_active(self, integration: IntegrationName) -> bool:
        """Tell whether the integration was marked active."""

    def mark_active(self, integration: IntegrationName) -> None:
        """Mark the integration active."""


class YamlConfigStore:
    """Implements `ConfigStore` on a file ``integrations: {<name>: <document>}``, which is read at every call.

    A document without a status is PENDING. PENDING reads as ACTIVE after it was activated.

    Attributes:
        last_runs: Integration → what was recorded of its last run.
    """

    def __init__(self, path: Path, activations: Activations | None = None) -> None:
        self._path = path
        self._activations = activations
        self.last_runs: dict[IntegrationName, Mapping[str, object]] = {}
        self._fetched: dict[IntegrationName, Document] = {}

    def list_names(self) -> Sequence[IntegrationName]:
        """All integrations of the file, sorted."""
        return sorted(read_documents(self._path))

    def fetch(self, integration: IntegrationName) -> Document:
        """Read a document. Dates and timestamps are Python objects, as YAML types them.

        Raises:
            ConfigInvalid: the file is missing, is not YAML, or lacks the map `integrations`.
        """
        document = self._find(integration)
        self._fetched[integration] = document
        if _is_pending(document) and self._activations and self._activations.is_active(integration):
            return {**document, "status": IntegrationStatus.ACTIVE.value}
        return document

    def locate(self, integration: IntegrationName) -> str:
        """Return the file and the key in it."""
        return f"{self._path}, integrations.{integration}"

    def activate(self, integration: IntegrationName) -> None:
        """Remember that the integration is ACTIVE."""
        document = self._find(integration)
        if self._activations and _is_pending(document) and document == self._fetched.get(integration, document):
            self._activations.mark_active(integration)

    def record_last_run(self, integration: IntegrationName, last_run: Mapping[str, object]) -> None:
        """Remember it in this process: the file is not written."""
        self.last_runs[integration] = last_run

    def _find(self, integration: IntegrationName) -> Document:
        documents = read_documents(self._path)
        if integration not in documents:
            raise UnknownIntegration(integration, sorted(documents))
        return {"status": IntegrationStatus.PENDING.value, **documents[integration]}


def _is_pending(document: Document) -> bool:
    return to_status(document["status"]) is IntegrationStatus.PENDING
