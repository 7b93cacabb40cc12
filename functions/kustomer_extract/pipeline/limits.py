"""The numbers that hold a run together; `tests/unit/test_timings.py` weighs them against each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how much (design: every wait ends before the platform ends it).

    Attributes:
        soft_deadline_seconds: After this no new request starts, and the next hop is called.
        load_seconds: What is left after the soft deadline for the last load and the hand-over.
        lease_seconds: How long a holder is taken to be alive; longer than the function's timeout.
        redelivery_seconds: How long the next delivery of a run that was let go may take; longer than Pub/Sub's slowest
            repetition. Until then no other run takes its place.
        max_trigger_age_hours: Older triggers start no run.
        max_failures: Take-overs without progress before the run gives up.
        max_hops: Hops of one run.
        max_run_hours: Age of one run.
        chunk_rows: Rows of a chunk, at most a page more.
        chunk_bytes: Compressed bytes of a chunk, at most a page more.
    """

    soft_deadline_seconds: float = 450
    load_seconds: float = 80
    lease_seconds: float = 600
    redelivery_seconds: float = 900
    max_trigger_age_hours: float = 6
    max_failures: int = 20
    max_hops: int = 400
    max_run_hours: float = 22
    chunk_rows: int = 20_000
    chunk_bytes: int = 32 * 1024 * 1024

    @property
    def load_time(self) -> timedelta:
        """`load_seconds` as a span."""
        return timedelta(seconds=self.load_seconds)
