"""Datasets and tables. A table is a list of versions, each a schema and immutable files of rows, so that a commit is
one step that readers see whole or not at all, a copy costs nothing, and earlier versions stay readable (time travel).
"""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from tests.standins.google.bigquery.refusals import Refusal, invalid, not_found
from tests.standins.google.bigquery.schemas import merge, normalise, refuse_losses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.standins.google.bigquery.schemas import Schema

_SYSTEM_FIELDS = {"schema", "etag", "id", "kind", "numRows", "numBytes", "creationTime", "lastModifiedTime", "type"}


@dataclass(frozen=True, slots=True)
class TableRef:
    """The full name of a table; written as ``project:dataset.table``."""

    project: str
    dataset: str
    table: str

    @classmethod
    def parse(cls, reference: dict[str, str]) -> TableRef:
        """Read a ``tableReference``."""
        return cls(reference["projectId"], reference["datasetId"], reference["tableId"])

    def to_json(self) -> dict[str, str]:
        """Write a ``tableReference``."""
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A file of checked rows: gzip-compressed newline-delimited JSON. Never changed."""

    path: Path
    count: int
    size_bytes: int

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with gzip.open(self.path) as lines:
            yield from (orjson.loads(line) for line in lines if line.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a table held from `time_ms` (since 1970) on."""

    time_ms: int
    schema: Schema
    files: tuple[Rows, ...] = ()

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(file.count for file in self.files)

    @property
    def size_bytes(self) -> int:
        """Bytes of all rows, as JSON."""
        return sum(file.size_bytes for file in self.files)

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        """Yield all rows, in the order of their loads."""
        return itertools.chain.from_iterable(self.files)


@dataclass(slots=True, kw_only=True)
class Table:
    """A table or view: what people set on it, and its versions, oldest first."""

    ref: TableRef
    location: str
    metadata: dict[str, Any]
    versions: list[Version]
    etag: str

    @property
    def latest(self) -> Version:
        """What it holds now."""
        return self.versions[-1]

    @property
    def is_view(self) -> bool:
        """Whether it has a query instead of rows."""
        return "view" in self.metadata

    @property
    def summary(self) -> dict[str, Any]:
        """The resource as lists show it: without schema and counts."""
        wanted = ("labels", "expirationTime", "view")
        return {
            "kind": "bigquery#table",
            "id": str(self.ref),
            "tableReference": self.ref.to_json(),
            "type": "VIEW" if self.is_view else "TABLE",
            "creationTime": str(self.versions[0].time_ms),
            **{name: self.metadata[name] for name in wanted if name in self.metadata},
        }

    @property
    def resource(self) -> dict[str, Any]:
        """The resource, whole."""
        contents = {"numRows": str(self.latest.count), "numBytes": str(self.latest.size_bytes)}
        schema = {"schema": {"fields": self.latest.schema}} if self.latest.schema else {}
        return {
            **self.metadata,
            **self.summary,
            **({} if self.is_view else contents),
            **schema,
            "etag": self.etag,
            "lastModifiedTime": str(self.latest.time_ms),
            "location": self.location,
        }


@dataclass(slots=True)
class Catalog:
    """All datasets and tables.

    Attributes:
        directory: Where the files of rows lie.
        denied: Ids of datasets to which every access is refused.
        oldest_reachable: Time travel to before this moment is refused.
        ahead: How far this server's clock runs ahead, so that tests can let tables expire.
    """

    directory: Path
    denied: set[str] = field(default_factory=set)
    oldest_reachable: dt.datetime | None = None
    ahead: dt.timedelta = dt.timedelta()
    lock: threading.RLock = field(default_factory=threading.RLock)
    _datasets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _tables: dict[TableRef, Table] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def now_ms(self) -> int:
        """Read the server's clock, in milliseconds since 1970."""
        return int((time.time() + self.ahead.total_seconds()) * 1000)

    def store(self, content: bytes, count: int) -> Rows:
        """Keep checked rows in a file."""
        file = Rows(path=self.new_path(), count=count, size_bytes=len(content))
        file.path.write_bytes(gzip.compress(content, compresslevel=1))
        return file

    def new_path(self) -> Path:
        """Name a file that does not exist."""
        return self.directory / f"{next(self._numbers)}.json.gz"

    # Datasets

    def create_dataset(self, project: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a dataset; its location is for ever."""
        name = body["datasetReference"]["datasetId"]
        if (project, name) in self._datasets:
            raise Refusal("duplicate", f"Already Exists: Dataset {project}:{name}")
        now = str(self.now_ms())
        self._datasets[project, name] = {
            "location": "US",
            **body,
            "kind": "bigquery#dataset",
            "id": f"{project}:{name}",
            "etag": self._new_etag(),
            "creationTime": now,
            "lastModifiedTime": now,
        }
        return self._datasets[project, name]

    def dataset(self, project: str, name: str, *, location: str | None = None) -> dict[str, Any]:
        """Look a dataset up; jobs see only those in their own location."""
        if name in self.denied:
            right = f"Permission bigquery.datasets.get denied on dataset {project}:{name} (or it may not exist)."
            raise Refusal("accessDenied", f"Access Denied: Dataset {project}:{name}: {right}")
        found = self._datasets.get((project, name))
        if found is None or (location or found["location"]).lower() != found["location"].lower():
            where = f" was not found in location {location}" if location else ""
            raise not_found(f"Dataset {project}:{name}{where}")
        return found

    # Tables

    def find(self, ref: TableRef, *, location: str | None = None) -> Table | None:
        """Look a table up that may not be there; its dataset must."""
        self.dataset(ref.project, ref.dataset, location=location)
        with self.lock:
            table = self._tables.get(ref)
            if table and int(table.metadata.get("expirationTime") or 1 << 62) <= self.now_ms():
                del self._tables[ref]
                return None
            return table

    def table(self, ref: TableRef, *, location: str | None = None) -> Table:
        """Look a table up.

        Raises:
            Refusal: there is none, or it has expired.
        """
        table = self.find(ref, location=location)
        if table is None:
            raise not_found(f"Table {ref}")
        return table

    def tables(self, project: str, dataset: str) -> list[Table]:
        """List a dataset's tables by name."""
        self.dataset(project, dataset)
        refs = sorted((ref for ref in self._tables if (ref.project, ref.dataset) == (project, dataset)), key=str)
        return [table for ref in refs if (table := self.find(ref))]

    def create_table(self, ref: TableRef, body: dict[str, Any]) -> Table:
        """Create an empty table, or a view. The dataset's default expiration holds unless the body has one."""
        dataset = self.dataset(ref.project, ref.dataset)
        with self.lock:
            if self.find(ref):
                raise Refusal("duplicate", f"Already Exists: Table {ref}")
            if not re.fullmatch(r"[\w\- ]{1,1024}", ref.table):
                raise invalid(f'Invalid table ID "{ref.table}".')
            now = self.now_ms()
            metadata = {name: value for name, value in body.items() if value is not None and name not in _SYSTEM_FIELDS}
            if "defaultTableExpirationMs" in dataset:
                metadata.setdefault("expirationTime", str(now + int(dataset["defaultTableExpirationMs"])))
            schema = normalise((body.get("schema") or {}).get("fields", []))
            self._tables[ref] = Table(
                ref=ref,
                location=dataset["location"],
                metadata=metadata,
                versions=[Version(time_ms=now, schema=schema)],
                etag=self._new_etag(),
            )
            return self._tables[ref]

    def patch_table(self, ref: TableRef, body: dict[str, Any], *, if_match: str | None) -> Table:
        """Change metadata: null removes, labels are merged. A schema may gain columns and other descriptions."""
        with self.lock:
            table = self.table(ref)
            if if_match not in {None, "*", table.etag}:
                raise Refusal("conditionNotMet", "Precondition check failed.", status=412)
            fields = (body.get("schema") or {}).get("fields")
            if fields is not None:
                schema = normalise(fields)
                refuse_losses(table.latest.schema, schema, table=ref)
                self.commit(table, schema, table.latest.files)
            for name in body.keys() - _SYSTEM_FIELDS - {"tableReference"}:
                value = body[name]
                if name == "labels" and value is not None:
                    labels = {**table.metadata.get("labels", {}), **value}
                    value = {label: text for label, text in labels.items() if text is not None}
                table.metadata[name] = value
                if value is None:
                    del table.metadata[name]
            table.etag = self._new_etag()
            return table

    def delete_table(self, ref: TableRef) -> None:
        """Delete a table with all its versions."""
        with self.lock:
            del self._tables[self.table(ref).ref]

    def writable(self, ref: TableRef, *, location: str, configuration: dict[str, Any]) -> Table | None:
        """Look up what a job wants to write, by its dispositions; None if the commit has to create it."""
        table = self.find(ref, location=location)
        if table is None and configuration.get("createDisposition") == "CREATE_NEVER":
            raise not_found(f"Table {ref}")
        if table and table.is_view:
            raise invalid(f"{ref} is not allowed for this operation because it is currently a VIEW.")
        if table and configuration.get("writeDisposition") == "WRITE_EMPTY" and table.latest.count:
            raise Refusal("duplicate", f"Already Exists: Table {ref}")
        return table

    def commit(self, table: Table, schema: Schema, files: tuple[Rows, ...]) -> None:
        """Replace a table's schema and rows. Versions are a millisecond apart at least."""
        with self.lock:
            time_ms = max(self.now_ms(), table.latest.time_ms + 1)
            table.versions.append(Version(time_ms=time_ms, schema=schema, files=files))
            table.etag = self._new_etag()

    def version_at(self, table: Table, time_ms: int) -> Version:
        """Travel in time."""
        oldest = table.versions[0].time_ms
        if self.oldest_reachable:
            oldest = max(oldest, int(self.oldest_reachable.timestamp() * 1000))
        if time_ms < oldest:
            reason = f"Cannot read before {oldest}."
            raise invalid(f"Invalid snapshot time {time_ms} for table {table.ref}@{time_ms}. {reason}")
        return [version for version in table.versions if version.time_ms <= time_ms][-1]

    def _new_etag(self) -> str:
        return f"etag-{next(self._numbers)}"


def grow(table: Table | None, schema: Schema, *, options: list[str]) -> Schema:
    """Determine the schema of a table after an append."""
    if table is None or not table.latest.schema:
        return schema
    return merge(table.latest.schema, schema, table=table.ref, may_grow="ALLOW_FIELD_ADDITION" in options)
