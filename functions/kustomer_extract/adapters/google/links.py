"""Builds the addresses of console pages for `_last_run`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from kustomer_extract.models import IntegrationName

_CONSOLE = "https://console.cloud.google.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLinks:
    """Builds the links of an integration.

    Attributes:
        database: The Firestore database.
        dashboard: Address of the dashboard; None if it is not known.
    """

    project: str
    database: str
    dashboard: str | None = None

    def __call__(self, integration: IntegrationName) -> dict[str, str]:
        """Return ``{"log", "history", "dashboard"?}``."""
        query = quote(f'labels.integration="{integration}"', safe="")
        links = {
            "log": f"{_CONSOLE}/logs/query;query={query}?project={self.project}",
            "history": f"{_CONSOLE}/firestore/databases/{self._path}/data/panel/integrations/{integration}/runs"
            f"?project={self.project}",
        }
        return {**links, "dashboard": self.dashboard} if self.dashboard else links

    @property
    def _path(self) -> str:
        """The console writes `(default)` as ``-default-``."""
        return self.database.replace("(", "-").replace(")", "-")
