"""The search index: it finds conversations by their times of creation and update, if wanted with a delay.

Synthetic conversations are found in sorted arrays of times. Those that a test has changed or read are kept beside the
arrays, each with its history.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.standins.kustomer.rows import Entry, Rows

Sort: TypeAlias = tuple[str, bool]
"""``created`` or ``updated``, and whether the order is descending."""


class Timed(Protocol):
    """The times of synthetic conversations, by number. Times of creation are in ascending order."""

    def created_ms(self, number: int) -> int:
        """Return the time of creation in epoch milliseconds."""

    def updated_ms(self, number: int) -> int:
        """Return the time of the last change."""

    def number_of(self, identifier: str) -> int | None:
        """Return the number with this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Epoch milliseconds from `start` to `stop` (not included). `is_unset`: it selects records without this time."""

    start: float = -inf
    stop: float = inf
    is_unset: bool = False

    def narrow(self, other: Span) -> Span:
        """Return the part that is in both."""
        return Span(
            start=max(self.start, other.start),
            stop=min(self.stop, other.stop),
            is_unset=self.is_unset or other.is_unset,
        )

    def holds(self, epoch_ms: int | None) -> bool:
        """Whether a time is in it. A missing time is in it if `is_unset`, or if it has no limits."""
        if epoch_ms is None:
            return self.is_unset or (self.start == -inf and self.stop == inf)
        return not self.is_unset and self.start <= epoch_ms < self.stop


class Index:
    """Finds conversations by their times."""

    def __init__(self, rows: Rows, made: Timed, count: int, *, clock: Callable[[], float]) -> None:
        self._rows, self._made, self._count, self._clock = rows, made, count, clock
        self._lock = Lock()
        self._histories: defaultdict[str, list[tuple[float, Entry | None]]] = defaultdict(list)
        self._arrays: _Arrays | None = None
        rows.on_change, rows.on_look = self._record, self._record_look

    def find(
        self,
        *,
        created: Span,
        updated: Span,
        with_deleted: bool = False,
        sort: Sort | None = None,
        late_seconds: float = 0.0,
    ) -> Sequence[Entry]:
        """Find what is in both spans, as of `late_seconds` ago. Without `sort` the order is not defined."""
        with self._lock:
            if self._arrays is None:
                self._arrays = _Arrays(self._made, self._count)
            known = self._clock() - late_seconds
            states = {identifier: _look_back(history, known) for identifier, history in self._histories.items()}
            numbers = self._arrays.find(created, updated)
            if shadowed := {self._made.number_of(identifier) for identifier, state in states.items() if state}:
                numbers = [number for number in numbers if number not in shadowed]
        changed = [
            entry
            for state in states.values()
            if state and (entry := state[0]) is not None and self._fits(entry, created, updated, with_deleted)
        ]
        if sort:
            return sorted(chain(changed, numbers), key=lambda entry: self._to_key(entry, sort[0]), reverse=sort[1])
        return [*changed, *reversed(numbers)] if changed else numbers[::-1]

    def _record(self, identifier: str, entry: Entry | None) -> None:
        with self._lock:
            self._histories[identifier].append((self._clock(), entry))

    def _record_look(self, identifier: str, entry: Entry | None) -> None:
        """Record a record that became an object. From now on it is found in its current state."""
        with self._lock:
            if not self._histories[identifier]:
                self._histories[identifier].append((-inf, entry))

    def _fits(self, entry: Entry, created: Span, updated: Span, with_deleted: bool) -> bool:  # noqa: FBT001
        created_ms, updated_ms, is_deleted = self._describe(entry)
        return created.holds(created_ms) and updated.holds(updated_ms) and (with_deleted or not is_deleted)

    def _describe(self, entry: Entry) -> tuple[int | None, int | None, bool]:
        if isinstance(entry, int):
            return self._made.created_ms(entry), self._made.updated_ms(entry), False
        attributes = _read_attributes(entry)
        return _to_ms(attributes, "createdAt"), _to_ms(attributes, "updatedAt"), attributes.get("deleted") is True

    def _to_key(self, entry: Entry, name: str) -> int:
        created_ms, updated_ms, _ = self._describe(entry)
        return (created_ms if name == "created" else updated_ms) or 0


class _Arrays:
    """The times of all synthetic conversations, by number, and their numbers by time of update."""

    def __init__(self, made: Timed, count: int) -> None:
        self._created = array("q", map(made.created_ms, range(count)))
        self._updated = array("q", map(made.updated_ms, range(count)))
        self._by_update = sorted(range(count), key=self._updated.__getitem__)
        self._updates = array("q", map(self._updated.__getitem__, self._by_update))

    def find(self, created: Span, updated: Span) -> Sequence[int]:
        """Find numbers, in ascending order."""
        if created.is_unset or updated.is_unset:
            return []
        first, last = bisect_left(self._created, created.start), bisect_left(self._created, created.stop)
        first_update, last_update = (bisect_left(self._updates, end) for end in (updated.start, updated.stop))
        if last_update - first_update == len(self._updates):
            return range(first, last)
        if last_update - first_update < last - first:
            numbers = self._by_update[first_update:last_update]
            return sorted(number for number in numbers if first <= number < last)
        start, stop = updated.start, updated.stop
        return [number for number in range(first, last) if start <= self._updated[number] < stop]


def to_ms(moment: str) -> int:
    """Convert ``2031-07-04T07:00:00.000Z``, or a date, to epoch milliseconds."""
    at = datetime.fromisoformat(moment)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _look_back(history: list[tuple[float, Entry | None]], known: float) -> tuple[Entry | None] | None:
    """Return the entry at that time. None: it did not differ from the arrays."""
    states = [entry for at, entry in history if at <= known]
    return (states[-1],) if states else None


def _read_attributes(entry: Any) -> dict[str, Any]:
    if isinstance(entry, bytes):
        try:
            entry = json.loads(entry)
        except ValueError:
            return {}
    attributes = entry.get("attributes")
    return attributes if isinstance(attributes, dict) else {}


def _to_ms(attributes: dict[str, Any], name: str) -> int | None:
    try:
        return to_ms(attributes[name])
    except (KeyError, TypeError, ValueError):
        return None
