"""What a test orders to go wrong: at requests (by method and path) or at jobs (by kind), from the n-th on, some times."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.standins.google.bigquery.refusals import Refusal

FOREVER = 10**9


@dataclass(slots=True, kw_only=True)
class Fault:
    """One order.

    Attributes:
        method, path: Of the requests meant; `path` is a regular expression, searched for. None: any.
        job: Kind of the jobs meant (``load``, ``copy``, ``query``); such an order looks at jobs as they are inserted.
        nth: The first of the matching requests or jobs that fails, from 1.
        times: How many fail from there on.
        refusal: Answered instead of doing anything.
        drop: The connection ends without an answer, ``before`` anything is done or ``after`` all is.
        polls: The job is still RUNNING at this many looks, and takes effect at the next.
        failure: The job is DONE with this error, without effect.
    """

    method: str | None = None
    path: str | None = None
    job: str | None = None
    nth: int = 1
    times: int = 1
    refusal: Refusal | None = None
    drop: Literal["before", "after"] | None = None
    polls: int = 0
    failure: Refusal | None = None
    seen: int = 0

    def meets(self, *, method: str, path: str, job: str | None) -> bool:
        """Count a matching request or job and say whether its turn has come."""
        if self.job != job or self.method not in {None, method} or not re.search(self.path or "", path):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass(slots=True)
class Faults:
    """All orders. Each method takes the selection of `Fault` (method, path, job, nth, times) as keywords."""

    latency_seconds: float = 0.0
    _orders: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, status: int, reason: str, **which: Any) -> None:
        """Answer with an HTTP error: ``refuse(503, "backendError", job="load", times=2)``."""
        refusal = Refusal(reason, f"ordered by the test: {reason}", status=status)
        self._orders.append(Fault(refusal=refusal, **which))

    def drop(self, when: Literal["before", "after"], **which: Any) -> None:
        """End the connection without an answer."""
        self._orders.append(Fault(drop=when, **which))

    def hold(self, job: str, *, polls: int = FOREVER, **which: Any) -> None:
        """Keep a job RUNNING."""
        self._orders.append(Fault(job=job, polls=polls, **which))

    def fail(self, job: str, reason: str, message: str = "ordered by the test", **which: Any) -> None:
        """Let a job end with an error."""
        self._orders.append(Fault(job=job, failure=Refusal(reason, message), **which))

    def clear(self) -> None:
        """Take all orders back."""
        self._orders.clear()

    def find(self, *, method: str = "", path: str = "", job: str | None = None) -> Fault:
        """Find the order for a request or a job; one without any effect if there is none."""
        with self._lock:
            met = [fault for fault in self._orders if fault.meets(method=method, path=path, job=job)]
        return met[0] if met else Fault()
