"""The one door that every request goes through: the pace, with a clock, a lock, and somebody to tell of pauses."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer import pace
from kustomer_extract.adapters.kustomer.headers import parse_count, to_pause_seconds
from kustomer_extract.errors import Unwanted
from kustomer_extract.events import RateAssumed, RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from kustomer_extract.ports import Clock

_POLL_SECONDS = 0.1  # after this time a waiting thread checks whether its page is still wanted
_FIRST_POLL_SECONDS = 0.02  # the same until an answer has stated the limit, which may let it go at once


class Gate:
    """Holds threads back until their requests may start. Safe to use from several threads.

    Args:
        share: The part of the organisation's limit that may be used.
        assumed: Requests per minute, used until the API states a limit.
        is_documented: Whether `assumed` is documented or was set by a person; then it is not reported as assumed.
        late_seconds: How much delay is caught up with if no answer says what is left of the limit.
        report: Gets one event per pause, even if several requests were refused.

    Attributes:
        has_begun: Set when the first request starts.
    """

    def __init__(
        self,
        *,
        share: float,
        clock: Clock,
        rng: Random,
        report: Callable[[RateLimited | RateAssumed], None],
        assumed: int = pace.ASSUMED_LIMIT,
        late_seconds: float = pace.LATE_SECONDS_BLIND,
        is_documented: bool = False,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._report = report
        self._pace = pace.Pace(share=share, assumed=assumed, late_seconds=late_seconds)
        self._has_told = is_documented
        self.has_begun = threading.Event()
        self._lock = threading.Lock()  # guards the pace
        self._turnstile = threading.Lock()  # one thread waits for its turn, the others wait for that thread

    @property
    def limit(self) -> int | None:
        """Requests per minute, as the API last stated; None if it has not."""
        return self._pace.limit

    def to_in_flight(self) -> int:
        """Return how many requests may be open now."""
        return pace.to_in_flight(self._pace, self._clock.monotonic())

    def enter(self, is_wanted: Callable[[], bool]) -> pace.Start:
        """Wait until a request may start, and count it as started.

        Returns:
            When it starts, in monotonic seconds, and what is known then: for `leave`, `lose` or `pause`.

        Raises:
            Unwanted: the page is not wanted any more.
        """
        with self._turnstile:
            while True:
                if not is_wanted():
                    raise Unwanted
                with self._lock:
                    now = self._clock.monotonic()
                    wait = pace.to_wait_seconds(self._pace, now)
                    if wait <= 0:
                        began = pace.mark(self._pace, now)
                        self._pace = pace.start(self._pace, now)
                        self.has_begun.set()
                        return began
                self._clock.sleep(min(wait, _POLL_SECONDS if self._pace.limit else _FIRST_POLL_SECONDS))

    def lose(self) -> None:
        """Record that a request got no answer."""
        with self._lock:
            self._pace = pace.lose(self._pace)

    def leave(self, began: pace.Start, headers: Mapping[str, str], *, is_good: bool) -> None:
        """Record an answer that asks for no pause."""
        with self._lock:
            now = self._clock.monotonic()
            self._pace = pace.finish(self._pace, now, began=began, headers=headers, is_good=is_good)
            is_assumed = is_good and self._pace.limit is None and not self._has_told
            self._has_told = self._has_told or is_assumed
        if is_assumed:
            self._report(RateAssumed(limit=self._pace.assumed))

    def pause(self, began: pace.Start, headers: Mapping[str, str], *, is_refusal: bool) -> None:
        """Record an answer that makes all requests wait: a 429 (`is_refusal`), or a 503 with `Retry-After`."""
        with self._lock:
            now, before = self._clock.monotonic(), self._pace
            seconds = to_pause_seconds(
                headers, now=self._clock.now(), refusals=before.refusals, jitter=self._rng.random()
            )
            after = pace.finish(before, now, began=began, headers=headers, is_good=False)
            self._pace = pace.pause(after, now, seconds, began=began)
            is_new = self._pace.refusals > before.refusals
        if is_refusal and is_new:
            left = parse_count(headers.get("x-ratelimit-remaining"))
            self._report(RateLimited(wait_seconds=round(seconds, 1), limit=after.limit, remaining=left))

    def rest(self, seconds: float, is_wanted: Callable[[], bool]) -> None:
        """Make one request wait before it is tried again.

        Raises:
            Unwanted: the page is not wanted any more.
        """
        end = self._clock.monotonic() + seconds
        while (left := end - self._clock.monotonic()) > 0 and is_wanted():
            self._clock.sleep(min(left, _POLL_SECONDS))
        if not is_wanted():
            raise Unwanted
