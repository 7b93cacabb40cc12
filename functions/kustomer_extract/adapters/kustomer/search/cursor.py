"""How far the sweeps have come. As JSON it is the cursor: no ids, a default for every field. Pure."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, field, fields, replace

from kustomer_extract.adapters.kustomer.search.windows import Walk
from kustomer_extract.models import Cursor, Evidence, Proof

_WAY = "search"


class Sweep(enum.StrEnum):
    """The parts of a search, in their order. What changes meanwhile is in the last."""

    STANDARD = "standard"
    ARCHIVE = "archive"
    CATCH_UP = "catch_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a search stands.

    Attributes:
        expected: How many conversations Kustomer counted at the beginning.
        settled: How many of them were made before `began_at` - 15 min.
        archived: How many of those that were expected lay in the archive.
        since: Nothing that was made before is wanted; None: all is.
        began_at: The `Date` of the first answer, in milliseconds since 1970.
        settled_rows: Different conversations that were read, or are unreadable, of those that `settled` counts; one
            that moves into the archive meanwhile counts twice.
        unreadable: Conversations that were counted but never handed out.
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
    unreadable: int = 0
    windows: int = 0

    @property
    def evidence(self) -> Evidence:
        """What is known of the extract's completeness; the end shows that the total was reached."""
        return Evidence(expected_rows=self.expected, proven_by=Proof.TOTAL, unreadable_rows=self.unreadable)

    def to_cursor(self) -> Cursor:
        """Write it down."""
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
    """Tell a search's cursor from a list's."""
    return bool(json.loads(cursor).get("way") == _WAY)
