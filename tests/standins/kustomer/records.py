"""Synthetic surveys and conversations: the same for the same seed, and cheap enough to serve by the million.

`records.json` says what they look like: ``{"?": [...]}`` is a choice, ``"@absent"`` no value at all, ``@user`` and its
like a name of the organisation, ``%(id)b`` something that differs from one conversation to the next (between ``#``: a
number). Choices are made for some dozens of templates; a conversation is a template with its own ids and times.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Record: TypeAlias = dict[str, Any]

_SHAPES = orjson.loads(Path(__file__).with_name("records.json").read_bytes())
_FIRST_MS = int(datetime(2024, 11, 1, tzinfo=UTC).timestamp()) * 1000
_SPAN_MS = 730 * 86_400_000
_DAY_MS = 86_400_000
_TEMPLATES = 96
_SPARSE_SHARE = 0.15
_CHANNELS = ("email", "chat", "sms", "voice", "whatsapp", "facebook", "instagram", "twitter-dm", "form")
_PREFIXES = {"@user": "6a", "@team": "6d", "@tag": "6e"}


def build_surveys(count: int, seed: int) -> list[Record]:
    """Survey definitions in ascending order of id; every fourth as sparse as the official sample."""
    rng = Random(f"surveys {seed}")
    surveys = []
    for number in range(count):
        names = {"@id": f"6a01f0c2b7d3e944{number:08x}", "@number": str(number + 1), **_choose_names(rng)}
        surveys.append(_choose(_SHAPES["sparse survey" if number % 4 == 3 else "survey"], rng, names))
    return surveys


class Conversations:
    """Renders the conversation of any number, in ascending order of id and creation.

    Args:
        count: How many there are at first; they are spread evenly over two years.
        surveys: The definitions that ratings refer to.
        unknown_every: Every so many conversations has an attribute that no documentation mentions; 0: none.
        burst: So many in the middle are created in the same millisecond.
    """

    def __init__(
        self, *, count: int, seed: int, surveys: Sequence[Record], unknown_every: int = 0, burst: int = 0
    ) -> None:
        forms = [survey["id"] for survey in surveys]
        self._build_template = lru_cache(_TEMPLATES)(lambda index: _build_template(Random(f"{seed} {index}"), forms))
        self._salt = Random(seed).randrange(16**6)
        self._step_ms = _SPAN_MS // max(1, count)
        self._unknown_every = unknown_every
        self._burst = range(count // 2, count // 2 + burst)

    def created_ms(self, number: int) -> int:
        """When it was created, in epoch milliseconds."""
        return _FIRST_MS + (self._burst.start if number in self._burst else number) * self._step_ms

    def updated_ms(self, number: int) -> int:
        """When it was last changed."""
        return self.created_ms(number) + 3 * self._response_ms(number)

    def identify(self, number: int) -> str:
        """Its id; like Kustomer's, it begins with the second of creation."""
        return f"{self.created_ms(number) // 1000:08x}{self._salt:06x}{number:010x}"

    def number_of(self, identifier: str) -> int | None:
        """Which number has this id; None: no number has."""
        try:
            number = int(identifier[14:], 16)
        except ValueError:
            return None
        return number if self.identify(number) == identifier else None

    def render(self, number: int) -> bytes:
        """The JSON of one conversation."""
        return self.render_new(number, self.created_ms(number))

    def render_new(self, number: int, created_ms: int) -> bytes:
        """The same, of one that is created at another time."""
        chance = self._to_chance(number)
        response_ms = self._response_ms(number)
        unknown = self._unknown_every and number % self._unknown_every == 0
        return self._build_template((chance >> 16) % _TEMPLATES) % {
            b"id": b"%08x%06x%010x" % (created_ms // 1000, self._salt, number),
            b"stem": b"%08x%014x" % (created_ms // 1000, number),
            b"customer": b"60%022x" % (chance % 100_003),
            b"number": b"%d" % number,
            b"created": _to_iso(created_ms),
            b"replied": _to_iso(created_ms + response_ms),
            b"done": _to_iso(created_ms + 2 * response_ms),
            b"updated": _to_iso(created_ms + 3 * response_ms),
            b"response": b"%d" % response_ms,
            b"unknown": b'"futureKey":{"level":2},' if unknown else b"",
        }

    def _to_chance(self, number: int) -> int:
        return (number * 2_654_435_761 + self._salt) & 0xFFFFFFFF

    def _response_ms(self, number: int) -> int:
        return 60_000 + self._to_chance(number) % 7_000_000


def _build_template(rng: Random, surveys: Sequence[str]) -> bytes:
    shape = _SHAPES["sparse conversation" if rng.random() < _SPARSE_SHARE else "conversation"]
    names = {**_choose_names(rng), "@survey": rng.choice(surveys) if surveys else "@absent"}
    template = orjson.dumps(_choose(shape, rng, names))
    return template.replace(b'"#', b"").replace(b'#"', b"").replace(b'"rev":', b'%(unknown)b"rev":')


def _choose_names(rng: Random) -> dict[str, str]:
    few = {name: f"{prefix}{rng.randrange(12):022x}" for name, prefix in _PREFIXES.items()}
    return {**few, "@org": "6a01f0c2b7d3e94410aa0100", "@channel": rng.choice(_CHANNELS)}


def _choose(shape: Any, rng: Random, names: Mapping[str, str]) -> Any:
    """Make every choice in a shape and put the names in."""
    match shape:
        case {"?": choices}:
            return _choose(rng.choice(choices), rng, names)
        case dict():
            chosen = {names.get(key, key): _choose(value, rng, names) for key, value in shape.items()}
            return {key: value for key, value in chosen.items() if value != "@absent"}
        case list():
            return [_choose(element, rng, names) for element in shape]
        case str():
            for name, value in names.items():
                shape = shape.replace(name, value)
            return shape
        case _:
            return shape


def _to_iso(epoch_ms: int) -> bytes:
    """As ``2031-07-04T07:00:00.000Z``."""
    day, ms = divmod(epoch_ms, _DAY_MS)
    seconds, ms = divmod(ms, 1000)
    return b"%bT%02d:%02d:%02d.%03dZ" % (_to_date(day), seconds // 3600, seconds // 60 % 60, seconds % 60, ms)


@lru_cache(maxsize=4096)
def _to_date(days: int) -> bytes:
    return datetime.fromtimestamp(days * 86_400, UTC).date().isoformat().encode()
