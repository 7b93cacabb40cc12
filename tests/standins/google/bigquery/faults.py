"""What a test orders to go wrong: with requests (by method and path) or with jobs (by kind)."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any, Literal

from tests.standins.google.bigquery.refusals import Refusal

FOREVER = 10**9


@dataclass(slots=True, kw_only=True)
class Fault:
    """One order: which requests or jobs are meant, and what happens to them.

    Attributes:
        method, path: Of the requests meant; `path` is a regular expression, searched for. None: any.
        job: Kind of the jobs meant (``load``, ``copy``, ``query``): such an order looks at jobs as they are inserted.
        nth: The first of the matching requests or jobs that fails, from 1.
        times: How many fail from there on.
        refusal: Answered instead of doing anything.
        drop: The connection ends without an answer, ``before`` anything is done or ``after`` all is.
        polls: The job is still RUNNING at this many looks; at the next it takes effect.
        hidden: At this many looks the job is not found, though its insertion was accepted.
        failure: The job is DONE with this error, without effect.
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

    def strikes(self, *, method: str, path: str, job: str | None) -> bool:
        """Count what matches and say whether its turn has come."""
        if self.job != job or self.method not in {None, method} or not re.search(self.path, path):
            return False
        self._seen += 1
        return self.nth <= self._seen < self.nth + self.times


class Faults:
    """All orders. `which` selects: any of the first five attributes of `Fault`."""

    def __init__(self) -> None:
        self.latency_seconds = 0.0  # before every answer
        self._orders: list[Fault] = []
        self._lock = threading.Lock()

    def refuse(self, status: int, reason: str, **which: Any) -> None:
        """Answer with an HTTP error: ``refuse(503, "backendError", job="load", times=2)``."""
        self._orders.append(Fault(refusal=Refusal(reason, f"{reason}, by order", status=status), **which))

    def drop(self, when: Literal["before", "after"], **which: Any) -> None:
        """End the connection without an answer."""
        self._orders.append(Fault(drop=when, **which))

    def hold(self, job: str, *, polls: int = FOREVER, **which: Any) -> None:
        """Keep a job RUNNING."""
        self._orders.append(Fault(job=job, polls=polls, **which))

    def hide(self, job: str, *, looks: int = 1, **which: Any) -> None:
        """Answer 404 to the first looks at a job."""
        self._orders.append(Fault(job=job, hidden=looks, **which))

    def fail(self, job: str, reason: str, message: str = "by order", **which: Any) -> None:
        """Let a job end with an error."""
        self._orders.append(Fault(job=job, failure=Refusal(reason, message), **which))

    def clear(self) -> None:
        """Take all orders back."""
        self._orders.clear()

    def find(self, *, method: str = "", path: str = "", job: str | None = None) -> Fault:
        """Find what is ordered for a request or a job: the first that strikes, or one that does nothing."""
        with self._lock:
            striking = [fault for fault in self._orders if fault.strikes(method=method, path=path, job=job)]
        return striking[0] if striking else Fault()
