"""Reads what the headers of an answer say about the rate limit: numbers, and how long to wait. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_DIGITS = 9
_BACKOFF_BASE_SECONDS = 2.0
_BACKOFF_CAP_SECONDS = 60.0
_LONGEST_WINDOW_SECONDS = 60.0
_MAX_PAUSE_SECONDS = 3600.0
_NEAR_FUTURE_SECONDS = 600.0


def to_pause_seconds(headers: Mapping[str, str], *, now: datetime, refusals: int, jitter: float) -> float:
    """Return how many seconds a 429, or a 503 with `Retry-After`, asks to wait.

    `Retry-After` comes first; 0, or a moment that has passed, means now, but not twice in a row. Then comes
    `x-ratelimit-reset` (UTC epoch seconds, as others have seen it, or seconds). Otherwise: backoff with full jitter.
    The current time is the `Date` of the answer, because the clock of the API may differ from ours.

    Args:
        headers: Case-insensitive, or in lower case.
        now: The time of our clock, used if the answer has no date.
        refusals: Pauses since the last good answer.
        jitter: A random number from 0 to 1.
    """
    there = parse_date(headers.get("date")) or now
    after = headers.get("retry-after")
    seconds = _parse_seconds(after)
    if seconds is None and (moment := parse_date(after)):
        seconds = max(0.0, (moment - there).total_seconds())
    if seconds is not None and (seconds > 0 or (seconds == 0 and refusals == 0)):
        return min(seconds, _MAX_PAUSE_SECONDS)
    reset = _parse_seconds(headers.get("x-ratelimit-reset"))
    if reset is not None and 0 < reset <= _LONGEST_WINDOW_SECONDS:
        return reset + jitter
    if reset is not None and 0 < reset - there.timestamp() <= _NEAR_FUTURE_SECONDS:
        return reset - there.timestamp() + jitter
    return jitter * min(_BACKOFF_CAP_SECONDS, _BACKOFF_BASE_SECONDS * 2.0 ** min(refusals, 10))


def parse_count(text: str | None) -> int | None:
    """Read a whole number, not negative; None for anything else."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _parse_seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def parse_date(text: str | None) -> datetime | None:
    """Read an HTTP date; None for anything else."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (OverflowError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
