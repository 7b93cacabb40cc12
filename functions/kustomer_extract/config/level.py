"""Reads the values of one map of a document. A wrong value does not stop it: all problems are reported."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from kustomer_extract.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

_SHOWN = 60  # characters of what was found
_NEAR = 40  # characters of an unknown name that are compared with the known names


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One map of a document.

    Attributes:
        content: The map.
        path: Its path in the document; empty at the top.
        problems: The problems of the whole document.
        warnings: The warnings of the whole document, one sentence each.
    """

    content: Mapping[Any, object]
    path: str = ""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def read(self, name: str, to: Callable[[object], T | None], *, allowed: str | Sequence[str], default: T) -> T:
        """Read a value.

        Args:
            name: The key of the value.
            to: Converts the value; returns None if it is not allowed. Null is a problem and never means the default.
            allowed: What is allowed, as a text, or as the list of all allowed words.
            default: Returned if the value is absent or not allowed.
        """
        if name not in self.content:
            return default
        found = self.content[name]
        meant = to(found)
        if meant is None:
            words = [] if isinstance(allowed, str) else allowed
            nearest = find_nearest(found, words) if isinstance(found, str) else None
            self.refuse(name, describe(found), ", ".join(words) or str(allowed), nearest)
            return default
        if isinstance(found, str) and isinstance(meant, bool | float | str) and found != meant:
            self.warn(name, f"{describe(found)} was read as {describe(meant)}")
        return meant

    def require(self, name: str, to: Callable[[object], T | None], *, allowed: str | Sequence[str], default: T) -> T:
        """Read a value that must be there. If it is absent, that is a problem, and the default is returned."""
        if name not in self.content:
            self.refuse(name, "nothing", allowed if isinstance(allowed, str) else ", ".join(allowed))
        return self.read(name, to, allowed=allowed, default=default)

    def enter(self, name: str) -> Level:
        """Go one level down. A value that is absent or not a map counts as an empty map."""
        nothing: Mapping[Any, object] = {}
        inner = self.read(name, _to_map, allowed="a map", default=nothing)
        return replace(self, content=inner, path=self.locate(name))

    def refuse(self, name: str, found: str, allowed: str, nearest: str | None = None) -> None:
        """Add a problem."""
        self.problems.append(Problem(path=self.locate(name), found=found, allowed=allowed, nearest=nearest))

    def warn(self, name: str, what: str) -> None:
        """Add a warning."""
        self.warnings.append(f"{self.locate(name)}: {what}")

    def check_names(self, known: Iterable[str]) -> None:
        """Refuse every unknown name of this map."""
        names = list(known)
        for name in self.content:
            if name not in names:
                self.refuse_name(str(name), names)

    def refuse_name(self, name: str, known: list[str]) -> None:
        """Refuse a name, and suggest the one that was probably meant."""
        outer, _, inner = name.partition(".")
        if outer and inner:
            nested = (
                f"one name a level: write it nested, a map {find_nearest(outer, known) or outer} with {inner} in it"
            )
            self.refuse(name, "a name with a dot", nested)
        else:
            self.refuse(name, "an unknown name", ", ".join(known), find_nearest(name, known))

    def locate(self, name: object) -> str:
        """Return the path of a name in this map."""
        shown = str(name) or '""'
        return f"{self.path}.{shown}" if self.path else shown


def describe(value: object) -> str:
    """Show a value as the console does. A map or a list is shown without its content."""
    if isinstance(value, Mapping):
        return "a map" if value else "an empty map"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, date):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False, default=lambda item: type(item).__name__)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def find_nearest(name: str, names: Iterable[str]) -> str | None:
    """Find the valid name that a misspelt name probably means."""
    known = {known.lower(): known for known in names}
    matches = difflib.get_close_matches(name[:_NEAR].lower(), known, n=1, cutoff=0.6)
    return known[matches[0]] if matches else None


def _to_map(value: object) -> Mapping[Any, object] | None:
    return value if isinstance(value, Mapping) else None
