"""The cases of `benchmarks.extraction`: comparisons with the floors, and rate limits for the product only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAGE_SIZE = 100
_FREE = RateLimit(requests=1_000_000)  # stated in every response, so that the product does not assume the smallest plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case: what the sandbox serves.

    Attributes:
        limit: The rate limit. Its windows are fixed, and begin with their first request.
        faults: For the product only, because a floor would fail with them.
    """

    conversations: int
    surveys: int = 12
    latency_seconds: float = 0.0
    limit: RateLimit = _FREE
    faults: Sequence[Fault] = ()

    @property
    def rows(self) -> Mapping[str, int]:
        """The number of records of each table."""
        return {"satisfaction": self.surveys, "conversations": self.conversations}

    @property
    def pages(self) -> int:
        """The smallest number of requests that reads everything."""
        return sum(-(-rows // _PAGE_SIZE) for rows in self.rows.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Case):
    """A case for all programs.

    Attributes:
        threads: The threads of the floors. With latency, the most requests that the product has in flight: twice what
            2,000 requests a minute (the largest plan) need.
        max_wall_ratio: Target: at most this many times the wall time of the floor `duckdb`. None: no target.
        max_extra_mb: Target: at most this much more memory than that floor. None: no target.
    """

    threads: int = 4
    rounds: int = 5
    max_wall_ratio: float | None = None
    max_extra_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(Case):
    """A case whose rate limit decides the time.

    Attributes:
        per_second: Requests a second that the limit allows, averaged. Cases below one run at the same time.
        min_share: Target: at least this share of that rate, from the first request to the last.
        max_late_seconds: Target: at most this long after the earliest possible end.
    """

    per_second: float
    min_share: float | None = None
    max_late_seconds: float | None = None

    @property
    def earliest_seconds(self) -> float:
        """The earliest second of the last request, if each window is used up when it begins. One page is read twice."""
        return self.pages // self.limit.requests * self.limit.window_seconds


COMPARISONS: Mapping[str, Comparison] = {
    "no-latency": Comparison(conversations=20_000, surveys=500, max_wall_ratio=2.2, max_extra_mb=50),
    "120ms": Comparison(conversations=5_000, latency_seconds=0.12, threads=10, max_wall_ratio=1.5),
    "500ms": Comparison(conversations=5_000, latency_seconds=0.5, threads=36, rounds=3),
    "faults": Comparison(
        conversations=20_000,
        latency_seconds=0.12,
        threads=10,
        rounds=3,
        faults=[replace(CATALOGUE[name], probability=0.01) for name in ("status-503", "reset-in-body")],
    ),
}

# Forty a minute, and 51 requests: 47 pages of conversations, one of surveys twice, and one page of the other end.
_FORTY = RateLimited(conversations=4_700, limit=RateLimit(requests=40), per_second=40 / 60, max_late_seconds=5)

RATE_LIMITED: Mapping[str, RateLimited] = {
    "40-stated": _FORTY,
    "40-stated-retry-after": replace(_FORTY, limit=RateLimit(requests=40, retry_after="seconds")),
    "40-on-429": replace(_FORTY, limit=RateLimit(requests=40, headers="on_429")),
    "40-on-429-retry-after": replace(
        _FORTY, limit=RateLimit(requests=40, headers="on_429", reset=None, retry_after="seconds")
    ),
    "10-a-second": RateLimited(
        conversations=20_000,
        limit=RateLimit(requests=10, window_seconds=1, headers="never", retry_after="seconds"),
        faults=[Fault(headers={"x-ratelimit-limit": "600"})],  # stated a minute, like the limits of plans
        per_second=10,
        min_share=0.95,
    ),
    "2000-a-minute": RateLimited(
        conversations=100_000,
        latency_seconds=0.5,
        limit=RateLimit(requests=2_000),
        per_second=2_000 / 60,
        min_share=0.95,
    ),
}
QUICK = ("no-latency", "120ms", "500ms", "faults", "10-a-second", "2000-a-minute")
