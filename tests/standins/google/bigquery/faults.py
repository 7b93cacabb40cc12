"""The failures that a test orders, for requests (by method and path) or jobs (by kind)."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any, Literal

from tests.standins.google.bigquery.refusals import Refusal

FOREVER = 10**9


@dataclass(slots=True, kw_only=True)
class Fault:
    """One ordered failure: which requests or jobs it affects, and what happens to them.

    Attributes:
        method, path: Of the affected requests. `path` is a regular expression to search for. None: any.
        job: The kind of the affected jobs (``load``, ``copy``, ``query``). They are matched when they are inserted.
        nth: The number of the first matching request or job that fails, from 1.
        times: How many fail from there on.
        refusal: The response, without any effect.
        drop: The connection closes without a response, ``before`` the effect or ``after`` it.
        polls: The job stays RUNNING for this many requests for it. At the next it takes effect.
        hidden: For this many requests the job is not found, although its insertion was accepted.
        failure: The job ends with this error, without effect.
    """

    method: str | None = None
    path: str = ""
    job: str | None = None
    nth: int = 1
    times: int = 1
    refusal: Refusal | None = None
    drop: Literal["before", "after"] | None = None
    polls: int = 0
    hidden: int = 0
    failure: Refusal | None = None
    _seen: int = 0

    def affects(self, *, method: str, path: str, job: str | None) -> bool:
        """Count a matching request or job. Return whether it fails."""
        if self.job != job or self.method not in {None, method} or not re.search(self.path, path):
            return False
        self._seen += 1
        return self.nth <= self._seen < self.nth + self.times


class Faults:
    """All ordered failures. `which` takes any of the first five attributes of `Fault`."""

    def __init__(self) -> None:
        self.latency_seconds = 0.0  # before every response
        self._orders: list[Fault] = []
        self._lock = threading.Lock()

    def refuse(self, status: int, reason: str, **which: Any) -> None:
        """Answer with an HTTP error: ``refuse(503, "backendError", job="load", times=2)``."""
        self._orders.append(Fault(refusal=Refusal(reason, f"{reason}, ordered by the test", status=status), **which))

    def drop(self, when: Literal["before", "after"], **which: Any) -> None:
        """Close the connection without a response."""
        self._orders.append(Fault(drop=when, **which))

    def hold(self, job: str, *, polls: int = FOREVER, **which: Any) -> None:
        """Keep a job RUNNING."""
        self._orders.append(Fault(job=job, polls=polls, **which))

    def hide(self, job: str, *, looks: int = 1, **which: Any) -> None:
        """Answer 404 to the first requests for a job."""
        self._orders.append(Fault(job=job, hidden=looks, **which))

    def fail(self, job: str, reason: str, message: str = "ordered by the test", **which: Any) -> None:
        """Let a job end with an error."""
        self._orders.append(Fault(job=job, failure=Refusal(reason, message), **which))

    def clear(self) -> None:
        """Remove all orders."""
        self._orders.clear()

    def find(self, *, method: str = "", path: str = "", job: str | None = None) -> Fault:
        """Find the failure of a request or a job. Without one, return a `Fault` that does nothing."""
        with self._lock:
            affecting = [fault for fault in self._orders if fault.affects(method=method, path=path, job=job)]
        return affecting[0] if affecting else Fault()
