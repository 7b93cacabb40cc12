"""Computes when the next request may start, from time, headers and outcomes. Pure: no clock, no sleep, no threads.

The organisation's limit is a number of requests per 60 s, shared by everybody (https://developer.kustomer.com/docs/concepts/rate-limits,
read 2026-11-23). Whether the window is fixed or sliding is not documented, so nothing here depends on it:

- Requests start at even intervals. An even rate stays under the share in every window, wherever the window begins.
- If the share is the whole limit, the requests that an answer says are left are sent at once; then intervals count.
- The number of open requests follows from rate and latency (Little's law); at most twice that number are open.
- Other consumers have used ``limit - remaining - our own in the last 60 s``. A fixed window shows all of it only at its
  end, so the larger value of two windows counts. What they leave may be used, up to the share.
- A 429 stops all requests for as long as the answer asks, and halves the rate; the rate then recovers steadily.
- Without headers the smallest plan is assumed, and no higher rate is tried: it would take requests from the
  organisation's agents. Only a limit that the API states allows more.

Longer than 200 lines, because all functions read and write one value, `Pace`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from kustomer_extract.adapters.kustomer.headers import parse_count

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW_SECONDS = 60.0
ASSUMED_LIMIT = 300  # the smallest plan
SEARCH_LIMIT = 100  # searches by API keys have a limit of their own, whatever the plan
_LARGEST_PLAN = 2000
_BURST_PER_SECOND = 10.0  # while what is left is spent at once: pages under way take memory
MAX_IN_FLIGHT = 80  # 2,000 a minute at two seconds each are 67
_PLAUSIBLE_LIMITS = range(10, 1_000_001)
_MARGIN = 0.98  # of the allowed rate: requests arrive less evenly than they start
_MARGIN_BLIND = 0.97  # where no answer says what is left: the window may be a second
_LEAST = 0.1  # of the share, however much the others take: refusals slow down further
_LATE_SECONDS = 1.0  # so much is caught up with, by a machine that was busy: within the margin of 60 s
LATE_SECONDS_BLIND = 0.02  # within that of a second
_SMOOTHING = 0.1
_FIRST = 30  # requests; only then the rate so far shows how many this machine handles
_ONE_AT_A_TIME = 0.5  # requests open on average: half of the time, there is none
_RECOVERY_SECONDS = 60.0
_MIN_BRAKE = 0.05
_HISTORY_SECONDS = 2 * int(WINDOW_SECONDS)


class Start(NamedTuple):
    """When a request started, and how many had been answered by then: its answer counts these and itself."""

    at: float
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is known so far. All times are monotonic seconds.

    Attributes:
        share: Part of the limit that this integration may use.
        assumed: Requests per window, as long as none are stated.
        late_seconds: So much is caught up with, as long as no answer says what is left.
        limit: Requests per window for the whole organisation, as last stated.
        latency_seconds: From start to end of an answer, smoothed; 0 before the first.
        started: Requests started so far.
        history: `started` as it was when each of the last seconds began; the last entry is that of `second`.
        answered: Of these, how many have come to an end.
        allowance: So many may have been started before the limit is spent, as last said by the answer to the request
            that started at `allowance_at`. What others take meanwhile, the next answer says.
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
    late_seconds: float = LATE_SECONDS_BLIND
    limit: int | None = None
    latency_seconds: float = 0.0
    started: int = 0
    history: tuple[int, ...] = (0,)
    second: int = 0
    answered: int = 0
    allowance: int = 0
    allowance_at: float = -math.inf
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
    return max(0.0, pace.paused_until - now, 0.0 if _to_credit(pace, now) else pace.next_start - now)


def to_in_flight(pace: Pace, now: float) -> int:
    """How many requests may be open at a time: twice what the rate needs, and after a pause few.

    Where answers come sooner than the next request may start, one at a time keeps the rate, and nothing is asked for
    beyond the end. Beyond the rate of the largest plan it is this machine that is slow, and more would only crowd it.
    """
    allowed = max(_allowed_per_second(pace, now), _BURST_PER_SECOND if _to_credit(pace, now) else 0.0)
    if allowed * pace.latency_seconds < _ONE_AT_A_TIME:
        return 1
    rate = min(allowed, _LARGEST_PLAN / WINDOW_SECONDS)
    if pace.started >= _FIRST:
        rate = min(rate, max(1.0, pace.started - _started_before(pace, now - 1)))
    return min(MAX_IN_FLIGHT, 2 + math.ceil(2 * rate * pace.latency_seconds))


def mark(pace: Pace, now: float) -> Start:
    """Note what is known when a request starts."""
    return Start(at=now, answered=pace.answered)


def start(pace: Pace, now: float) -> Pace:
    """A request starts."""
    interval = 1 / _allowed_per_second(pace, now)
    earliest = now - _to_late_seconds(pace, interval)
    gone = min(max(0, math.floor(now) - pace.second), _HISTORY_SECONDS + 2)
    return replace(
        pace,
        started=pace.started + 1,
        history=(*pace.history, *[pace.started] * gone)[-_HISTORY_SECONDS - 2 :],
        second=max(pace.second, math.floor(now)),
        begun_at=now if pace.begun_at is None else pace.begun_at,
        next_start=max(pace.next_start, earliest) + interval,
    )


def lose(pace: Pace) -> Pace:
    """A request has ended without an answer."""
    return replace(pace, answered=pace.answered + 1)


def finish(pace: Pace, now: float, *, began: Start, headers: Mapping[str, str], is_good: bool = True) -> Pace:
    """An answer has come; good ones say how long answers take."""
    pace = replace(pace, answered=pace.answered + 1)
    if is_good:
        taken, latency = now - began.at, pace.latency_seconds
        latency = latency + _SMOOTHING * (taken - latency) if latency else taken
        pace = replace(pace, latency_seconds=latency, refusals=0)
    limit, remaining = parse_count(headers.get("x-ratelimit-limit")), parse_count(headers.get("x-ratelimit-remaining"))
    if limit is None or limit not in _PLAUSIBLE_LIMITS:
        return pace
    is_new, pace = pace.limit is None, replace(pace, limit=limit)
    if is_new and pace.begun_at is not None:  # what was started before the limit was known counts, too
        due = pace.begun_at + pace.started / _allowed_per_second(pace, now)
        pace = replace(pace, next_start=due)
    if remaining is None or remaining > limit:
        return pace
    if began.at >= pace.allowance_at:  # those who overtook it know better
        pace = replace(pace, allowance=began.answered + 1 + remaining, allowance_at=began.at)
    return _with_others(pace, now, limit - remaining, started_at=began.at)


def pause(pace: Pace, now: float, seconds: float, *, began: Start) -> Pace:
    """Everything stops for so long; the rate is halved, once for all requests that were open when the pause began."""
    until = max(pace.paused_until, now + seconds)
    paused = replace(pace, paused_until=until, next_start=until)  # nothing is caught up with after a pause
    if began.at <= pace.paused_at:
        return paused
    brake = max(_MIN_BRAKE, _brake(pace, now) / 2)
    return replace(paused, paused_at=now, refusals=pace.refusals + 1, brake=brake)


def _allowed_per_second(pace: Pace, now: float) -> float:
    limit = pace.limit or pace.assumed
    fair = pace.share * limit
    left = max(limit - max(pace.others), _LEAST * fair)
    margin = _MARGIN if _tells_remaining(pace) else _MARGIN_BLIND
    return min(fair, left) * margin * _brake(pace, now) / WINDOW_SECONDS


def _to_credit(pace: Pace, now: float) -> int:
    """How many requests may start at once, because the whole limit is ours and an answer says that they are left."""
    is_ours = pace.share >= 1 and _brake(pace, now) >= 1
    return max(0, pace.allowance - pace.started) if is_ours else 0


def _to_late_seconds(pace: Pace, interval: float) -> float:
    if not _tells_remaining(pace):
        return pace.late_seconds
    return 0.0 if pace.share >= 1 else max(interval, _LATE_SECONDS)  # where all is ours, it is spent at once anyway


def _tells_remaining(pace: Pace) -> bool:
    return pace.allowance_at > -math.inf


def _brake(pace: Pace, now: float) -> float:
    return min(1.0, pace.brake + max(0.0, now - pace.paused_until) / _RECOVERY_SECONDS)


def _with_others(pace: Pace, now: float, spent: int, *, started_at: float) -> Pace:
    """Learn what others take; in the first minute it cannot be told from what an earlier invocation of ours took."""
    if pace.begun_at is None or now - pace.begun_at < WINDOW_SECONDS:
        return pace
    # Where many start at once, one that overtook others, or was overtaken, tells of a lot more or less.
    slack = now - started_at + 1 if pace.share >= 1 else 0
    own = _started_before(pace, started_at + slack) - _started_before(pace, started_at - WINDOW_SECONDS - slack)
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
