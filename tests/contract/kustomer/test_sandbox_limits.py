"""The rate limits of the sandbox, and their headers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.kustomer.asking import EPOCH, SURVEYS, get
from tests.standins.kustomer.limits import Limits, RateLimit
from tests.standins.kustomer.server import Sandbox


class TestLimits:
    def test_a_fixed_window_starts_again(self) -> None:
        now = [EPOCH]
        limits = Limits(RateLimit(requests=2, window_seconds=60), lambda: now[0])

        def admit_at(seconds: float) -> bool:
            now[0] = EPOCH + seconds
            return limits.admit()[0]

        assert [admit_at(s) for s in (0, 50, 59, 60, 60, 119)] == [True, True, False, True, True, False]

    def test_a_sliding_window_ends_now(self) -> None:
        now = [EPOCH]
        limits = Limits(RateLimit(requests=2, window_seconds=60, window="sliding"), lambda: now[0])

        def admit_at(seconds: float) -> bool:
            now[0] = EPOCH + seconds
            return limits.admit()[0]

        assert [admit_at(s) for s in (0, 50, 59, 60, 109, 110)] == [True, True, False, True, False, True]

    @pytest.mark.parametrize(
        ("rule", "admitted", "refused"),
        [
            (
                RateLimit(requests=1),
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"},
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000060"},
            ),
            (
                RateLimit(requests=1, headers="on_429", reset="delta"),
                {},
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "50"},
            ),
            (RateLimit(requests=1, headers="never", retry_after="seconds"), {}, {"retry-after": "50"}),
            (
                RateLimit(requests=1, headers="never", retry_after="date"),
                {},
                {"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"},
            ),
            (
                RateLimit(requests=1, reset=None, window="sliding"),
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"},
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"},
            ),
        ],
    )
    def test_headers(self, rule: RateLimit, admitted: dict[str, str], refused: dict[str, str]) -> None:
        now = [EPOCH]
        limits = Limits(rule, lambda: now[0])

        assert limits.admit() == (True, admitted)
        now[0] += 10
        assert limits.admit() == (False, refused)

    def test_absurd_headers_are_never_a_usable_number(self) -> None:
        limits = Limits(RateLimit(requests=1, headers="absurd"), lambda: EPOCH)

        limits_stated = [limits.admit()[1]["x-ratelimit-limit"] for _ in range(4)]
        assert sorted(limits_stated) == ["", "0", "9" * 30, "lots"]

    def test_the_limit_changes_after_some_requests(self) -> None:
        limits = Limits(RateLimit(requests=5, changes_after=2, changes_to=3), lambda: EPOCH)

        limits_stated = [
            (admitted, headers["x-ratelimit-limit"]) for admitted, headers in (limits.admit() for _ in range(4))
        ]
        assert limits_stated == [(True, "5"), (True, "5"), (True, "3"), (False, "3")]

    @pytest.mark.parametrize("window", ["fixed", "sliding"])
    def test_other_consumers_use_a_part(self, window: Any) -> None:
        now = [EPOCH]
        limits = Limits(RateLimit(requests=10, window=window, others_per_second=0.1), lambda: now[0])
        limits.take(2)
        now[0] += 59

        admitted = [limits.admit()[0] for _ in range(5)]
        assert admitted.count(True) == {"fixed": 3, "sliding": 2}[window]

    def test_a_429_over_http(self) -> None:
        with Sandbox(limit=RateLimit(requests=1, retry_after="seconds"), clock=lambda: EPOCH) as sandbox:
            first, second = get(sandbox, SURVEYS), get(sandbox, SURVEYS)

            assert (first.status, first.headers["x-ratelimit-remaining"]) == (200, "0")
            assert (second.status, second.headers["Retry-After"]) == (429, "60")
            assert second.headers["x-ratelimit-reset"] == "1800000060"
            assert second.json()["errors"][0]["code"] == "rate_limit_exceeded"

    def test_a_rule_can_be_replaced(self) -> None:
        with Sandbox(limit=RateLimit(requests=1)) as sandbox:
            assert sandbox.limits
            first, second = get(sandbox, SURVEYS).status, get(sandbox, SURVEYS).status
            sandbox.limits.rule = RateLimit(requests=2)

            assert (first, second, get(sandbox, SURVEYS).status) == (200, 429, 200)
