"""Tables: metadata, and a list of versions. A version is a schema and immutable files of rows.

So a commit is atomic, a copy costs nothing, and earlier versions stay readable.
"""

from __future__ import annotations

import gzip
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tests.standins.google.bigquery.refusals import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.standins.google.bigquery.schemas import Schema


@dataclass(frozen=True, slots=True)
class TableRef:
    """The full name of a table."""

    project: str
    dataset: str
    table: str

    @classmethod
    def parse(cls, reference: dict[str, str]) -> TableRef:
        return cls(reference["projectId"], reference["datasetId"], reference["tableId"])

    def to_json(self) -> dict[str, str]:
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A file of checked rows: gzip-compressed newline-delimited JSON. It never changes."""

    path: Path
    count: int

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with gzip.open(self.path) as lines:
            yield from (msgspec.json.decode(line) for line in lines if line.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The content of a table from `time_ms` (since 1970) on."""

    time_ms: int
    schema: Schema
    files: tuple[Rows, ...] = ()

    @property
    def count(self) -> int:
        return sum(file.count for file in self.files)

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        """Yield all rows, in the order of their loads."""
        return itertools.chain.from_iterable(self.files)


@dataclass(slots=True, kw_only=True)
class Table:
    """A table or a view: its metadata, and its versions, oldest first."""

    ref: TableRef
    location: str
    metadata: dict[str, Any]
    versions: list[Version]
    etag: str

    @property
    def latest(self) -> Version:
        return self.versions[-1]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows as they were loaded, for tests."""
        return list(self.latest.iter_rows())

    def refuse_if_view(self) -> None:
        if "view" in self.metadata:
            raise invalid(f"{self.ref} is not allowed for this operation because it is currently a VIEW.")

    def to_summary(self) -> dict[str, Any]:
        """Build its entry in a list: without schema and counts."""
        return {
            **{name: value for name, value in self.metadata.items() if name in {"labels", "expirationTime", "view"}},
            "kind": "bigquery#table",
            "id": str(self.ref),
            "tableReference": self.ref.to_json(),
            "type": "VIEW" if "view" in self.metadata else "TABLE",
            "creationTime": str(self.versions[0].time_ms),
        }

    def to_resource(self) -> dict[str, Any]:
        """Build its whole resource."""
        return {
            **self.metadata,
            **self.to_summary(),
            **({"schema": {"fields": self.latest.schema}} if self.latest.schema else {}),
            "etag": self.etag,
            "lastModifiedTime": str(self.latest.time_ms),
            "location": self.location,
            "numRows": str(self.latest.count),
            "numBytes": str(sum(file.path.stat().st_size for file in self.latest.files)),
        }
