"""How fast Kustomer may be asked: pure functions of time, headers and outcomes. No clock, no sleep, no threads.

The organisation's budget is so many requests per 60 s, shared by everybody (https://developer.kustomer.com/docs/concepts/rate-limits,
read 2026-11-23). Whether the window is fixed or sliding is not documented, so nothing here depends on it:

- Requests start evenly spaced. A rate that is even stays under the share in any window, wherever that begins.
- As many are in flight as the rate needs at the latency observed (Little's law), and no more than twice that.
- What other consumers took is ``limit - remaining - our own in the last 60 s``. A fixed window shows all of it only at
  its end, so the most of two windows counts. What they leave is ours, up to the share.
- A 429 stops everything for as long as the answer asks, then halves the rate; it recovers steadily.
- Without headers the smallest plan is assumed, and it is not tested how much more there might be: the excess would be
  taken from the organisation's agents. Only a limit that the API states opens the pace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW_SECONDS = 60.0
ASSUMED_LIMIT = 300  # the smallest plan
SEARCH_LIMIT = 100  # searches by API keys have a limit of their own, whatever the plan
_LARGEST_PLAN = 2000
MAX_IN_FLIGHT = 80  # 2,000 a minute at two seconds each are 67
_PLAUSIBLE_LIMITS = range(10, 1_000_001)
_MARGIN = 0.98  # of the allowed rate: requests arrive less evenly than they start
_LEAST = 0.1  # of the share, however much the others take: refusals slow down further
_LATE_SECONDS = 1.0  # so much is caught up with, by a machine that was busy: within the margin of any window
_SMOOTHING = 0.1
_ONE_AT_A_TIME = 0.5  # requests open on average: half of the time, there is none
_RECOVERY_SECONDS = 60.0
_MIN_BRAKE = 0.05
_MAX_DIGITS = 9
_HISTORY_SECONDS = 2 * int(WINDOW_SECONDS)

_BACKOFF_BASE_SECONDS = 2.0
_BACKOFF_CAP_SECONDS = 60.0
_MAX_PAUSE_SECONDS = 3600.0
_NEAR_FUTURE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is known so far. All times are monotonic seconds.

    Attributes:
        share: Part of the limit that this integration may use.
        assumed: Requests per window, as long as none are stated.
        limit: Requests per window for the whole organisation, as last stated.
        latency_seconds: From start to end of an answer, smoothed; 0 before the first.
        started: Requests started so far.
        history: `started` as it was when each of the last seconds began; the last entry is that of `second`.
        begun_at: When the first request started.
        others: The most that others were seen to have taken, in this window and in the one before.
        others_since: When this one began.
        next_start: The earliest start of the next request, by the spacing.
        paused_at, paused_until: The last pause.
        refusals: Pauses since the last good answer.
        brake: Factor on the rate as it was when the last pause ended.
    """

    share: float
    assumed: int = ASSUMED_LIMIT
    limit: int | None = None
    latency_seconds: float = 0.0
    started: int = 0
    history: tuple[int, ...] = (0,)
    second: int = 0
    begun_at: float | None = None
    others: tuple[float, float] = (0.0, 0.0)
    others_since: float = 0.0
    next_start: float = -math.inf
    paused_at: float = -math.inf
    paused_until: float = -math.inf
    refusals: int = 0
    brake: float = 1.0


def to_wait_seconds(pace: Pace, now: float) -> float:
    """How long until the next request may start."""
    return max(0.0, pace.next_start - now, pace.paused_until - now)


def to_in_flight(pace: Pace, now: float) -> int:
    """How many requests may be open at a time: few at first and after a pause, then twice what the rate needs.

    Where answers come sooner than the next request may start, one at a time keeps the rate, and nothing is asked for
    beyond the end. Beyond the rate of the largest plan it is this machine that is slow, and more would only crowd it.
    """
    if _allowed_per_second(pace, now) * pace.latency_seconds < _ONE_AT_A_TIME:
        return 1
    recent = max(1.0, pace.started - _started_before(pace, now - 1))
    rate = min(recent, _allowed_per_second(pace, now), _LARGEST_PLAN / WINDOW_SECONDS)
    return min(MAX_IN_FLIGHT, 2 + math.ceil(2 * rate * pace.latency_seconds))


def start(pace: Pace, now: float) -> Pace:
    """A request starts."""
    interval = 1 / _allowed_per_second(pace, now)
    earliest = now - max(interval, _LATE_SECONDS)
    gone = min(max(0, math.floor(now) - pace.second), _HISTORY_SECONDS + 2)
    return replace(
        pace,
        started=pace.started + 1,
        history=(*pace.history, *[pace.started] * gone)[-_HISTORY_SECONDS - 2 :],
        second=max(pace.second, math.floor(now)),
        begun_at=now if pace.begun_at is None else pace.begun_at,
        next_start=max(pace.next_start, earliest) + interval,
    )


def finish(pace: Pace, now: float, *, started_at: float, headers: Mapping[str, str], is_good: bool = True) -> Pace:
    """An answer has come; good ones say how long answers take."""
    if is_good:
        taken, latency = now - started_at, pace.latency_seconds
        latency = latency + _SMOOTHING * (taken - latency) if latency else taken
        pace = replace(pace, latency_seconds=latency, refusals=0)
    limit, remaining = parse_count(headers.get("x-ratelimit-limit")), parse_count(headers.get("x-ratelimit-remaining"))
    if limit is None or limit not in _PLAUSIBLE_LIMITS:
        return pace
    is_new, pace = pace.limit is None, replace(pace, limit=limit)
    if is_new and pace.begun_at is not None:  # what was started before the limit was known counts, too
        due = pace.begun_at + pace.started / _allowed_per_second(pace, now)
        pace = replace(pace, next_start=max(pace.next_start, due))
    if remaining is None or remaining > limit:
        return pace
    return _with_others(pace, now, limit - remaining, started_at=started_at)


def pause(pace: Pace, now: float, seconds: float, *, started_at: float) -> Pace:
    """Everything stops for so long; the rate is halved, once for all requests that were open when the pause began."""
    until = max(pace.paused_until, now + seconds)
    paused = replace(pace, paused_until=until, next_start=until)  # nothing is caught up with after a pause
    if started_at <= pace.paused_at:
        return paused
    brake = max(_MIN_BRAKE, _brake(pace, now) / 2)
    return replace(paused, paused_at=now, refusals=pace.refusals + 1, brake=brake)


def to_pause_seconds(headers: Mapping[str, str], *, now: datetime, refusals: int, jitter: float) -> float:
    """How long a 429, or a 503 with `Retry-After`, asks to wait.

    `Retry-After` first: 0, or a moment that has passed, means now, but not twice in a row. Then `x-ratelimit-reset`
    (UTC epoch seconds, as others have seen it, or seconds), else backoff with full jitter. What the API calls now is
    the `Date` of its answer: its clock need not be ours.

    Args:
        headers: Case-insensitive, or in lower case.
        now: By our clock, where the answer has no date.
        refusals: Pauses since the last good answer.
        jitter: Random, from 0 to 1.
    """
    there = _parse_date(headers.get("date")) or now
    after = headers.get("retry-after")
    seconds = _parse_seconds(after)
    if seconds is None and (moment := _parse_date(after)):
        seconds = max(0.0, (moment - there).total_seconds())
    if seconds is not None and (seconds > 0 or (seconds == 0 and refusals == 0)):
        return min(seconds, _MAX_PAUSE_SECONDS)
    reset = _parse_seconds(headers.get("x-ratelimit-reset"))
    if reset is not None and 0 < reset <= WINDOW_SECONDS:
        return reset + jitter
    if reset is not None and 0 < reset - there.timestamp() <= _NEAR_FUTURE_SECONDS:
        return reset - there.timestamp() + jitter
    return jitter * min(_BACKOFF_CAP_SECONDS, _BACKOFF_BASE_SECONDS * 2.0 ** min(refusals, 10))


def _allowed_per_second(pace: Pace, now: float) -> float:
    limit = pace.limit or pace.assumed
    fair = pace.share * limit
    left = max(limit - max(pace.others), _LEAST * fair)
    return min(fair, left) * _MARGIN * _brake(pace, now) / WINDOW_SECONDS


def _brake(pace: Pace, now: float) -> float:
    return min(1.0, pace.brake + max(0.0, now - pace.paused_until) / _RECOVERY_SECONDS)


def _with_others(pace: Pace, now: float, spent: int, *, started_at: float) -> Pace:
    """Learn what others take; in the first minute it cannot be told from what an earlier invocation of ours took."""
    if pace.begun_at is None or now - pace.begun_at < WINDOW_SECONDS:
        return pace
    own = _started_before(pace, started_at) - _started_before(pace, started_at - WINDOW_SECONDS)
    this, last = pace.others
    age = now - pace.others_since
    if age >= WINDOW_SECONDS:
        this, last = 0.0, this if age < 2 * WINDOW_SECONDS else 0.0
        pace = replace(pace, others_since=now)
    return replace(pace, others=(max(this, spent - own), last))


def _started_before(pace: Pace, moment: float) -> float:
    """How many requests had started by then; within a second, as if evenly."""
    back = pace.second - math.floor(moment)
    if back < 0:
        return pace.started
    if back >= len(pace.history):
        return pace.history[0]
    at_begin, at_end = pace.history[-1 - back], pace.started if back == 0 else pace.history[-back]
    return at_begin + (at_end - at_begin) * (moment % 1)


def parse_count(text: str | None) -> int | None:
    """Read a whole number, not negative; None for anything else."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _parse_seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _parse_date(text: str | None) -> datetime | None:
    """Read an HTTP date; None for anything else."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (OverflowError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
