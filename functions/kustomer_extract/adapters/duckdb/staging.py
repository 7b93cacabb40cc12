"""Stages rows in a DuckDB file: one table for each run and table, in the schema where it will be published.

All that happens to the table, from its creation until it is renamed to the published one, is one transaction. So each
row is written once, without DuckDB's log (docs/performance.md has what that saves). Nobody else sees the table, and
nothing of it is left of a killed run.
DuckDB numbers the rows of such a table as they come. So it is known which rows a chunk has, and it can be loaded again
or dropped. A column with the chunk would have to be dropped at the end, and that corrupts the memory of DuckDB 2.0.0 if
it has written a part of the table before.
A little over 200 lines, because everything that touches such a transaction is here.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from kustomer_extract.adapters.duckdb.sql import (
    names_of,
    order_by_latest,
    quote,
    read_chunk,
    to_definitions,
)
from kustomer_extract.errors import RowRejected, WarehouseRefused
from kustomer_extract.models import Assembled, Staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.adapters.duckdb.file import DuckDbFile
    from kustomer_extract.models import Chunk
    from kustomer_extract.schema import Field

_SCHEMAS = ("kustomer", "kustomer_staging")  # 0.1.0 used the second for staging
_OURS = re.compile(r"^[a-z][a-z0-9_]*__\d{8}t\d{6}z_[a-z0-9]+(__\d+_\w+)?$")
_GZIP = b"\x1f\x8b"  # how every gzip file begins, and no JSON: https://www.rfc-editor.org/rfc/rfc1952#page-6
_UNREADABLE = (duckdb.InvalidInputException, duckdb.DataError)  # read_json raises these for a row that it cannot read


@dataclasses.dataclass(slots=True)
class _Table:
    """A staged table.

    Attributes:
        connection: It holds the transaction.
        columns: With these it was created.
        rows: How many rows it has had so far.
        first: DuckDB's number of its first row.
        chunks: Name → positions of the rows of each chunk that has any.
    """

    connection: DuckDbFile
    columns: str
    rows: int = 0
    first: int = 0
    chunks: dict[str, range] = dataclasses.field(default_factory=dict)


class DuckDbStaging:
    """Loads chunks, counts rows, and removes repeats.

    A staging name is ``<integration>_<table>__<run>__<attempt>_<n>``; all but the last part names the DuckDB table.
    """

    def __init__(self, file: DuckDbFile) -> None:
        self._file = file
        self._tables: dict[str, _Table] = {}  # by name
        self._ready: set[str] = set()  # staging names whose rows are complete

    def clear(self) -> None:
        """Drop the tables that killed runs of 0.1.0 left. Tables with other names belong to somebody else and stay."""
        for schema in _SCHEMAS:
            for name, kind in self._file.list_kinds(schema).items():  # views first: they read the tables
                if _OURS.match(name):
                    self._file.query(f"DROP {kind} {self._file.qualify(schema, name)}")

    def close(self) -> None:
        """Discard all tables."""
        for name in list(self._tables):
            self._discard(name)

    def load(self, chunk: Chunk, schema: Sequence[Field]) -> Staged:
        """Append the rows of a chunk. They replace the rows of an earlier load of this chunk.

        Raises:
            RowRejected: a row does not fit; no row of the table is kept.
        """
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder, "chunk.ndjson.gz" if chunk.data.startswith(_GZIP) else "chunk.ndjson")
            rows.write_bytes(chunk.data)
            self._open(chunk.name, schema)
            self._delete(chunk.name, {chunk.name})
            source = f"SELECT {names_of(schema)} FROM {read_chunk(rows, schema)}"  # noqa: S608 - our own names
            try:
                ((count,),) = self._query(chunk.name, f"INSERT INTO {self.qualify(chunk.name)} {source}")
            except _UNREADABLE as error:
                raise _to_rejection(chunk.name, error, self._find_unreadable(rows, schema)) from None
        if count:
            self._note(chunk.name, count)
        return Staged(name=chunk.name, rows=count)

    def _note(self, name: str, count: int) -> None:
        """Remember which rows the chunk with this name has: the last `count` ones.

        Raises:
            WarehouseRefused: DuckDB does not number the rows as they come.
        """
        table = self._find_table(name)
        ((first, last),) = self._query(name, f"SELECT min(rowid), max(rowid) FROM {self.qualify(name)}")  # noqa: S608 - our own name
        if not table.rows:
            table.first = first
        table.chunks[name] = range(table.rows, table.rows + count)
        table.rows += count
        if last != table.first + table.rows - 1:
            raise WarehouseRefused(f"DuckDB {duckdb.__version__} does not number rows as they come: report this")

    def _open(self, name: str, schema: Sequence[Field]) -> None:
        """Begin the transaction of a table and create it, unless it is there with these columns."""
        table_name, columns = to_table_name(name), to_definitions(schema)
        self._ready = {ready for ready in self._ready if to_table_name(ready) != table_name}
        if table_name not in self._tables or self._tables[table_name].columns != columns:
            self._discard(table_name)
            self._tables[table_name] = _Table(self._file.connect_again(), columns)
            self._query(name, "BEGIN")
            self._query(name, f"CREATE TABLE {self.qualify(name)} ({columns})")

    def _query(self, name: str, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement in the transaction of a table. An error has aborted it, so nothing of the table is kept."""
        connection = self.find(name)
        try:
            return connection.query(sql, parameters)
        except BaseException:
            self._discard(to_table_name(name))
            raise

    def _discard(self, table_name: str) -> None:
        """End the transaction of a table without a trace."""
        table = self._tables.pop(table_name, None)
        if table:
            table.connection.close()

    def find(self, name: str) -> DuckDbFile:
        """Return the connection that sees the table of this staging name.

        Raises:
            WarehouseRefused: there is none.
        """
        return self._find_table(name).connection

    def _find_table(self, name: str) -> _Table:
        if to_table_name(name) not in self._tables:
            raise _to_loss(name)
        return self._tables[to_table_name(name)]

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:
        """Drop the rows of all other chunks, and count.

        Raises:
            WarehouseRefused: a chunk is gone.
        """
        self._open(name, schema)
        wanted, held = {chunk.name for chunk in chunks if chunk.rows}, set(self.list_chunks(name))
        if missing := sorted(wanted - held):
            raise _to_loss(missing[0])
        self._delete(name, held - wanted)
        return self._count(name)

    def deduplicate(self, name: str, schema: Sequence[Field]) -> Assembled:
        """Keep one row of each id: the one with the latest `updatedAt`, if that is selected.

        Raises:
            WarehouseRefused: the table is gone.
        """
        table = self.qualify(name)
        self._query(
            name,
            f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} "  # noqa: S608 - our own names
            f"QUALIFY row_number() OVER (PARTITION BY id{order_by_latest(schema)}) > 1)",
        )
        return self._count(name)

    def _count(self, name: str) -> Assembled:
        ((rows, ids),) = self._query(name, f"SELECT count(*), count(DISTINCT id) FROM {self.qualify(name)}")  # noqa: S608 - our own name
        self._ready.add(name)
        return Assembled(name=name, rows=rows, distinct_ids=ids)

    def list_chunks(self, name: str) -> list[str]:
        """List the chunks that have rows in the table of this staging name."""
        return sorted(self._find_table(name).chunks)

    def list_tables(self) -> list[str]:
        """List the tables that are staged."""
        return sorted(self._tables)

    def is_ready(self, name: str) -> bool:
        """Tell whether the rows of this staging name are complete and still there."""
        return name in self._ready and to_table_name(name) in self._tables

    def release(self, name: str, *, to: str, statements: Sequence[str] = ()) -> None:
        """Rename the table of this staging name, run further statements, and commit.

        DuckDB writes a transaction into the file itself, and not into its log first, if that exceeds a threshold.
        """
        connection, table = self.find(name), self.qualify(name)
        try:
            replacing = (
                f"DROP TABLE IF EXISTS {self._file.qualify('kustomer', to)}",
                f"ALTER TABLE {table} RENAME TO {quote(to)}",
            )
            connection.run([*replacing, *statements])
            self._file.query("SET GLOBAL checkpoint_threshold = '1KB'")
            connection.query("COMMIT")
        finally:
            self._file.query("RESET GLOBAL checkpoint_threshold")
            self._discard(to_table_name(name))

    def drop(self, names: Sequence[str]) -> None:
        """Delete the rows of these chunks, and a table that has no rows left."""
        self._ready.difference_update(names)
        for table_name in {to_table_name(name) for name in names} & set(self._tables):
            self._delete(f"{table_name}__", set(names))
            if not self.list_chunks(f"{table_name}__"):
                self._discard(table_name)

    def _delete(self, name: str, chunks: set[str]) -> None:
        """Delete the rows of those of these chunks that are in the table of this staging name."""
        table = self._find_table(name)
        for chunk in sorted(chunks & set(table.chunks)):
            rows = table.chunks.pop(chunk)
            numbers = [table.first + rows.start, table.first + rows.stop - 1]
            self._query(name, f"DELETE FROM {self.qualify(name)} WHERE rowid BETWEEN ? AND ?", numbers)  # noqa: S608 - our own name

    def qualify(self, name: str) -> str:
        """Return the full name of the table for a staging name."""
        return self._file.qualify("kustomer", to_table_name(name))

    def _find_unreadable(self, rows: Path, schema: Sequence[Field]) -> str | None:
        """Find the column that cannot be read by reading each one: DuckDB's message quotes values, but no column."""
        for field in schema:
            try:
                self._file.query(f"SELECT count({quote(field.name)}) FROM {read_chunk(rows, [field])}")  # noqa: S608 - our own name
            except _UNREADABLE:
                return field.name
        return None


def _to_loss(name: str) -> WarehouseRefused:
    return WarehouseRefused(f"DuckDB: staging table {name} is gone; the next run makes it again")


def to_table_name(name: str) -> str:
    """Return the name of the DuckDB table for a staging name: ``acme_conversations__20261123t030000z_1a2b3c4d``."""
    return name.rpartition("__")[0]


def _to_rejection(chunk: str, error: duckdb.Error, column: str | None) -> RowRejected:
    line = re.search(r"in line (\d+)", str(error))
    place = f"near line {line[1] if line else '?'}, column {column or '?'}"
    return RowRejected(
        f"DuckDB refuses a row of {chunk} {place}; the published table stays. A row that passed the transform must "
        "load: please report this; until it is fixed, deselect the column in the configuration document"
    )
