"""The organisation: its conversations, surveys, users and teams. Tests change them while they are read."""

from __future__ import annotations

import copy
import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from tests.standins.kustomer.calendar import to_iso
from tests.standins.kustomer.index import Index, to_ms
from tests.standins.kustomer.people import build_teams, build_users
from tests.standins.kustomer.records import Conversations, Record
from tests.standins.kustomer.rows import Rows
from tests.standins.kustomer.surveys import build_surveys

if TYPE_CHECKING:
    from collections.abc import Callable


class Organisation:
    """All records of one Kustomer organisation.

    Args:
        unknown_every: Every nth conversation has an undocumented attribute. 0: none.
        hide_every: Every nth conversation is hidden from the key. 0: none.
        burst: This many conversations are created in the same millisecond.
        sparse: Every conversation has hardly any attributes.
        clock: Epoch seconds, for later changes.

    Attributes:
        conversations, surveys, users, former_users, teams: Mutable sequences of records,
            ``{"id": str, "type": str, "attributes": {...}, ...}``.
        index: The search index of the conversations.
    """

    def __init__(
        self,
        *,
        conversations: int,
        surveys: int,
        seed: int,
        unknown_every: int = 0,
        hide_every: int = 0,
        burst: int = 0,
        sparse: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        made, definitions = _make(conversations, surveys, seed, unknown_every, burst, sparse=sparse)
        self._synthetic, self._clock, self._next = made, clock, conversations
        self._newest_ms = made.created_ms(conversations - 1) if conversations else 0
        self.conversations = Rows(range(conversations), made)
        self.surveys = Rows(definitions, made)
        self.users, self.former_users = (Rows(build_users(former=former), made) for former in (False, True))
        self.teams = Rows(build_teams(), made)
        self.index = Index(self.conversations, made, conversations, clock=clock)
        if hide_every:
            self.conversations.hidden = {made.identify(number) for number in range(0, conversations, hide_every)}

    def rows(self, table: str) -> Rows:
        """Get the records of a table, by its name."""
        tables = {"conversations": self.conversations, "satisfaction": self.surveys, "teams": self.teams}
        return {**tables, "users": self.users, "former users": self.former_users}[table]

    def ids(self, table: str = "conversations") -> list[str]:
        """List the ids of a table in its order. Unlike reading each record, this creates no objects."""
        return self.rows(table).ids()

    def find(self, identifier: str) -> bytes | None:
        """Get the JSON of one conversation by its id. None if there is none."""
        return self.conversations.find(identifier)

    def insert(self) -> Record:
        """Add a new conversation, now. Its id is the greatest."""
        self._newest_ms = max(self._newest_ms + 1000, int(self._clock() * 1000))
        record: Record = json.loads(self._synthetic.render_new(self._next, self._newest_ms))
        self._next += 1
        self.conversations.append(record)
        return record

    def import_old(self, created: str) -> Record:
        """Import a conversation, now. Its id is the greatest, but its time of creation is old."""
        record = self.insert()
        record["attributes"] |= {"createdAt": created, "importedAt": record["attributes"]["createdAt"]}
        return record

    def update(self, index: int = 0) -> Record:
        """Change a conversation at its position, now: name, revision and `updatedAt`."""
        record: Record = copy.deepcopy(self.conversations[index])
        attributes = record["attributes"]
        now_ms = max(to_ms(attributes["updatedAt"]) + 1, int(self._clock() * 1000))
        attributes["updatedAt"] = to_iso(now_ms).decode()
        attributes["rev"] += 1
        attributes["name"] = f"Revision {attributes['rev']}"
        self.conversations[index] = record
        return record

    def delete(self, index: int = 0) -> None:
        """Delete a conversation. All later ones move up."""
        del self.conversations[index]

    def hide(self, index: int = 0) -> None:
        """Hide a conversation from the key."""
        self.conversations.hidden.add(self.conversations.identify(self.conversations[index]))

    def repeat(self, index: int, *, table: str = "conversations") -> None:
        """Repeat a record in the next position, which may be on the next page."""
        rows = self.rows(table)
        rows.insert(index + 1, copy.deepcopy(rows[index]))


@lru_cache(16)
def _make(
    count: int, surveys: int, seed: int, unknown_every: int, burst: int, *, sparse: bool
) -> tuple[Conversations, tuple[bytes, ...]]:
    """Build the first conversations, and the first surveys as JSON. Organisations of equal numbers share them."""
    definitions = build_surveys(surveys, seed)
    made = Conversations(
        count=count, seed=seed, surveys=definitions, unknown_every=unknown_every, burst=burst, sparse=sparse
    )
    return made, tuple(json.dumps(survey, separators=(",", ":")).encode() for survey in definitions)
