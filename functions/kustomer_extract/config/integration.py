"""The effective configuration of an integration, its hash, and the way back to a document."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kustomer_extract.models import IntegrationName, IntegrationStatus, Table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from kustomer_extract.schema import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConfig:
    """A selected table.

    Attributes:
        max_drop_percent: The guard's limit, 0 to 100.
        columns: True (all), False, or a map of the columns that are not simply True, at any depth. Where personal data
            is left out, the map also has the columns that are True by their own name.
    """

    max_drop_percent: float
    columns: Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One Kustomer organisation under its permanent name.

    Attributes:
        history_start: Conversations created before it are left out; UTC. None: all are read.
        history_period: The rolling period that `history_start` was computed from: ``24 months``. None: it is fixed.
        personal_data: False: a column that the schema marks `content` is selected only by its own name.
        rate_share: The part of the organisation's request limit that a run may use, above 0, at most 1.
        requests_per_minute: The organisation's limit, if Kustomer's answers do not state it. None: they do.
        views: Whether the tables get flat views.
        tables: The selected tables only.
        warnings: One sentence for each value that was accepted although it was not written as it should be.
    """

    name: IntegrationName
    org: str
    status: IntegrationStatus
    history_start: datetime | None = None
    history_period: str | None = None
    personal_data: bool = True
    rate_share: float = 0.6
    requests_per_minute: float | None = None
    views: bool = True
    tables: Mapping[Table, TableConfig]
    warnings: tuple[str, ...] = field(default=(), compare=False)


def to_document(integration: Integration) -> dict[str, Any]:
    """Write the effective configuration as a document: JSON values only, with every default written out."""
    start = integration.history_start.isoformat() if integration.history_start else None
    document = {
        "source": "kustomer",
        "org": integration.org,
        "status": integration.status.value,
        "history_start": integration.history_period or start,
        "personal_data": integration.personal_data,
        "rate_share": integration.rate_share,
        "requests_per_minute": integration.requests_per_minute,
        "views": integration.views,
        "tables": {table.value: _to_table(integration.tables.get(table)) for table in Table},
    }
    return {key: value for key, value in document.items() if value is not None}


def config_hash(integration: Integration) -> str:
    """Hash the effective configuration without its status: 12 hexadecimal digits."""
    document = {**to_document(integration), "status": None}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]


def _to_table(config: TableConfig | None) -> dict[str, Any]:
    if config is None:
        return {"selected": False}
    return {"selected": True, "max_drop_percent": config.max_drop_percent, "columns": config.columns}
