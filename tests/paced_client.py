"""A simulated client that uses the pace, and a simulated server with a rate limit. The clock is virtual."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer import pace
from kustomer_extract.adapters.kustomer.headers import to_pause_seconds
from tests.standins.kustomer.limits import Limits, RateLimit

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH = 1_800_000_000.0


@dataclass(frozen=True, slots=True)
class Record:
    """When requests succeeded, how many were refused, and how many were open at most."""

    good: list[float]
    refused: int
    most_open: int

    def per_minute(self, *, since: float, until: float) -> float:
        return sum(since <= moment < until for moment in self.good) * 60 / (until - since)

    @property
    def refused_part(self) -> float:
        return self.refused / len(self.good)


def simulate(  # one loop over starts, arrivals and answers, in order of time
    rule: RateLimit,
    *,
    latency: float,
    share: float = 0.6,
    minutes: float = 2.5,
    requests: float = math.inf,
    later: RateLimit | None = None,
    stated: str | None = None,
) -> Record:
    """Simulate a client that uses the pace, against a server that counts requests like the sandbox.

    Args:
        requests: End after this many successful requests.
        later: The limit from 100 s on.
        stated: The limit that responses state, if it differs from the server's.
    """
    rng, clock = Random(7), [0.0]
    limits = Limits(rule, lambda: _EPOCH + clock[0])
    state, good, refused, number, most_open = pace.Pace(share=share), list[float](), 0, 0, 0
    open_requests: set[int] = set()
    coming: list[tuple[float, int, pace.Start, float, tuple[bool, Mapping[str, str]] | None]] = []
    while clock[0] < minutes * 60 and len(good) < requests:
        limits.rule = later if later and clock[0] > 100 else rule
        can_start = len(open_requests) < pace.to_in_flight(state, clock[0])
        start = clock[0] + pace.to_wait_seconds(state, clock[0]) if can_start else math.inf
        if not coming or start < coming[0][0]:
            clock[0] = start + rng.uniform(0, 0.002)  # threads wake up late
            began, state, number = pace.mark(state, clock[0]), pace.start(state, clock[0]), number + 1
            half = latency * rng.uniform(0.4, 0.6)
            open_requests.add(number)
            most_open = max(most_open, len(open_requests))
            heapq.heappush(coming, (clock[0] + half, number, began, half, None))
            continue
        clock[0], this, began, half, answer = heapq.heappop(coming)
        if answer is None:
            heapq.heappush(coming, (clock[0] + half, this, began, half, limits.admit()))
            continue
        open_requests.remove(this)
        admitted, headers = answer
        headers = {**headers, "x-ratelimit-limit": stated} if stated else headers
        state = pace.finish(state, clock[0], began=began, headers=headers, is_good=admitted)
        if admitted:
            good.append(clock[0])
            continue
        refused += 1
        moment = datetime.fromtimestamp(_EPOCH + clock[0], UTC)
        wait = to_pause_seconds(headers, now=moment, refusals=state.refusals, jitter=rng.random())
        state = pace.pause(state, clock[0], wait, began=began)
    return Record(good, refused, most_open)
