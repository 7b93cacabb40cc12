"""The time limits and sizes of a run. `tests/unit/test_timings.py` checks that they fit together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits and sizes. Every wait ends before the platform would end it.

    Attributes:
        soft_deadline_seconds: After this time no new request starts, and the next hop is called.
        load_seconds: The time after the soft deadline for the last load and the hand-over.
        lease_seconds: How long a holder counts as alive; longer than the function's timeout.
        redelivery_seconds: How long the next delivery of a released run may take; longer than Pub/Sub's longest pause.
            Until then no other run takes its place.
        max_trigger_age_hours: An older trigger starts no run.
        max_failures: Take-overs without progress before a run is given up.
        max_hops: Hops before a run is given up.
        max_run_hours: Age at which a run is given up.
        chunk_rows: Rows of a chunk; one page more is possible.
        chunk_bytes: Bytes of a chunk, as it is loaded; one page more is possible.
        compresses_chunks: Whether chunks are compressed. That pays where a network carries them.
        reads_ahead: Whether the next table is begun while a short one is worked on. That pays where a person waits for
            the end; what has waited for some seconds is read again.
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
    compresses_chunks: bool = True
    reads_ahead: bool = False

    @property
    def load_time(self) -> timedelta:
        """`load_seconds` as a timedelta."""
        return timedelta(seconds=self.load_seconds)
