"""Windows of time, one after the other, each so wide that its rows fit one page. Pure.

All times are UTC milliseconds since 1970. A window is half-open, so adjacent windows cover every moment once. The first
has no lower bound and the last no upper bound: our own clock does not decide what is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PAGE_SIZE = 500
_GOOD_FILL = 350  # of 500, because a window may grow before it is read
_END_OF_TIME = 253_402_300_799_000  # the year 9999: later dates cannot be written
_FIRST_WIDTH = 40 * 365 * 86_400_000  # from 1970 on: there is little before 2010


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The moments from `start` (None: no lower bound) until before `end` (None: no upper bound).

    `is_unset`: instead, the conversations without a time.
    """

    start: int | None
    end: int | None
    is_unset: bool = False

    @property
    def is_one_moment(self) -> bool:
        """Whether the window is a single millisecond."""
        return self.start is not None and self.end == self.start + 1


WITHOUT_TIME = Window(start=None, end=None, is_unset=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A position in time between two windows.

    Attributes:
        at: Where the next window starts; None before the first.
        width: The width of the next window.
        limit: No window crosses this moment, because what comes before it is counted separately.
        left: How many conversations should follow, by the last count.
    """

    at: int | None = None
    width: int = _FIRST_WIDTH
    limit: int | None = None
    left: int = 0

    @property
    def window(self) -> Window:
        """The next window. If the rest fits one page, it is the last one and has no upper bound."""
        is_behind_limit = self.limit is not None and self.at is not None and self.at >= self.limit
        if self.at is not None and self.left <= _GOOD_FILL and (is_behind_limit or self.limit is None):
            return Window(start=self.at, end=None)
        end = min((self.at or 0) + self.width, _END_OF_TIME)
        return Window(start=self.at, end=end if is_behind_limit or self.limit is None else min(end, self.limit))

    def narrow(self, total: int) -> Walk:
        """Make a window that has too many conversations narrower, by its own density."""
        window = self.window
        if window.end is None:
            return replace(self, left=total)
        known = window.end - (window.start or 0)
        return replace(self, width=max(1, min(known - 1, known * _GOOD_FILL // total)))

    def halve(self) -> Walk:
        """Make a window that gets no answer half as wide. A last window gets an upper bound."""
        return replace(self, left=max(self.left, _GOOD_FILL + 1), width=max(1, self.width // 2))

    def advance(self, total: int) -> Walk:
        """Go past a window that was read. After an empty one the next is twice as wide."""
        window = self.window
        assert window.end is not None
        width = window.end - (window.start or 0)
        wider = 2 * width if total == 0 else max(1, min(4 * width, width * _GOOD_FILL // total))
        is_at_limit = window.end == self.limit
        is_bounded = self.limit is not None and window.end < self.limit
        left = max(0, self.left - total) if is_bounded or (total and not is_at_limit) else 0
        return replace(self, at=window.end, width=wider, left=left)
