"""The position of a search. Its JSON is the cursor: it has no ids, and a default for every field. Pure."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, field, fields, replace

from kustomer_extract.adapters.kustomer.search.windows import Walk
from kustomer_extract.models import Cursor, Evidence, Proof

_WAY = "search"


class Sweep(enum.StrEnum):
    """The parts of a search, in order. The last one reads what changed during the other two."""

    STANDARD = "standard"
    ARCHIVE = "archive"
    CATCH_UP = "catch_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The position of a search.

    Attributes:
        expected: How many conversations Kustomer counted at the beginning.
        settled: How many of them were created before `began_at` - 15 min.
        archived: How many of the expected ones were in the archive.
        since: Conversations that were created earlier are left out; None: all are read.
        began_at: The `Date` of the first answer, in milliseconds since 1970.
        settled_rows: How many of the conversations that `settled` counts were read or are unreadable. One that moves
            into the archive meanwhile counts twice.
        imported: Conversations of the catch-up that were imported meanwhile, with a time that `settled` counts.
        unreadable: Conversations that were counted but not returned.
        windows: Windows read so far.
    """

    sweep: Sweep = Sweep.STANDARD
    walk: Walk = field(default_factory=Walk)
    expected: int = 0
    settled: int = 0
    archived: int = 0
    since: int | None = None
    began_at: int = 0
    settled_rows: int = 0
    imported: int = 0
    unreadable: int = 0
    windows: int = 0

    @property
    def is_at_end(self) -> bool:
        """Whether the next window may be the last one of all."""
        return self.sweep is Sweep.CATCH_UP and self.walk.window.end is None

    @property
    def evidence(self) -> Evidence:
        """What is known about the completeness of the extract. At the end the total was reached."""
        return Evidence(expected_rows=self.expected, proven_by=Proof.TOTAL, unreadable_rows=self.unreadable)

    def to_cursor(self) -> Cursor:
        """Return the cursor."""
        return Cursor(json.dumps({"way": _WAY, **asdict(self)}, separators=(",", ":")))

    @classmethod
    def from_cursor(cls, cursor: Cursor) -> Position:
        """Read what `to_cursor` of this release or an older one wrote."""
        written = json.loads(cursor)
        known = {one.name: written[one.name] for one in fields(cls) if one.name in written}
        walk = known.pop("walk", {})
        known_walk = {one.name: walk[one.name] for one in fields(Walk) if one.name in walk}
        return replace(cls(**known), sweep=Sweep(known.get("sweep", Sweep.STANDARD)), walk=Walk(**known_walk))


def is_of_search(cursor: Cursor) -> bool:
    """Tell whether a cursor belongs to a search and not to a list."""
    return bool(json.loads(cursor).get("way") == _WAY)
