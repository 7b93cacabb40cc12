"""How much of its share of a rate limit a run reaches, and how often it is refused. The clock is virtual.

Usage: ``python -m benchmarks.budget``. The client is only the pace (tests/paced_client.py), without threads, transform
and warehouse. `benchmarks.extraction` runs some of the cases in real time.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.extraction import check_target
from tests.paced_client import simulate
from tests.standins.kustomer.limits import RateLimit

_MIN_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A run under a limit.

    Attributes:
        per_minute: The limit a minute, averaged over windows.
        stated: The limit that responses state, if it differs from the server's.
    """

    rule: RateLimit
    per_minute: float
    latency: float
    requests: int
    share: float = 1.0
    stated: str | None = None


def _second(window: str) -> RateLimit:
    return RateLimit(requests=10, window_seconds=1, window=window, headers="never", retry_after="seconds")  # type: ignore[arg-type]  # one of the two windows


CASES = {
    **{
        f"{limit:,} a minute, share 0.6, {latency * 1000:.0f} ms, {minutes} min": Case(
            rule=RateLimit(requests=limit),
            per_minute=limit,
            latency=latency,
            requests=round(0.6 * limit * minutes),
            share=0.6,
        )
        for limit, latency, minutes in ((300, 0.12, 3), (1000, 0.5, 3), (2000, 0.5, 1), (2000, 2.0, 3))
    },
    "2,000 a minute, share 1, 500 ms, 1,025 requests": Case(
        rule=RateLimit(requests=2000), per_minute=2000, latency=0.5, requests=1025
    ),
    **{
        f"10 a second, {window} windows, 120 ms, 206 requests": Case(
            rule=_second(window), per_minute=600, latency=0.12, requests=206, stated="600"
        )
        for window in ("fixed", "sliding")
    },
}


def main() -> None:
    """Print a line for each case."""
    for name, case in CASES.items():
        run = simulate(
            case.rule, latency=case.latency, share=case.share, minutes=60, requests=case.requests, stated=case.stated
        )
        reached = len(run.good) / run.good[-1] * 60 / case.per_minute / case.share
        target = f"{name}: {run.refused} refused, {run.good[-1]:.1f} s; share reached ≥ {_MIN_SHARE}"
        check_target(target, reached, met=reached >= _MIN_SHARE and not run.refused)
    for latency in (0.001, 0.12, 0.5):
        run = simulate(RateLimit(requests=40), latency=latency, share=1.0, requests=51)
        target = f"40 a minute, share 1, {latency * 1000:.0f} ms, 51 requests: {run.refused} refused; seconds ≤ 65"
        check_target(target, run.good[-1], met=run.good[-1] <= 65 and not run.refused)


if __name__ == "__main__":
    main()
