"""What is measured: races against the floors, and courses with a limit, which the product runs alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAGE_SIZE = 100
_FREE = RateLimit(requests=1_000_000)  # stated in every answer; else the product would assume the smallest plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the sandbox serves.

    Attributes:
        limit: A window of it is fixed, and begins with its first request.
        faults: For the product only: a floor would not survive them.
    """

    conversations: int
    surveys: int = 12
    latency_seconds: float = 0.0
    limit: RateLimit = _FREE
    faults: Sequence[Fault] = ()

    @property
    def rows(self) -> Mapping[str, int]:
        """Records per table."""
        return {"satisfaction": self.surveys, "conversations": self.conversations}

    @property
    def pages(self) -> int:
        """The requests that nobody can do without."""
        return sum(-(-rows // _PAGE_SIZE) for rows in self.rows.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Race(Course):
    """A course for all contenders.

    Attributes:
        threads: Of the floors. With latency, as many as the product has requests in flight at most: twice what 2,000
            requests a minute need, the largest plan.
        most_wall: The bar: so many times the floor that ends in DuckDB; None: there is none.
        most_extra_mb: The bar: so much more memory than that floor; None: there is none.
    """

    threads: int = 4
    rounds: int = 5
    most_wall: float | None = None
    most_extra_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced(Course):
    """A course whose limit decides.

    Attributes:
        per_second: Requests that the limit allows in the long run. Below one, several courses are run at a time.
        least_share: The bar: of that rate, from the first request to the last; or
        most_late_seconds: so long after the earliest possible end.
    """

    per_second: float
    least_share: float | None = None
    most_late_seconds: float | None = None

    @property
    def earliest_seconds(self) -> float:
        """When the last page can be asked for, if every window is spent as it begins; one page is read twice."""
        return self.pages // self.limit.requests * self.limit.window_seconds


RACES: Mapping[str, Race] = {
    "no-latency": Race(conversations=20_000, surveys=500, most_wall=2.2, most_extra_mb=50),
    "120ms": Race(conversations=5_000, latency_seconds=0.12, threads=10, most_wall=1.5),
    "500ms": Race(conversations=5_000, latency_seconds=0.5, threads=36, rounds=3),
    "faults": Race(
        conversations=20_000,
        latency_seconds=0.12,
        threads=10,
        rounds=3,
        faults=[replace(CATALOGUE[name], probability=0.01) for name in ("status-503", "reset-in-body")],
    ),
}

# Forty a minute, and 51 requests: 47 pages of conversations, one of surveys twice, and one look at the other end.
_FORTY = Paced(conversations=4_700, limit=RateLimit(requests=40), per_second=40 / 60, most_late_seconds=5)

PACED: Mapping[str, Paced] = {
    "40-stated": _FORTY,
    "40-stated-retry-after": replace(_FORTY, limit=RateLimit(requests=40, retry_after="seconds")),
    "40-on-429": replace(_FORTY, limit=RateLimit(requests=40, headers="on_429")),
    "40-on-429-retry-after": replace(
        _FORTY, limit=RateLimit(requests=40, headers="on_429", reset=None, retry_after="seconds")
    ),
    "10-a-second": Paced(
        conversations=20_000,
        limit=RateLimit(requests=10, window_seconds=1, headers="never", retry_after="seconds"),
        faults=[Fault(headers={"x-ratelimit-limit": "600"})],  # stated by the minute, as plans are
        per_second=10,
        least_share=0.95,
    ),
    "2000-a-minute": Paced(
        conversations=100_000,
        latency_seconds=0.5,
        limit=RateLimit(requests=2_000),
        per_second=2_000 / 60,
        least_share=0.95,
    ),
}
QUICK = ("no-latency", "120ms", "500ms", "faults", "10-a-second", "2000-a-minute")
