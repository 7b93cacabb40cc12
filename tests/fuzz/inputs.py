"""Inputs for fuzzing: valid ones, changed at random in a few places. The same seed gives the same inputs.

Each test uses `INPUTS` of them: a few thousand in every run of the suite, `FUZZ_INPUTS` with `make fuzz`.
"""

from __future__ import annotations

import copy
import os
import random
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INPUTS = int(os.environ.get("FUZZ_INPUTS", "2000"))
_SEED = int(os.environ.get("FUZZ_SEED", "20261123"))
_MOST_CHANGES = 4

WORDS = (
    "", " ", "null", "None", "true", "FALSE ", "yes", "0", "0.6", "-1", "1e999", "nan", "infinity", "24 months",
    "0 days", "9999 years", "99999999999999 weeks", "2019-01-01", "2019-02-30", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z", "ACTIVE", "PAUSED\n", "acme", "a.b.c", ".", "..", "_", "__proto__", "\ud800", "\x00", "€",
    "x" * 5000, "{}", "[]",
)  # fmt: skip

JSON_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.6, 1.5, 2**63, -(2**64), 10**400, float("nan"), float("inf"), -0.0,
    [], {}, [[]], [None], {"": {}}, {"a": {"b": {"c": None}}},
)  # fmt: skip

OTHER_VALUES: tuple[Any, ...] = (
    date.min, date.max, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(2019, 1, 1),  # noqa: DTZ001 - as YAML writes it
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-12))),
    b"\x00\xff", (), {1, 2}, 1j,
)  # fmt: skip
"""Values that YAML has and JSON has not."""


def iter_changed(good: Sequence[Any], *, values: Sequence[Any] = JSON_VALUES, count: int = INPUTS) -> Iterator[Any]:
    """Yield copies of valid inputs, each with one to four changes."""
    rng = random.Random(_SEED)
    for _ in range(count):
        changed = copy.deepcopy(rng.choice(good))
        for _ in range(rng.randint(1, _MOST_CHANGES)):
            changed = _change(changed, rng, values)
        yield changed


def iter_changed_texts(good: Sequence[str], *, count: int) -> Iterator[str]:
    """Yield texts in which a few pieces are deleted, doubled or replaced."""
    rng = random.Random(_SEED)
    for _ in range(count):
        text = rng.choice(good)
        for _ in range(rng.randint(1, _MOST_CHANGES)):
            start = rng.randrange(len(text) + 1)
            end = min(len(text), start + rng.choice((0, 1, 3, 30)))
            text = text[:start] + rng.choice((rng.choice(WORDS)[:40], text[start:end] * 2, "")) + text[end:]
        yield text


def _change(value: Any, rng: random.Random, values: Sequence[Any]) -> Any:
    """Change the value itself, or one value inside it."""
    inside = isinstance(value, (dict, list)) and value and rng.random() < 0.8
    if not inside:
        return _invent(rng, values)
    if isinstance(value, list):
        place = rng.randrange(len(value))
        value[place] = _change(value[place], rng, values)
        return value
    name = rng.choice(list(value))
    action = rng.randrange(8)
    if action == 0:
        del value[name]
    elif action == 1:
        value[_invent_name(name, rng, values)] = value.pop(name)
    elif action == 2:
        value[_invent_name(name, rng, values)] = _invent(rng, values)
    else:
        value[name] = _change(value[name], rng, values)
    return value


def _invent(rng: random.Random, values: Sequence[Any]) -> Any:
    return copy.deepcopy(rng.choice(values)) if rng.random() < 0.6 else rng.choice(WORDS)


def _invent_name(name: Any, rng: random.Random, values: Sequence[Any]) -> Any:
    """Draw a key: a word, the old key misspelt, or, if possible, another value."""
    text = str(name)
    other = rng.choice(values)
    odd = other if values is not JSON_VALUES and other.__hash__ and not isinstance(other, dict) else "odd"
    return rng.choice((rng.choice(WORDS), text[:-1], text.upper(), f"_{text}", f"{text}.{text}", odd))
