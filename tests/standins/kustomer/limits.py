"""The rate limit: how many requests a window admits, and its headers.

Source of the headers: docs/kustomer-api.md, section 5.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from email.utils import formatdate
from math import ceil, inf
from threading import Lock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

_ABSURD = (
    {"x-ratelimit-limit": "lots", "x-ratelimit-remaining": "-7", "x-ratelimit-reset": "soon", "retry-after": "never"},
    {"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "0", "retry-after": "-5"},
    {"x-ratelimit-limit": "9" * 30, "x-ratelimit-remaining": "1e999", "x-ratelimit-reset": "9" * 30},
    {"x-ratelimit-limit": "", "x-ratelimit-remaining": "NaN", "x-ratelimit-reset": "-1", "retry-after": ""},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A rate limit of the organisation.

    Attributes:
        requests: The number of requests that a window admits.
        window: ``fixed`` starts with the first request after the last window; ``sliding`` ends now.
        headers: Limit and remaining on every response, on 429 only, never, or with absurd values.
        retry_after: The form of `Retry-After` on a 429. None: no such header.
        reset: The form of `x-ratelimit-reset` on a 429: UTC epoch seconds, or seconds from now. None: no such header.
        changes_after, changes_to: After this many admitted requests, `requests` changes. None: never.
        others_per_second: The requests a second of other consumers of the organisation's limit.
    """

    requests: int = 1000
    window_seconds: float = 60.0
    window: Literal["fixed", "sliding"] = "fixed"
    headers: Literal["always", "on_429", "never", "absurd"] = "always"
    retry_after: Literal["seconds", "date"] | None = None
    reset: Literal["epoch", "delta"] | None = "epoch"
    changes_after: int | None = None
    changes_to: int = 0
    others_per_second: float = 0.0


class Limits:
    """Counts requests against a `RateLimit`. A test may replace `rule` at any time."""

    def __init__(self, rule: RateLimit, clock: Callable[[], float]) -> None:
        self.rule = rule
        self._clock = clock
        self._lock = Lock()
        self._spent: deque[float] = deque()
        self._start = -inf  # start of a fixed window, or the oldest request in a sliding one
        self._admitted = 0
        self._asked = 0

    def take(self, requests: int) -> None:
        """Use a part of the limit now, as another consumer would."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            self._spent.extend([now] * requests)

    def admit(self) -> tuple[bool, dict[str, str]]:
        """Decide whether a request is admitted. Return that, and the headers of its response."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            limit = self._limit()
            left = limit - len(self._spent) - self._spent_by_others(now)
            self._asked += 1
            if admitted := left > 0:
                self._spent.append(now)
                self._admitted += 1
            return admitted, self._headers(now, limit, max(0, left - 1), admitted=admitted)

    def _forget(self, now: float) -> None:
        """Remove requests that no longer count."""
        if self.rule.window == "sliding":
            while self._spent and self._spent[0] <= now - self.rule.window_seconds:
                self._spent.popleft()
            self._start = self._spent[0] if self._spent else now
        elif now >= self._start + self.rule.window_seconds:
            self._spent.clear()
            self._start = now

    def _limit(self) -> int:
        rule = self.rule
        changed = rule.changes_after is not None and self._admitted >= rule.changes_after
        return rule.changes_to if changed else rule.requests

    def _spent_by_others(self, now: float) -> int:
        seconds = self.rule.window_seconds if self.rule.window == "sliding" else now - self._start
        return int(self.rule.others_per_second * seconds)

    def _headers(self, now: float, limit: int, left: int, *, admitted: bool) -> dict[str, str]:
        rule = self.rule
        if rule.headers == "absurd":
            return _ABSURD[self._asked % len(_ABSURD)]
        headers = {}
        if rule.headers == "always" or (rule.headers == "on_429" and not admitted):
            headers = {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(left)}
        if admitted:
            return headers
        reset = self._start + rule.window_seconds
        if rule.headers != "never" and rule.reset:
            headers["x-ratelimit-reset"] = str(ceil(reset if rule.reset == "epoch" else reset - now))
        if rule.retry_after:
            seconds = ceil(reset - now)
            headers["retry-after"] = (
                str(seconds) if rule.retry_after == "seconds" else formatdate(ceil(reset), usegmt=True)
            )
        return headers
