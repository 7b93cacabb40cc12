"""Clocks for tests: a virtual one, and a real one that runs faster."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


class HurriedClock:
    """Implements `ports.Clock`: real time, `speed` times as fast. For threads that wait for each other."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._begun = time.monotonic()

    def now(self) -> datetime:
        return _START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._begun) * self._speed

    def sleep(self, seconds: float) -> None:
        time.sleep(max(seconds, 0) / self._speed)


class VirtualClock:
    """Implements `ports.Clock`. Time passes only in `sleep` and `advance`. Safe to use from several threads."""

    def __init__(self, start: datetime = _START) -> None:
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
