"""A clock that only moves when it is told to, or when somebody sleeps."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Implements `ports.Clock`; safe to use from several threads."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._seconds = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._seconds += max(seconds, 0)

    def advance(self, **span: float) -> None:
        """Let time pass: ``advance(hours=24)``."""
        self.sleep(timedelta(**span).total_seconds())
