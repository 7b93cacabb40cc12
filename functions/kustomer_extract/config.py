"""The configuration document → `Integration`, all problems at once. Pure: reads nothing, logs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from kustomer_extract.models import IntegrationName, IntegrationStatus, Table
    from kustomer_extract.schema import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConfig:
    """A selected table.

    Attributes:
        max_drop_percent: The guard's limit, 0 to 100.
        columns: True (all), or a map one level down, any depth; absent means selected.
    """

    max_drop_percent: float
    columns: Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One Kustomer organisation under its permanent name.

    Attributes:
        history_start: Conversations created before it are left out; UTC. None: all are taken.
        rate_share: Part of the organisation's request budget this integration may use, above 0, at most 1.
        tables: Those selected only.
        warnings: What was read kindly, in sentences.
    """

    name: IntegrationName
    org: str
    status: IntegrationStatus
    history_start: datetime | None
    rate_share: float
    tables: Mapping[Table, TableConfig]
    warnings: tuple[str, ...] = ()
