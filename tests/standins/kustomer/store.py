"""The organisation: its conversations and surveys in ascending order of id; tests change them while they are paged."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, MutableSequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.standins.kustomer.records import Conversations, Record, build_surveys


class Rows(MutableSequence[Record]):
    """A list of records, of which only those that somebody has looked at exist as objects.

    An entry is the number of a synthetic record, a record, or raw bytes that stand in the page as they are.
    """

    def __init__(self, entries: Iterable[int | bytes | Record], render: Callable[[int], bytes]) -> None:
        self._entries = list(entries)
        self._render = render

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        entry = self._entries[index]
        if not isinstance(entry, dict):
            entry = self._entries[index] = json.loads(self._to_json(entry))
        return entry

    def __setitem__(self, index: Any, record: Any) -> None:
        self._entries[index] = record

    def __delitem__(self, index: int | slice) -> None:
        del self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)

    def insert(self, index: int, value: Record) -> None:
        self._entries.insert(index, value)

    def set_raw(self, index: int, record: bytes) -> None:
        """Put bytes in the place of a record, valid JSON or not."""
        self._entries[index] = record

    def serialise(self, start: int, stop: int, *, descending: bool = False) -> list[bytes]:
        """The JSON of the records at positions `start` to `stop` (not included), counted in the order asked for."""
        if descending:
            length = len(self._entries)
            entries = self._entries[max(0, length - stop) : max(0, length - start)][::-1]
        else:
            entries = self._entries[start:stop]
        return [self._to_json(entry) for entry in entries]

    def _to_json(self, entry: int | bytes | Record) -> bytes:
        if isinstance(entry, int):
            return self._render(entry)
        if isinstance(entry, bytes):
            return entry
        return json.dumps(entry, separators=(",", ":")).encode()  # takes what orjson refuses: 2**70, "\ud800", inf


class Organisation:
    """Everything that one Kustomer organisation holds.

    Attributes:
        conversations, surveys: Mutable sequences of records, ``{"id": str, "type": str, "attributes": {...}, ...}``.
    """

    def __init__(self, *, conversations: int, surveys: int, seed: int, unknown_every: int = 0) -> None:
        definitions = build_surveys(surveys, seed)
        forms = [survey["id"] for survey in definitions]
        self._synthetic = Conversations(count=conversations, seed=seed, surveys=forms, unknown_every=unknown_every)
        self._numbers = count(conversations)
        self.conversations = Rows(range(conversations), self._synthetic.render)
        self.surveys = Rows(definitions, self._synthetic.render)

    def rows(self, table: str) -> Rows:
        """The records of a table, by its name."""
        return {"conversations": self.conversations, "satisfaction": self.surveys}[table]

    def ids(self, table: str = "conversations") -> list[str]:
        """The ids of a table in its order; keeps no objects, unlike a look at each record."""
        rows = self.rows(table)
        return [json.loads(row)["id"] for row in rows.serialise(0, len(rows))]

    def find(self, identifier: str) -> bytes | None:
        """The JSON of one conversation; None if there is none of this id."""
        rows = self.conversations.serialise(0, len(self.conversations))
        wanted = b'"id":"' + identifier.encode() + b'"'
        return next((row for row in rows if wanted in row[:80] and json.loads(row)["id"] == identifier), None)

    def insert(self) -> Record:
        """A new conversation arrives; its id is the greatest."""
        record: Record = json.loads(self._synthetic.render(next(self._numbers)))
        self.conversations.append(record)
        return record

    def update(self, index: int = 0) -> Record:
        """A conversation changes where it stands: name, revision, and `updatedAt` a day later."""
        record: Record = self.conversations[index]
        attributes = record["attributes"]
        day = datetime.fromisoformat(attributes["updatedAt"]) + timedelta(days=1)
        attributes["updatedAt"] = day.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        attributes["rev"] += 1
        attributes["name"] = f"Revision {attributes['rev']}"
        return record

    def delete(self, index: int = 0) -> None:
        """A conversation is gone; all later ones move up."""
        del self.conversations[index]

    def repeat(self, index: int, *, table: str = "conversations") -> None:
        """A record comes twice: once more in the next place, be it on the same page or on the next one."""
        rows = self.rows(table)
        rows.insert(index + 1, copy.deepcopy(rows[index]))
