"""The configuration document → `Integration`, all problems at once. Pure: reads nothing, logs nothing.

People edit the document in a console, so what can only mean one thing is read kindly, with a warning (``"0.6"`` for a
number, ``"true"`` for a boolean); everything else that is not allowed is a problem, with its path and the cure.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from kustomer_extract.errors import ConfigInvalid, Problem
from kustomer_extract.models import Document, IntegrationName, IntegrationStatus, Table
from kustomer_extract.schema import ALWAYS_SELECTED, Field, load_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kustomer_extract.schema import Selection

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ORG = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_KEYS = ("source", "org", "status", "history_start", "rate_share", "tables", "note")
_TABLE_KEYS = ("selected", "max_drop_percent", "columns")
_DEFAULT_RATE_SHARE = 0.6
_BOOLEANS = {"true": True, "false": False}
_SHOWN = 60  # characters of what was found


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConfig:
    """A selected table.

    Attributes:
        max_drop_percent: The guard's limit, 0 to 100.
        columns: True (all), False, or a map one level down, any depth, of what is not simply True.
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
    warnings: tuple[str, ...] = field(default=(), compare=False)


def parse_integration(name: str, document: Document) -> Integration:
    """Make sense of a document.

    Args:
        name: The document's id.
        document: ``{"org": "acme", "status"?, "history_start"?, "rate_share"?, "tables"?: {table: {"selected"?,
            "max_drop_percent"?, "columns"?}}}``, as Firestore or YAML deliver it.

    Raises:
        ConfigInvalid: with every problem there is.
    """
    read = _Reader()
    if not _NAME.fullmatch(name):
        read.refuse("(name)", name, "a lower-case letter, then letters, digits and _, 40 at most; it is permanent")
    read.check_keys(document, "", _KEYS)
    source = document.get("source")
    if source not in {None, "kustomer"}:
        read.refuse("source", source, "kustomer")
    integration = Integration(
        name=IntegrationName(name),
        org=read.org(document.get("org"), "org"),
        status=read.status(document.get("status"), "status"),
        history_start=read.moment(document.get("history_start"), "history_start"),
        rate_share=read.number(
            document.get("rate_share"), "rate_share", default=_DEFAULT_RATE_SHARE, over=0, to=1, example="0.6"
        ),
        tables=_read_tables(read, document.get("tables")),
        warnings=tuple(read.warnings),
    )
    if read.problems:
        raise ConfigInvalid(f"integrations/{name}", read.problems)
    return integration


def to_document(integration: Integration) -> dict[str, Any]:
    """Write the effective configuration as a document again: JSON values only, every default spelt out."""
    tables: dict[str, Any] = {table.value: {"selected": False} for table in Table}
    for table, config in integration.tables.items():
        tables[table.value] = {
            "selected": True,
            "max_drop_percent": config.max_drop_percent,
            "columns": config.columns,
        }
    start = integration.history_start
    return {
        "source": "kustomer",
        "org": integration.org,
        "status": integration.status.value,
        "history_start": start.isoformat() if start else None,
        "rate_share": integration.rate_share,
        "tables": tables,
    }


def config_hash(integration: Integration) -> str:
    """Fingerprint the effective configuration, but for its status: 12 hexadecimal digits."""
    document = {**to_document(integration), "status": None}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]


def may_go_on(document: Document) -> bool:
    """Tell whether a raw document's status lets a run that has begun go on; one that cannot be read does."""
    status = document.get("status")
    return not (isinstance(status, str) and status.strip().upper() in {"PAUSED", "DELETED"})


def find_nearest(name: str, names: Iterable[str]) -> str | None:
    """Find the valid name that a misspelt one most probably means."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)), None)


def _read_tables(read: _Reader, value: object) -> dict[Table, TableConfig]:
    tables = read.mapping(value, "tables")
    read.check_keys(tables, "tables", [table.value for table in Table])
    configs = {table: _read_table(read, tables.get(table.value), table) for table in Table}
    return {table: config for table, config in configs.items() if config is not None}


def _read_table(read: _Reader, value: object, table: Table) -> TableConfig | None:
    """Read one table; None if it is not selected. What stands in a table that is not selected must be right too."""
    path = f"tables.{table}"
    settings = read.mapping(value, path)
    read.check_keys(settings, path, _TABLE_KEYS)
    selected = read.flag(settings.get("selected"), f"{path}.selected", default=not table.is_lookup)
    config = TableConfig(
        max_drop_percent=read.number(
            settings.get("max_drop_percent"),
            f"{path}.max_drop_percent",
            default=table.max_drop_percent,
            to=100,
            example="50",
        ),
        columns=read.columns(settings.get("columns"), f"{path}.columns", load_schema(table), always=ALWAYS_SELECTED),
    )
    return config if selected else None


class _Reader:
    """Reads values, and collects what is wrong with them instead of stopping at the first."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def refuse(self, path: str, found: object, allowed: str, nearest: str | None = None) -> None:
        shown = repr(found) if len(repr(found)) <= _SHOWN else f"{repr(found)[:_SHOWN]}…"
        self.problems.append(Problem(path=path, found=shown, allowed=allowed, nearest=nearest))

    def warn(self, path: str, found: object, read_as: object) -> None:
        self.warnings.append(f"{path}: {found!r} was read as {read_as!r}")

    def check_keys(self, value: Mapping[str, Any], path: str, names: Iterable[str]) -> None:
        for key in value:
            if key not in names:
                place = f"{path}.{key}" if path else key
                self.refuse(place, "an unknown name", ", ".join(names), find_nearest(str(key), names))

    def mapping(self, value: object, path: str) -> Mapping[str, Any]:
        if value is None or isinstance(value, Mapping):
            return value or {}
        self.refuse(path, value, "a map")
        return {}

    def org(self, value: object, path: str) -> str:
        if isinstance(value, str) and _ORG.fullmatch(value):
            return value
        self.refuse(
            path, value, "letters, digits and hyphens only: acme, if you sign in at https://acme.kustomerapp.com"
        )
        return ""

    def status(self, value: object, path: str) -> IntegrationStatus:
        if value is None:
            return IntegrationStatus.PENDING
        word = value.strip().upper() if isinstance(value, str) else ""
        if word not in IntegrationStatus.__members__:
            names = list(IntegrationStatus.__members__)
            self.refuse(path, value, ", ".join(names), find_nearest(word, names))
            return IntegrationStatus.PENDING
        if word != value:
            self.warn(path, value, word)
        return IntegrationStatus[word]

    def flag(self, value: object, path: str, *, default: bool = True) -> bool:
        """Read a boolean."""
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
            flag = _BOOLEANS[value.strip().lower()]
            self.warn(path, value, flag)
            return flag
        self.refuse(path, value, "true or false")
        return True

    def number(  # the range is part of the message
        self, value: object, path: str, *, default: float, to: float, example: str, over: float | None = None
    ) -> float:
        """Read a number from 0 (or above `over`) to `to`."""
        if value is None:
            return default
        number = _to_number(value)
        if number is None or not (0 <= number <= to) or (over is not None and number <= over):
            low = f"above {over:g}" if over is not None else "from 0"
            self.refuse(path, value, f"a number {low} to {to:g}, for example {example}")
            return default
        if isinstance(value, str):
            self.warn(path, value, number)
        return number

    def moment(self, value: object, path: str) -> datetime | None:
        """Read a date, a timestamp, or the text of one; without a zone it is UTC."""
        moment = _to_moment(value)
        if moment is None and value is not None:
            self.refuse(path, value, "a date or a timestamp, for example 2019-01-01")
        return moment

    def columns(
        self, value: object, path: str, fields: tuple[Field, ...], *, always: frozenset[str] = frozenset()
    ) -> Selection:
        """Read a selection: true, false, or a map of names that the schema has at this level."""
        if not isinstance(value, Mapping):
            return self.flag(value, path)
        known = {item.name: item for item in fields}
        self.check_keys(value, path, known)
        selection: dict[str, Selection] = {}
        for name, item in known.items():
            if name not in value:
                continue
            if isinstance(value[name], Mapping) and not item.fields:
                self.refuse(f"{path}.{name}", value[name], "true or false: it has no columns of its own")
                continue
            chosen = self.columns(value[name], f"{path}.{name}", item.fields)
            if name in always and chosen is not True:
                self.warn(f"{path}.{name}", value[name], read_as=True)
            elif chosen is not True:
                selection[name] = chosen
        return selection or True


def _to_number(value: object) -> float | None:
    """Read a finite number, or its text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if abs(number) < float("inf") else None  # also refuses not-a-number


def _to_moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar
        return None
