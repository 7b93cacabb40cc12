"""Reads a configuration document, key by key.

People edit it in a console. A value that can mean only one thing is accepted with a warning: ``"0.6"`` for a number,
``"true"`` for a boolean. Everything else that is not allowed is a problem, reported with its path and its cure.
Null is also a problem: it never means the default. Names that begin with ``_`` belong to the function and are ignored.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kustomer_extract.config.columns import RETIRED, ColumnReader
from kustomer_extract.config.integration import Integration, TableConfig
from kustomer_extract.config.level import Level, describe
from kustomer_extract.config.values import (
    History,
    is_integration_name,
    to_anything,
    to_flag,
    to_history,
    to_number,
    to_org,
    to_source,
    to_status,
)
from kustomer_extract.errors import ConfigInvalid
from kustomer_extract.models import Document, IntegrationName, IntegrationStatus, Table
from kustomer_extract.schema import load_schema

if TYPE_CHECKING:
    from datetime import datetime

KEYS = (
    "source", "org", "status", "history_start", "personal_data", "rate_share", "requests_per_minute", "views", "tables",
    "note",
)  # fmt: skip
"""Every setting of a document."""

_TABLE_KEYS = ("selected", "max_drop_percent", "columns")

_FLAG = "true or false"
_HISTORY = "a date or a timestamp in the past, for example 2019-01-01, or a rolling period, for example 24 months"
_ORG = "letters, digits and hyphens only: acme, if you sign in at https://acme.kustomerapp.com"
_PERCENT = "a number from 0 to 100, for example 10"
_REQUESTS = "a number above 0, for example 1000"
_STATUS = tuple(IntegrationStatus)
_SHARE = "a number above 0, at most 1, for example 0.6"


def parse_integration(name: str, document: Document, *, now: datetime, where: str | None = None) -> Integration:
    """Read a document.

    Args:
        name: The id of the document.
        document: ``{"org": "acme", "status": "ACTIVE", …}``, as Firestore or YAML deliver it: see docs/console.md.
        now: Start of the run, UTC. A rolling `history_start` counts back from it.
        where: The name of the document in messages; ``integrations/<name>`` if it is not given.

    Raises:
        ConfigInvalid: with every problem of the document.
    """
    top = Level(content={key: value for key, value in document.items() if not str(key).startswith("_")})
    if not is_integration_name(name):
        top.refuse("(name)", describe(name), "a lower-case letter, then letters, digits and _, 40 at most; permanent")
    integration = _read_document(top, IntegrationName(name), now=now)
    if top.problems:
        raise ConfigInvalid(where or f"integrations/{name}", top.problems)
    return integration


def restore_integration(name: str, document: Document, *, now: datetime) -> Integration:
    """Read what `to_document` wrote, in this release or an older one. Older releases wrote null for a missing value."""
    return parse_integration(name, {key: value for key, value in document.items() if value is not None}, now=now)


def may_continue(document: Document) -> bool:
    """Tell whether the status in a raw document lets a started run continue. An unreadable status does."""
    status = to_status(document.get("status"))
    return status is None or status.runs


def _read_document(top: Level, name: IntegrationName, *, now: datetime) -> Integration:
    top.check_names(KEYS)
    top.read("source", to_source, allowed="kustomer", default="kustomer")
    top.read("note", to_anything, allowed="anything but null", default=None)
    personal_data = top.read("personal_data", to_flag, allowed=_FLAG, default=True)
    history = top.read("history_start", partial(to_history, now=now), allowed=_HISTORY, default=History())
    limit = top.read("requests_per_minute", partial(to_number, above=0), allowed=_REQUESTS, default=None)
    return Integration(
        name=name,
        org=top.require("org", to_org, allowed=_ORG, default=""),
        status=top.require("status", to_status, allowed=_STATUS, default=IntegrationStatus.PAUSED),
        history_start=history.start,
        history_period=history.period,
        personal_data=personal_data,
        rate_share=top.read("rate_share", partial(to_number, above=0, most=1), allowed=_SHARE, default=0.6),
        requests_per_minute=limit,
        views=top.read("views", to_flag, allowed=_FLAG, default=True),
        tables=_read_tables(top, keeps_true=not personal_data),
        warnings=tuple(top.warnings),
    )


def _read_tables(top: Level, *, keeps_true: bool) -> dict[Table, TableConfig]:
    """Read the tables. A table that is not named is off, unless `tables` is absent."""
    tables = top.enter("tables")
    tables.check_names(Table)
    configs = {
        table: _read_table(tables.enter(table.value), table, keeps_true=keeps_true)
        for table in Table
        if table.value in tables.content or "tables" not in top.content
    }
    return {table: config for table, config in configs.items() if config is not None}


def _read_table(settings: Level, table: Table, *, keeps_true: bool) -> TableConfig | None:
    """Read one table; None if it is not selected. The settings of a deselected table must be valid, too."""
    settings.check_names(_TABLE_KEYS)
    columns = ColumnReader(retired=RETIRED.get(table, {}), keeps_true=keeps_true)
    config = TableConfig(
        max_drop_percent=settings.read(
            "max_drop_percent", partial(to_number, most=100), allowed=_PERCENT, default=table.max_drop_percent
        ),
        columns=columns.read(settings, load_schema(table)),
    )
    return config if settings.read("selected", to_flag, allowed=_FLAG, default=not table.is_lookup) else None
