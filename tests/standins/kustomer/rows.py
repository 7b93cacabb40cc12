"""A list of records. A record becomes an object only when it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, MutableSequence
from typing import Any, Protocol, TypeAlias

from tests.standins.kustomer.records import Record

Entry: TypeAlias = int | bytes | Record
"""The number of a synthetic record, raw bytes for the page, or a record."""

_ID = re.compile(rb'"id":\s*"([^"]*)"')


class Synthetic(Protocol):
    """Records that are built from their number."""

    def render(self, number: int) -> bytes:
        """Build the JSON of a record."""

    def identify(self, number: int) -> str:
        """Build the id of a record, without its JSON."""


class Rows(MutableSequence[Record]):
    """The records of a table, in their order.

    Attributes:
        hidden: Ids of records that exist, but that the key may not see.
        on_change: Called with an id and its new entry. None: it was deleted.
        on_look: Called with the same when a record becomes an object, because a test may then change it directly.
    """

    def __init__(self, entries: Iterable[Entry], synthetic: Synthetic) -> None:
        self.hidden: set[str] = set()
        self.on_change: Callable[[str, Entry | None], None] = lambda _id, _entry: None
        self.on_look: Callable[[str, Entry | None], None] = lambda _id, _entry: None
        self._entries: list[Entry] = list(entries)
        self._synthetic = synthetic

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        entry = self._entries[index]
        if not isinstance(entry, dict):
            entry = self._entries[index] = json.loads(self.to_json(entry))
            self.on_look(self.identify(entry), entry)
        return entry

    def __setitem__(self, index: Any, record: Any) -> None:
        before, after = self.identify(self._entries[index]), self.identify(record)
        self._entries[index] = record
        if before != after:
            self.on_change(before, None)
        self.on_change(after, record)

    def __delitem__(self, index: int | slice) -> None:
        gone = self._entries[index] if isinstance(index, slice) else [self._entries[index]]
        del self._entries[index]
        for entry in gone:
            self.on_change(self.identify(entry), None)

    def __len__(self) -> int:
        return len(self._entries)

    def insert(self, index: int, value: Record) -> None:
        self._entries.insert(index, value)
        self.on_change(self.identify(value), value)

    def set_raw(self, index: int, record: bytes) -> None:
        """Replace a record by bytes, which need not be valid JSON."""
        self[index] = record

    def serialise(self, start: int, stop: int, *, descending: bool = False) -> list[bytes]:
        """Build the JSON of the records at positions `start` to `stop` (not included), counted in the given order.

        Hidden records are left out, so the page is shorter.
        """
        if descending:
            length = len(self._entries)
            entries = self._entries[max(0, length - stop) : max(0, length - start)][::-1]
        else:
            entries = self._entries[start:stop]
        return [self.to_json(entry) for entry in entries if self.is_visible(entry)]

    def identify(self, entry: Entry) -> str:
        """Return the id of a record as text. Empty if it has none."""
        if isinstance(entry, int):
            return self._synthetic.identify(entry)
        if isinstance(entry, bytes):
            found = _ID.search(entry)
            return found[1].decode(errors="replace") if found else ""
        return str(entry.get("id") or "")

    def is_visible(self, entry: Entry) -> bool:
        """Whether the key may see a record."""
        return not self.hidden or self.identify(entry) not in self.hidden

    def to_json(self, entry: Entry) -> bytes:
        """Return the bytes of a record."""
        if isinstance(entry, int):
            return self._synthetic.render(entry)
        if isinstance(entry, bytes):
            return entry
        return json.dumps(entry, separators=(",", ":")).encode()  # accepts what msgspec refuses: 2**70, "\ud800", inf

    def ids(self) -> list[str]:
        """List all ids in order, also of hidden records. Unlike reading each record, this creates no objects."""
        return [self.identify(entry) for entry in self._entries]

    def find(self, identifier: str) -> bytes | None:
        """Return the JSON of the record with this id. None if there is none that the key may see."""
        entry = next((entry for entry in self._entries if self.identify(entry) == identifier), None)
        return None if entry is None or not self.is_visible(entry) else self.to_json(entry)
