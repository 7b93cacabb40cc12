"""The pace reaches its share of any limit, in any kind of window, with few 429s. Waits are exact."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pytest

from kustomer_extract.adapters.kustomer import pace
from kustomer_extract.adapters.kustomer.headers import to_pause_seconds
from tests.paced_client import simulate
from tests.standins.kustomer.limits import RateLimit

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
WINDOWS: tuple[Literal["fixed", "sliding"], ...] = ("fixed", "sliding")


@pytest.mark.slow
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("limit", [300, 500, 1000, 2000])
@pytest.mark.parametrize("latency", [0.05, 0.5, 2.0])
def test_the_share_of_every_plan_is_reached(window: Literal["fixed", "sliding"], limit: int, latency: float) -> None:
    record = simulate(RateLimit(requests=limit, window=window), latency=latency)

    assert 0.95 <= record.per_minute(since=30, until=150) / (0.6 * limit) <= 1
    assert record.refused == 0


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("limit", [300, 2000])
def test_the_whole_limit_can_be_the_share(window: Literal["fixed", "sliding"], limit: int) -> None:
    record = simulate(RateLimit(requests=limit, window=window), latency=0.5, share=1.0)

    assert 0.95 <= record.per_minute(since=30, until=150) / limit <= 1
    assert record.refused == 0


def test_the_first_minute_is_little_slower() -> None:
    record = simulate(RateLimit(requests=2000), latency=0.5, minutes=1)

    assert record.per_minute(since=0, until=60) >= 0.95 * 1200


def test_at_most_twice_the_requests_that_the_rate_needs_are_open() -> None:
    record = simulate(RateLimit(requests=2000), latency=0.5)

    assert record.most_open <= 2 + 2 * 20 * 0.5


def test_a_few_answers_are_enough_to_open_what_the_rate_needs() -> None:
    """A short run has asked for its surveys and counts one after the other. Its pages need not begin as slowly."""
    state = pace.Pace(share=0.6)
    for moment in (0.0, 0.5, 1.0):
        began, state = pace.mark(state, moment), pace.start(state, moment)
        headers = {"x-ratelimit-limit": "2000", "x-ratelimit-remaining": "1990"}
        state = pace.finish(state, moment + 0.5, began=began, headers=headers)

    assert pace.to_in_flight(state, 1.5) == 2 + 2 * 20 * 0.5


@pytest.mark.parametrize("window", WINDOWS)
def test_requests_before_the_limit_was_known_count(window: Literal["fixed", "sliding"]) -> None:
    record = simulate(RateLimit(requests=40, window=window), latency=0.5, share=1.0)

    assert record.per_minute(since=0, until=120) >= 0.95 * 40
    assert record.refused == 0


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("latency", [0.001, 0.12, 0.5, 1.0])
def test_an_unused_limit_is_used_at_once_with_a_share_of_1(window: Literal["fixed", "sliding"], latency: float) -> None:
    record = simulate(RateLimit(requests=40, window=window), latency=latency, share=1.0, requests=51)

    assert record.good[-1] <= 65
    assert record.refused == 0


@pytest.mark.parametrize("window", WINDOWS)
def test_a_short_run_reaches_the_whole_limit(window: Literal["fixed", "sliding"]) -> None:
    record = simulate(RateLimit(requests=2000, window=window), latency=0.5, share=1.0, requests=1025)

    assert 1025 / record.good[-1] >= 0.95 * 2000 / 60
    assert record.refused == 0


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("latency", [0.001, 0.05, 0.12])
def test_windows_of_a_second_are_filled(window: Literal["fixed", "sliding"], latency: float) -> None:
    rule = RateLimit(requests=10, window_seconds=1, window=window, headers="never", retry_after="seconds")

    record = simulate(rule, latency=latency, share=1.0, requests=206, stated="600")

    assert 206 / record.good[-1] >= 0.95 * 10
    assert record.refused == 0


def test_a_part_of_the_limit_is_not_used_at_once() -> None:
    record = simulate(RateLimit(requests=2000), latency=0.5, share=0.9, minutes=1)

    assert record.per_minute(since=0, until=20) <= 0.95 * 2000


def test_a_response_that_was_overtaken_does_not_count() -> None:
    state = pace.Pace(share=1.0)
    early = pace.mark(state, 0.0)
    state = pace.start(state, 0.0)
    late = pace.mark(state, 1.0)
    state = pace.start(state, 1.0)

    state = pace.finish(state, 2.0, began=late, headers={"x-ratelimit-limit": "600", "x-ratelimit-remaining": "0"})
    state = pace.finish(state, 2.1, began=early, headers={"x-ratelimit-limit": "600", "x-ratelimit-remaining": "90"})

    assert state.allowance == 1  # one of which was started in between


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("limit", [300, 2000])
def test_other_consumers_within_their_part_do_not_slow_us_down(window: Literal["fixed", "sliding"], limit: int) -> None:
    rule = RateLimit(requests=limit, window=window, others_per_second=0.35 * limit / 60)

    record = simulate(rule, latency=0.5)

    assert record.per_minute(since=30, until=150) >= 0.95 * 0.6 * limit
    assert record.refused == 0


@pytest.mark.slow
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("limit", [300, 1000])
@pytest.mark.parametrize("latency", [0.05, 0.5, 2.0])
def test_only_what_other_consumers_leave_is_used(
    window: Literal["fixed", "sliding"], limit: int, latency: float
) -> None:
    rule = RateLimit(requests=limit, window=window, others_per_second=0.5 * limit / 60)

    record = simulate(rule, latency=latency, minutes=8)

    assert 0.9 <= record.per_minute(since=120, until=480) / (0.5 * limit) <= 1
    assert record.refused_part <= 0.01


@pytest.mark.parametrize("headers", ["never", "absurd"])
def test_without_a_stated_limit_the_smallest_plan_is_assumed(headers: Literal["never", "absurd"]) -> None:
    record = simulate(RateLimit(requests=2000, headers=headers), latency=0.5)

    assert 0.95 <= record.per_minute(since=30, until=150) / (0.6 * 300) <= 1
    assert record.refused == 0


@pytest.mark.parametrize("remaining", ["900", "-1", "many", ""])
def test_an_invalid_remaining_number_is_ignored(remaining: str) -> None:
    state = pace.start(pace.Pace(share=1.0), 0.0)
    headers = {"x-ratelimit-limit": "600", "x-ratelimit-remaining": remaining}

    state = pace.finish(state, 100.0, began=pace.Start(99.0, 0), headers=headers)

    assert (state.limit, state.others) == (600, (0.0, 0.0))


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(300, 1000), (1000, 300), (2000, 500)])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_limit_may_change_during_a_run(window: Literal["fixed", "sliding"], before: int, after: int) -> None:
    rule, later = RateLimit(requests=before, window=window), RateLimit(requests=after, window=window)

    record = simulate(rule, latency=0.5, minutes=7, later=later)

    assert 0.95 <= record.per_minute(since=300, until=420) / (0.6 * after) <= 1
    assert record.refused_part <= 0.01


def test_a_high_limit_raises_the_pace() -> None:
    record = simulate(RateLimit(requests=60_000), latency=0.002, minutes=0.25)

    assert record.per_minute(since=5, until=15) >= 0.95 * 0.6 * 60_000


def test_a_refusal_halves_the_rate_once_and_later_it_recovers() -> None:
    state = pace.start(pace.Pace(share=0.5), 100.0)

    def interval(state: pace.Pace, now: float) -> float:
        for _ in range(4):  # uses up requests left from before
            state = pace.start(state, now)
        return pace.start(state, now).next_start - state.next_start

    paused = pace.pause(state, 101.0, 10.0, began=pace.Start(100.0, 0))
    again = pace.pause(paused, 101.5, 12.0, began=pace.Start(100.5, 0))
    intervals = [interval(again, now) for now in (113.5, 128.5, 143.5)]

    assert (paused.refusals, again.refusals) == (1, 1)
    assert pace.to_wait_seconds(paused, 101.0) == 10.0
    assert pace.to_wait_seconds(again, 101.5) == 12.0
    assert interval(state, 110.0) == pytest.approx(60 / (0.5 * 300 * 0.97))
    assert intervals == pytest.approx([2 * 0.412371, 4 / 3 * 0.412371, 0.412371], rel=1e-4)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "x-ratelimit-reset": "30"}, 7.0),
        ({"retry-after": "Mon, 23 Nov 2026 03:00:42 GMT"}, 42.0),
        ({"retry-after": "Sun, 22 Nov 2026 03:00:42 GMT", "date": "Sun, 22 Nov 2026 03:00:00 GMT"}, 42.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 20)}, 20.5),
        ({"x-ratelimit-reset": "1795316420", "date": "Sun, 22 Nov 2026 03:00:00 GMT"}, 20.5),
        ({"x-ratelimit-reset": "30"}, 30.5),
        ({}, 1.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 99999 00:00:00 GMT"}, 1.0),
        ({"retry-after": f"Thu, 01 Jan {'9' * 20} 00:00:00 GMT"}, 1.0),
        ({"retry-after": ""}, 1.0),
        ({"retry-after": "-5", "x-ratelimit-reset": "-1"}, 1.0),
        ({"retry-after": "never", "x-ratelimit-reset": "soon", "date": "today"}, 1.0),
        ({"retry-after": "Mon, 23 Nov 2026 02:59:00 GMT", "x-ratelimit-reset": "9" * 30}, 0.0),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 86_400)}, 1.0),
        ({"retry-after": "NaN", "x-ratelimit-reset": "inf"}, 1.0),
    ],
)
def test_waits_follow_from_the_headers(headers: Mapping[str, str], seconds: float) -> None:
    assert to_pause_seconds(headers, now=NOW, refusals=0, jitter=0.5) == seconds


def test_without_headers_the_wait_grows_to_a_minute() -> None:
    waits = [to_pause_seconds({}, now=NOW, refusals=number, jitter=1.0) for number in range(8)]

    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
