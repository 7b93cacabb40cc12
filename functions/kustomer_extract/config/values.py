"""Converts single values of a document. Each function returns None for a value that is not allowed."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeGuard

from kustomer_extract.models import IntegrationStatus

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEY = re.compile(r"[!-~]+")
_ORG = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PERIOD = re.compile(r"([0-9]{1,4})\s*(day|week|month|year)s?")
_BOOLEANS = {"true": True, "false": False}
_MONTHS_A_YEAR = 12
_MOST = 1_000_000  # the default upper limit of a number


def is_integration_name(text: object) -> TypeGuard[str]:
    """Tell whether a text can be the name of an integration. Names of tables begin with it."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_api_key(text: str) -> bool:
    """Tell whether a text can be an API key. It goes into a header: printable ASCII without blanks."""
    return _KEY.fullmatch(text) is not None


def to_org(value: object) -> str | None:
    """Read the name of the organisation: the first part of the host name that people sign in at."""
    return value if isinstance(value, str) and _ORG.fullmatch(value) else None


def to_status(value: object) -> IntegrationStatus | None:
    """Read a status, in upper or lower case."""
    word = value.strip().upper() if isinstance(value, str) else ""
    return IntegrationStatus.__members__.get(word)


def to_flag(value: object) -> bool | None:
    """Read a boolean, or a text that means one."""
    if isinstance(value, str):
        return _BOOLEANS.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def to_anything(value: object) -> object | None:
    """Accept any value that is not null: nothing depends on it."""
    return value


def to_source(value: object) -> str | None:
    """Read the name of the source; there is only one."""
    return value if isinstance(value, str) and value == "kustomer" else None


def to_number(value: object, *, least: float = 0, above: float | None = None, most: float = _MOST) -> float | None:
    """Read a number within limits, or a text that means one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    too_low = above is not None and number <= above
    return number if least <= number <= most and not too_low else None  # also refuses not-a-number


def _to_moment(value: object) -> datetime | None:
    """Read a date, a timestamp, or a text that means one. No zone means UTC."""
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
    except OverflowError:  # in the first or last hours of the calendar
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How far back conversations are read.

    Attributes:
        start: Conversations created earlier are left out; None: all are read.
        period: The rolling period that `start` was computed from; None: it is fixed.
    """

    start: datetime | None = None
    period: str | None = None


def to_history(value: object, *, now: datetime) -> History | None:
    """Read a moment in the past, or a rolling period before `now`."""
    period = _to_period(value)
    start = _go_back(now, period) if period else _to_moment(value)
    return History(start=start, period=period) if start and start <= now else None


def _to_period(value: object) -> str | None:
    """Read a rolling period, and write it in its usual form: ``24 months``."""
    match = _PERIOD.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        return None
    return f"{int(match[1])} {match[2]}s"


def _go_back(now: datetime, period: str) -> datetime | None:
    """Return the start of the day that is a period before `now`; None if the calendar does not go back so far."""
    text, unit = period.split()
    number, today = int(text), now.date()
    try:
        if unit in {"days", "weeks"}:
            day = today - timedelta(**{unit: number})
        else:
            months = today.year * _MONTHS_A_YEAR + today.month - 1 - number * (_MONTHS_A_YEAR if unit == "years" else 1)
            year, month = months // _MONTHS_A_YEAR, months % _MONTHS_A_YEAR + 1
            day = date(year, month, min(today.day, monthrange(year, month)[1]))
    except (OverflowError, ValueError):
        return None
    return datetime.combine(day, time(), UTC)
