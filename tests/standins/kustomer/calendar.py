"""When customers write, and when agents work: two years that end on 2026-11-23. All times are UTC."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate

START_MS = int(datetime(2024, 11, 25, tzinfo=UTC).timestamp()) * 1000  # a Monday
END_MS = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp()) * 1000  # no synthetic event is later
_DAY_MS, _HOUR_MS, _MINUTE_MS = 86_400_000, 3_600_000, 60_000
_HOURS = (END_MS - START_MS) // _HOUR_MS
_BY_WEEKDAY = (1.3, 1.15, 1.05, 1.0, 0.95, 0.45, 0.3)
_BY_HOUR = (*(0.15, 0.1, 0.1, 0.1, 0.1, 0.2), *(0.4, 0.8, 1.3, 1.6, 1.7, 1.6), *(1.3, 1.4, 1.5, 1.4, 1.3, 1.1),
            *(1.0, 1.0, 0.9, 0.7, 0.5, 0.3))  # fmt: skip
_GROWTH = 0.6  # how much more at the end than at the beginning, as a fraction
_SEASON = {11: 1.3, 12: 1.5, 8: 0.8}
_OPEN = {**dict.fromkeys(range(5), (8, 18)), 5: (9, 14)}  # weekday → hours


def find_moment(share: float) -> int:
    """Return the moment (epoch milliseconds) before which this share of all conversations, from 0 to 1, began."""
    marks = _MARKS
    hour = min(bisect_right(marks, share) - 1, _HOURS - 1)
    within = (share - marks[hour]) / (marks[hour + 1] - marks[hour])
    return START_MS + hour * _HOUR_MS + int(within * _HOUR_MS)


def wait_ms(epoch_ms: int) -> int:
    """Return how long after a moment an agent works again. 0 during working hours."""
    hour, within = divmod(epoch_ms - START_MS, _HOUR_MS)
    hours = _WAITS[hour % 168]
    return hours * _HOUR_MS - within if hours else 0


def to_iso(epoch_ms: int) -> bytes:
    """Format a time as ``2031-07-04T07:00:00.000Z``."""
    day, rest = divmod(epoch_ms, _DAY_MS)
    minute, ms = divmod(rest, _MINUTE_MS)
    return _to_day(day) + _MINUTES[minute] + _SECONDS[ms]


@lru_cache(maxsize=4096)
def _to_day(days: int) -> bytes:
    return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%dT").encode()


def _weigh(hour: int) -> float:
    month = datetime.fromtimestamp((START_MS + hour * _HOUR_MS) // 1000, UTC).month
    trend = (1 + _GROWTH * hour / _HOURS) * _SEASON.get(month, 1.0)
    return _BY_WEEKDAY[hour // 24 % 7] * _BY_HOUR[hour % 24] * trend


def _is_open(hour: int) -> bool:
    begin, end = _OPEN.get(hour // 24, (0, 0))
    return begin <= hour % 24 < end


_SUMS = list(accumulate((_weigh(hour) for hour in range(_HOURS)), initial=0.0))
_MARKS = [amount / _SUMS[-1] for amount in _SUMS]  # the share of all conversations that began before each hour
_WAITS = [next(wait for wait in range(168) if _is_open((hour + wait) % 168)) for hour in range(168)]  # full hours
_MINUTES = [b"%02d:%02d:" % divmod(minute, 60) for minute in range(1440)]
_SECONDS = [b"%06.3fZ" % (ms / 1000) for ms in range(_MINUTE_MS)]
