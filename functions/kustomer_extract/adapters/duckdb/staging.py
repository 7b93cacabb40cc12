"""Stages rows in a DuckDB file: one table for each run and table, in the schema where it will be published.

Each row is written once: publishing renames the table. A hidden column has the chunk of each row, so that a chunk can
be loaded again or dropped. Tables of a killed run are dropped when the file is opened the next time.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from kustomer_extract.adapters.duckdb.sql import (
    names_of,
    order_by_latest,
    quote,
    read_chunk,
    to_definitions,
    to_literal,
)
from kustomer_extract.errors import RowRejected, WarehouseRefused
from kustomer_extract.models import Assembled, Staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.adapters.duckdb.file import DuckDbFile
    from kustomer_extract.models import Chunk
    from kustomer_extract.schema import Field

CHUNK_COLUMN = "_chunk"
_SCHEMAS = ("kustomer", "kustomer_staging")  # 0.1.0 used the second for staging
_OURS = re.compile(r"^[a-z][a-z0-9_]*__\d{8}t\d{6}z_[a-z0-9]+(__\d+_\w+)?$")
_UNREADABLE = (duckdb.InvalidInputException, duckdb.DataError)  # read_json raises these for a row that it cannot read


class DuckDbStaging:
    """Loads chunks, counts rows, and removes repeats.

    A staging name is ``<integration>_<table>__<run>__<attempt>_<n>``; all but the last part names the DuckDB table.
    """

    def __init__(self, file: DuckDbFile) -> None:
        self._file = file
        self._columns: dict[str, str] = {}  # table → the columns with which this process created it
        self._ready: set[str] = set()  # staging names whose rows are complete

    def clear(self) -> None:
        """Drop the tables of killed runs. Tables with other names belong to somebody else and stay."""
        found = self._file.query(
            "SELECT table_schema, table_name, table_type FROM information_schema.tables "
            "WHERE table_schema IN (?, ?) ORDER BY table_type DESC",  # views first: they read the tables
            _SCHEMAS,
        )
        for schema, name, kind in found:
            if _OURS.match(name):
                what = "VIEW" if kind == "VIEW" else "TABLE"
                self._file.query(f"DROP {what} {self._file.qualify(schema, name)}")

    def load(self, chunk: Chunk, schema: Sequence[Field]) -> Staged:
        """Append the rows of a chunk. They replace the rows of an earlier load of this chunk.

        Raises:
            RowRejected: a row does not fit; no row of the chunk is kept.
        """
        name = to_table_name(chunk.name)
        with self._file.open_cursor() as cursor, tempfile.TemporaryDirectory() as folder:
            rows = Path(folder, "chunk.ndjson.gz")
            rows.write_bytes(chunk.data)
            table = self._create(cursor, name, schema)
            source = f"SELECT ?, {names_of(schema)} FROM {read_chunk(rows, schema)}"  # noqa: S608 - our own names
            cursor.execute(f"DELETE FROM {table} WHERE {CHUNK_COLUMN} = ?", [chunk.name])  # noqa: S608 - our own name
            try:
                cursor.execute(f"INSERT INTO {table} {source}", [chunk.name])
            except _UNREADABLE as error:
                raise _to_rejection(chunk.name, error, _find_unreadable(cursor, rows, schema)) from None
            ((count,),) = cursor.fetchall()
        return Staged(name=chunk.name, rows=count)

    def _create(self, cursor: duckdb.DuckDBPyConnection, name: str, schema: Sequence[Field]) -> str:
        """Create the table, unless this process has done so with these columns. Other columns replace it."""
        table, columns = self._file.qualify("kustomer", name), to_definitions(schema)
        if self._columns.get(name) != columns:
            cursor.execute(f"CREATE OR REPLACE TABLE {table} ({CHUNK_COLUMN} VARCHAR, {columns})")
            self._columns[name] = columns
        return table

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:
        """Drop the rows of all other chunks, and count.

        Raises:
            WarehouseRefused: a chunk is gone.
        """
        with self._file.open_cursor() as cursor:
            self._create(cursor, to_table_name(name), schema)
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
        if to_table_name(name) not in self._columns:
            raise _to_loss(name)
        table = self.qualify(name)
        self._file.query(
            f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} "  # noqa: S608 - our own names
            f"QUALIFY row_number() OVER (PARTITION BY id{order_by_latest(schema)}) > 1)"
        )
        return self._count(name)

    def _count(self, name: str) -> Assembled:
        ((rows, ids),) = self._file.query(f"SELECT count(*), count(DISTINCT id) FROM {self.qualify(name)}")  # noqa: S608 - our own name
        self._ready.add(name)
        return Assembled(name=name, rows=rows, distinct_ids=ids)

    def list_chunks(self, name: str) -> list[str]:
        """List the chunks in the table of this staging name."""
        chunks = self._file.query(f"SELECT DISTINCT {CHUNK_COLUMN} FROM {self.qualify(name)} ORDER BY 1")  # noqa: S608 - our own name
        return [chunk for (chunk,) in chunks]

    def is_ready(self, name: str) -> bool:
        """Tell whether the rows of this staging name are complete and still there."""
        return name in self._ready and to_table_name(name) in self._columns

    def release(self, name: str, *, to: str, transaction_steps: Sequence[str] = ()) -> None:
        """Rename the table of this staging name without its hidden column, and run further statements: all or none."""
        table = self.qualify(name)
        with self._file.transaction():
            self._file.query(f"DROP TABLE IF EXISTS {self._file.qualify('kustomer', to)}")
            self._file.query(f"ALTER TABLE {table} DROP COLUMN {CHUNK_COLUMN}")
            self._file.query(f"ALTER TABLE {table} RENAME TO {quote(to)}")
            for statement in transaction_steps:
                self._file.query(statement)
        del self._columns[to_table_name(name)]

    def drop(self, names: Sequence[str]) -> None:
        """Delete the rows of these chunks, and a table that has no rows left."""
        self._ready.difference_update(names)
        for table_name in {to_table_name(name) for name in names} & set(self._columns):
            self._delete(f"{table_name}__", set(names))
            if not self.list_chunks(f"{table_name}__"):
                self._file.query(f"DROP TABLE {self._file.qualify('kustomer', table_name)}")
                del self._columns[table_name]

    def _delete(self, name: str, chunks: set[str]) -> None:
        if chunks:
            listed = ", ".join(map(to_literal, sorted(chunks)))
            self._file.query(f"DELETE FROM {self.qualify(name)} WHERE {CHUNK_COLUMN} IN ({listed})")  # noqa: S608 - our own names

    def qualify(self, name: str) -> str:
        """Return the full name of the table for a staging name."""
        return self._file.qualify("kustomer", to_table_name(name))


def _to_loss(name: str) -> WarehouseRefused:
    return WarehouseRefused(f"DuckDB: staging table {name} is gone; the next run makes it again")


def to_table_name(name: str) -> str:
    """Return the name of the DuckDB table for a staging name: ``acme_conversations__20261123t030000z_1a2b3c4d``."""
    return name.rpartition("__")[0]


def _find_unreadable(cursor: duckdb.DuckDBPyConnection, file: Path, schema: Sequence[Field]) -> str | None:
    """Find the column that cannot be read by reading each one: DuckDB's message quotes values but names no column."""
    for field in schema:
        try:
            cursor.execute(f"SELECT count({quote(field.name)}) FROM {read_chunk(file, [field])}")  # noqa: S608 - our own name
        except _UNREADABLE:
            return field.name
    return None


def _to_rejection(chunk: str, error: duckdb.Error, column: str | None) -> RowRejected:
    line = re.search(r"in line (\d+)", str(error))
    place = f"near line {line[1] if line else '?'}, column {column or '?'}"
    return RowRejected(
        f"DuckDB refuses a row of {chunk} {place}; the published table stays. A row that passed the transform must "
        "load: please report this; until it is fixed, deselect the column in the configuration document"
    )
