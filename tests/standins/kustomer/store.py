"""The organisation: its conversations and surveys in ascending order of id; tests change them while they are paged."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, MutableSequence
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, overload

import orjson

from tests.standins.kustomer.records import Conversations, Record, build_survey

if TYPE_CHECKING:
    from collections.abc import Callable


class Rows(MutableSequence[Record]):
    """A list of records, of which only those that somebody has touched exist as objects.

    An entry is the number of a synthetic record, a record, or raw bytes that stand in the page as they are.
    """

    def __init__(self, entries: Iterable[int | Record], render: Callable[[int], bytes]) -> None:
        self._entries: list[int | bytes | Record] = list(entries)
        self._render = render

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        entry = self._entries[index]
        if not isinstance(entry, dict):
            entry = self._entries[index] = json.loads(self._to_json(entry))
        return entry

    def __setitem__(self, index: int | slice, record: Record | Iterable[Record]) -> None:
        self._entries[index] = record  # type: ignore[index,assignment]  # whatever a list takes

    def __delitem__(self, index: int | slice) -> None:
        del self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)

    def insert(self, index: int, value: Record) -> None:
        self._entries.insert(index, value)

    def set_raw(self, index: int, record: bytes) -> None:
        """Put bytes in the place of a record, valid JSON or not."""
        self._entries[index] = record

    def serialise(self, start: int, stop: int, *, descending: bool) -> list[bytes]:
        """The JSON of the records at the positions `start` to `stop` (not included), counted in the order asked for."""
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
        rng = Random(seed)
        definitions = [build_survey(number, rng) for number in range(surveys)]
        self._synthetic = Conversations(
            count=conversations,
            seed=seed,
            surveys=[survey["id"] for survey in definitions],
            unknown_every=unknown_every,
        )
        self._born = conversations
        self.conversations = Rows(range(conversations), self._synthetic.render)
        self.surveys = Rows(definitions, self._synthetic.render)

    def rows(self, table: str) -> Rows:
        """The records of a table, by its name."""
        return self.conversations if table == "conversations" else self.surveys

    def ids(self, table: str = "conversations") -> list[str]:
        """The ids of a table, in ascending order, without making its records."""
        rows = self.rows(table)
        return [orjson.loads(row)["id"] for row in rows.serialise(0, len(rows), descending=False)]

    def insert(self) -> Record:
        """A new conversation arrives; it has the greatest id."""
        record: Record = orjson.loads(self._synthetic.render(self._born))
        self._born += 1
        self.conversations.append(record)
        return record

    def update(self, index: int) -> Record:
        """A conversation changes where it stands: name, revision and `updatedAt`, one day later."""
        record = self.conversations[index]
        attributes = record["attributes"]
        day = datetime.fromisoformat(attributes["updatedAt"]) + timedelta(days=1)
        attributes["updatedAt"] = day.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        attributes["rev"] += 1
        attributes["name"] = f"Changed {attributes['rev']} times"
        return record

    def delete(self, index: int) -> None:
        """A conversation is gone; all later ones move up."""
        del self.conversations[index]

    def repeat(self, index: int, *, table: str = "conversations") -> None:
        """A record comes twice: the same id again in the next position, on the same page or at the top of the next."""
        rows = self.rows(table)
        rows.insert(index + 1, copy.deepcopy(rows[index]))
