"""Synthetic conversations. The same seed gives the same ones, and they are cheap enough to serve millions.

Each has one of some hundred kinds (`choices`). The JSON of a kind is built once (`shapes`); its own times, ids and
numbers fill the placeholders. The time of creation decides all other times: first answer, end, survey. What would be
after the end of the two years (`calendar`) has not happened yet, so the latest conversations are open.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import exp
from random import Random
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from tests.standins.kustomer import calendar
from tests.standins.kustomer.calendar import to_iso
from tests.standins.kustomer.choices import Kind, Phase, draw_kind
from tests.standins.kustomer.moments import DONE
from tests.standins.kustomer.shapes import Template

if TYPE_CHECKING:
    from collections.abc import Sequence

Record: TypeAlias = dict[str, Any]

_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000
_KINDS = 192
_KEPT = 400  # this many conversations are rendered once; most organisations have no more
_SPREAD = [exp(1.1 * NormalDist().inv_cdf((step + 0.5) / 64)) for step in range(64)]  # factors around a median of 1
_LONGEST_SHIFT_MS, _WORKING_SHARE = 10 * _HOUR_MS, 10 / 24
_SURVEY_MS = _HOUR_MS // 2
_WAKES = to_iso(calendar.END_MS + _DAY_MS)


class Timeline(NamedTuple):
    """The times of one conversation in epoch milliseconds. Those after `calendar.END_MS` have not happened yet.

    Attributes:
        present: When an agent was first at work after its creation.
        done, again: When it was done for the first time, and for the last time.
        updated: When it last changed.
    """

    created: int
    phase: Phase
    present: int
    replied: int
    done: int
    again: int
    sent: int
    updated: int


class Conversations:
    """Renders the conversation of any number, in ascending order of id and creation.

    Args:
        count: The number of conversations at first.
        surveys: The survey definitions to which ratings refer.
        unknown_every: Every nth conversation has an undocumented attribute. 0: none.
        burst: This many conversations, in the middle, are created in the same millisecond.
        sparse: Every conversation has hardly any attributes.
    """

    def __init__(
        self,
        *,
        count: int,
        seed: int,
        surveys: Sequence[Record],
        unknown_every: int = 0,
        burst: int = 0,
        sparse: bool = False,
    ) -> None:
        self._kinds = _build_kinds(seed, msgspec.json.encode(surveys), sparse=sparse)
        self._templates, self._rendered = dict[tuple[int, Phase], Template](), dict[int, bytes]()
        self._salt = Random(seed).randrange(16**6)
        self._count, self._customers = max(1, count), max(1, count * 3 // 5)
        self._unknown_every = unknown_every
        self._burst = range(count // 2, count // 2 + burst)

    def created_ms(self, number: int) -> int:
        """Return the time of creation in epoch milliseconds."""
        if number in self._burst:
            number = self._burst.start
        return calendar.find_moment((number + (self._to_chance(number) & 0xFFF) / 0x1000) / self._count)

    def updated_ms(self, number: int) -> int:
        """Return the time of the last change."""
        return self._build_timeline(number, self.created_ms(number)).updated

    def identify(self, number: int) -> str:
        """Build its id. Like Kustomer's, it begins with the second of creation."""
        return f"{self.created_ms(number) // 1000:08x}{self._salt:06x}{number:010x}"

    def number_of(self, identifier: str) -> int | None:
        """Return the number with this id, or None."""
        try:
            number = int(identifier[14:], 16)
        except ValueError:
            return None
        return number if 0 <= number < self._count and self.identify(number) == identifier else None

    def render(self, number: int) -> bytes:
        """Build the JSON of one conversation."""
        if number >= _KEPT:
            return self.render_new(number, self.created_ms(number))
        if number not in self._rendered:
            self._rendered[number] = self.render_new(number, self.created_ms(number))
        return self._rendered[number]

    def render_new(self, number: int, created_ms: int) -> bytes:
        """Build the JSON of one that is created at another time."""
        index = self._to_kind(number)
        kind, life = self._kinds[index], self._build_timeline(number, created_ms)
        _, phase, present, replied, done, again, sent, updated = life
        promised, until = present + kind.promised_ms, min(done, calendar.END_MS)
        is_breached = min(replied, calendar.END_MS) > promised
        done_business, late = _to_business(present, done), to_iso(promised)
        unknown = self._unknown_every and number % self._unknown_every == 0
        return self._find_template(index, phase).fill(
            {
                "id": b"%08x%06x%010x" % (created_ms // 1000, self._salt, number),
                "stem": b"%08x%014x" % (created_ms // 1000, number),
                "customer": b"60%022x" % int((self._to_chance(number) / 2**32) ** 1.3 * self._customers),
                "number": b"%d" % (10_000 + number),
                "created": to_iso(created_ms),
                "replied": to_iso(replied),
                "last_in": to_iso((replied + done) // 2 if phase in DONE else updated),
                "done": to_iso(done),
                "again": to_iso(again),
                "sent": to_iso(sent),
                "updated": to_iso(updated),
                "promised": late,
                "shipped": to_iso(created_ms - 3 * _DAY_MS),
                "wakes": _WAKES,
                "response": b"%d" % (replied - created_ms),
                "response_business": b"%d" % (replied - present),
                "done_time": b"%d" % (done - created_ms),
                "done_business": b"%d" % done_business,
                "again_time": b"%d" % (again - created_ms),
                "again_business": b"%d" % (done_business + int((again - done) * _WORKING_SHARE)),
                "open_time": b"%d" % (until - created_ms),
                "open_business": b"%d" % _to_business(present, until),
                "breached": b"true" if is_breached else b"false",
                "breach": b'{"metric":"firstResponse","at":"%b"}' % late if is_breached else b"null",
                "unknown": b'"futureKey":{"level":2},' if unknown else b"",
            }
        )

    def _build_timeline(self, number: int, created: int) -> Timeline:
        kind, chance = self._kinds[self._to_kind(number)], self._to_chance(number)
        if kind.is_sparse:
            return Timeline(created, "settled", created, created, created, created, created, created + 1000)
        present = created if kind.is_outbound else created + calendar.wait_ms(created)
        replied = present + int(kind.response_ms * _SPREAD[chance & 63])
        done = replied + int(kind.handling_ms * _SPREAD[chance >> 6 & 63])
        again = done + int(kind.again_ms * _SPREAD[chance >> 12 & 63])
        sent = again + _SURVEY_MS
        settled = sent + int(kind.rating_ms * _SPREAD[chance >> 4 & 63])
        phase, updated = _to_phase(created, replied, done, again, settled)
        return Timeline(created, phase, present, replied, done, again, sent, updated)

    def _find_template(self, index: int, phase: Phase) -> Template:
        if (index, phase) not in self._templates:
            self._templates[index, phase] = Template(self._kinds[index], phase)
        return self._templates[index, phase]

    def _to_chance(self, number: int) -> int:
        return (number * 2_654_435_761 + self._salt * 40_503) & 0xFFFFFFFF

    def _to_kind(self, number: int) -> int:
        return (self._to_chance(number) >> 16) * _KINDS >> 16


@lru_cache(16)
def _build_kinds(seed: int, surveys: bytes, *, sparse: bool) -> list[Kind]:
    rng, definitions = Random(f"kinds {seed}"), msgspec.json.decode(surveys)
    shares = [(number + 0.5) / _KINDS for number in range(_KINDS)]
    rng.shuffle(shares)
    kinds = [draw_kind(rng, definitions, share=share) for share in shares]
    return [replace(kind, is_sparse=True, is_wordy=False) for kind in kinds] if sparse else kinds


def _to_phase(created: int, replied: int, done: int, again: int, settled: int) -> tuple[Phase, int]:
    """Return the phase at the end of the two years, and when it began."""
    if settled <= calendar.END_MS:
        return "settled", settled
    if again <= calendar.END_MS:
        return "fresh", again
    if done <= calendar.END_MS:
        return "reopened", (done + calendar.END_MS) // 2
    return ("open", (replied + calendar.END_MS) // 2) if replied <= calendar.END_MS else ("new", created)


def _to_business(start: int, stop: int) -> int:
    """Estimate the working time between two moments."""
    span = max(0, stop - start)
    return span if span <= _LONGEST_SHIFT_MS else _LONGEST_SHIFT_MS + int((span - _LONGEST_SHIFT_MS) * _WORKING_SHARE)
