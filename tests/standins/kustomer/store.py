"""The organisation: its conversations, surveys, users and teams; tests change them while they are read."""

from __future__ import annotations

import copy
import json
import time
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
    """Everything that one Kustomer organisation holds.

    Args:
        unknown_every: Every so many conversations has an attribute that no documentation mentions; 0: none.
        hide_every: Every so many conversations is hidden from the key; 0: none.
        burst: So many conversations are created in the same millisecond.
        clock: Epoch seconds, for what happens from now on.

    Attributes:
        conversations, surveys, users, former_users, teams: Mutable sequences of records,
            ``{"id": str, "type": str, "attributes": {...}, ...}``.
        index: What search sees of the conversations.
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
        clock: Callable[[], float] = time.time,
    ) -> None:
        definitions = build_surveys(surveys, seed)
        made = Conversations(
            count=conversations, seed=seed, surveys=definitions, unknown_every=unknown_every, burst=burst
        )
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
        """The records of a table, by its name."""
        tables = {"conversations": self.conversations, "satisfaction": self.surveys, "teams": self.teams}
        return {**tables, "users": self.users, "former users": self.former_users}[table]

    def ids(self, table: str = "conversations") -> list[str]:
        """The ids of a table in its order; keeps no objects, unlike a look at each record."""
        return self.rows(table).ids()

    def find(self, identifier: str) -> bytes | None:
        """The JSON of one conversation, by its id; None if there is none."""
        return self.conversations.find(identifier)

    def insert(self) -> Record:
        """A new conversation arrives, now; its id is the greatest."""
        self._newest_ms = max(self._newest_ms + 1000, int(self._clock() * 1000))
        record: Record = json.loads(self._synthetic.render_new(self._next, self._newest_ms))
        self._next += 1
        self.conversations.append(record)
        return record

    def bring_in(self, created: str) -> Record:
        """A conversation is imported, now: its id is the greatest, its time of creation is an old one."""
        record = self.insert()
        record["attributes"] |= {"createdAt": created, "importedAt": record["attributes"]["createdAt"]}
        return record

    def update(self, index: int = 0) -> Record:
        """A conversation changes where it stands, now: name, revision and `updatedAt`."""
        record: Record = copy.deepcopy(self.conversations[index])
        attributes = record["attributes"]
        now_ms = max(to_ms(attributes["updatedAt"]) + 1, int(self._clock() * 1000))
        attributes["updatedAt"] = to_iso(now_ms).decode()
        attributes["rev"] += 1
        attributes["name"] = f"Revision {attributes['rev']}"
        self.conversations[index] = record
        return record

    def delete(self, index: int = 0) -> None:
        """A conversation is gone; all later ones move up."""
        del self.conversations[index]

    def hide(self, index: int = 0) -> None:
        """The key may not see a conversation any more."""
        self.conversations.hidden.add(self.conversations.identify(self.conversations[index]))

    def repeat(self, index: int, *, table: str = "conversations") -> None:
        """A record comes twice: once more in the next place, be it on the same page or on the next one."""
        rows = self.rows(table)
        rows.insert(index + 1, copy.deepcopy(rows[index]))
