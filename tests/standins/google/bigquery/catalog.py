"""All datasets and tables: find, create, change, drop, let expire, and read earlier versions."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.standins.google.bigquery.refusals import Refusal, invalid, not_found, unsupported
from tests.standins.google.bigquery.schemas import Schema, normalise
from tests.standins.google.bigquery.tables import Rows, Table, TableRef, Version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(slots=True)
class Catalog:
    """Every change is made under `lock`.

    Attributes:
        directory: The folder of the files with rows.
        denied: Ids of datasets to which every access is refused.
        oldest_reachable: Time travel to before this moment is refused.
        ahead: How far the server's clock is ahead. With it, tests let tables expire.
    """

    directory: Path
    denied: set[str] = field(default_factory=set)
    oldest_reachable: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    ahead: dt.timedelta = dt.timedelta()
    lock: threading.RLock = field(default_factory=threading.RLock)
    _datasets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _tables: dict[TableRef, Table] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def now_ms(self) -> int:
        """Read the server's clock, in milliseconds since 1970."""
        return int((time.time() + self.ahead.total_seconds()) * 1000)

    def name_file(self) -> Path:
        """Return the path of a new file for rows."""
        return self.directory / f"{next(self._numbers)}.json.gz"

    def create_dataset(self, project: str, body: dict[str, Any]) -> dict[str, Any]:
        name = body["datasetReference"]["datasetId"]
        if (project, name) in self._datasets:
            raise Refusal("duplicate", f"Already Exists: Dataset {project}:{name}")
        given = {key: value for key, value in body.items() if value is not None}
        fixed = {"kind": "bigquery#dataset", "id": f"{project}:{name}", "creationTime": str(self.now_ms())}
        self._datasets[project, name] = {"location": "US", **given, **fixed}
        return self._datasets[project, name]

    def dataset(self, project: str, name: str, *, location: str | None = None) -> dict[str, Any]:
        """Look up a dataset. A job finds only those in its own location."""
        if name in self.denied:
            right = f"Permission bigquery.datasets.get denied on dataset {project}:{name} (or it may not exist)."
            raise Refusal("accessDenied", f"Access Denied: Dataset {project}:{name}: {right}")
        found = self._datasets.get((project, name))
        if found is None or location not in {None, found["location"]}:
            where = f" was not found in location {location}" if location else ""
            raise not_found(f"Dataset {project}:{name}{where}")
        return found

    def find(self, ref: TableRef, *, location: str | None = None) -> Table | None:
        """Look up a table; None if it does not exist. Its dataset must exist."""
        self.dataset(ref.project, ref.dataset, location=location)
        with self.lock:
            table = self._tables.get(ref)
            expires = table.metadata.get("expirationTime") if table else None
            if expires is not None and int(expires) <= self.now_ms():
                del self._tables[ref]
                return None
            return table

    def table(self, ref: TableRef, *, location: str | None = None) -> Table:
        """Look up a table that must exist."""
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
        """Create an empty table or a view. It gets the dataset's default expiration unless the body has one."""
        dataset = self.dataset(ref.project, ref.dataset)
        with self.lock:
            if self.find(ref):
                raise Refusal("duplicate", f"Already Exists: Table {ref}")
            if not re.fullmatch(r"[\w\- ]{1,1024}", ref.table):
                raise invalid(f'Invalid table ID "{ref.table}".')
            now_ms = self.now_ms()
            metadata = {name: value for name, value in body.items() if name not in {"schema", "tableReference"}}
            if "defaultTableExpirationMs" in dataset:
                metadata.setdefault("expirationTime", str(now_ms + int(dataset["defaultTableExpirationMs"])))
            schema = normalise(body.get("schema", {}).get("fields", []))
            versions = [Version(time_ms=now_ms, schema=schema)]
            location, etag = dataset["location"], self._new_etag()
            table = Table(ref=ref, location=location, metadata=metadata, versions=versions, etag=etag)
            self._tables[ref] = table
            return table

    def patch_table(self, ref: TableRef, body: dict[str, Any], *, if_match: str | None) -> Table:
        """Change metadata: null removes a field, labels are merged, other fields are replaced."""
        if "schema" in body:
            raise unsupported("changing a schema by a patch")
        with self.lock:
            table = self.table(ref)
            if if_match not in {None, table.etag}:
                raise Refusal("conditionNotMet", "Precondition check failed.", status=412)
            changed = {**table.metadata, **body}
            labels = {**table.metadata.get("labels", {}), **(body.get("labels") or {})}
            changed["labels"] = {name: text for name, text in labels.items() if text is not None}
            changed.pop("tableReference", None)
            table.metadata = {name: value for name, value in changed.items() if value is not None}
            table.etag = self._new_etag()
            return table

    def delete_table(self, ref: TableRef) -> None:
        with self.lock:
            del self._tables[self.table(ref).ref]

    def find_target(self, ref: TableRef, *, location: str, options: dict[str, Any]) -> Table | None:
        """Look up the destination of a job, and check that the job may write to it. None if it does not exist yet."""
        table = self.find(ref, location=location)
        if table is None and options.get("createDisposition") == "CREATE_NEVER":
            raise not_found(f"Table {ref}")
        if table:
            table.refuse_if_view()
        if table and options.get("writeDisposition") == "WRITE_EMPTY" and table.latest.count:
            raise Refusal("duplicate", f"Already Exists: Table {ref}")
        return table

    def commit(self, table: Table, schema: Schema, files: tuple[Rows, ...]) -> None:
        """Replace a table's schema and rows in one step. Versions are at least a millisecond apart."""
        with self.lock:
            time_ms = max(self.now_ms(), table.latest.time_ms + 1)
            table.versions.append(Version(time_ms=time_ms, schema=schema, files=files))
            table.etag = self._new_etag()

    def version_at(self, table: Table, time_ms: int) -> Version:
        """Get the version of a table at a time."""
        oldest = max(table.versions[0].time_ms, int(self.oldest_reachable.timestamp() * 1000))
        if time_ms < oldest:
            reason = f"Cannot read before {oldest}."
            raise invalid(f"Invalid snapshot time {time_ms} for table {table.ref}@{time_ms}. {reason}")
        return [version for version in table.versions if version.time_ms <= time_ms][-1]

    def _new_etag(self) -> str:
        return f"etag-{next(self._numbers)}"
