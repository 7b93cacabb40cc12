"""One DuckDB file, opened to write or only to read: statements, second connections, and the translation of errors."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb

from kustomer_extract.adapters.duckdb.sql import quote, to_literal
from kustomer_extract.errors import WarehouseRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SETTINGS: dict[str, str | int | float | bool | list[str]] = {
    "autoinstall_known_extensions": False,  # never a download: JSON and time zones are built in
    "memory_limit": "2GB",
    "storage_compatibility_version": "v1.0.0",  # for new files: every DuckDB since 1.1 of 2024 opens them
    "write_buffer_row_group_count": 1,  # each row group is written when it is full, not five at a time
    "threads": 1,  # a second one takes a third more CPU for a chunk, and rows beside it take the other core
}
_MEMORY = ":memory:"
_IN_MEMORY = "memory"  # the name of that database
_ROW_GROUP_ROWS = 16_384
"""Rows that wait in memory until they are written. By default these are 122,880, which take 500 MB more and are written
at the end of the run, not while pages are read (docs/performance.md)."""


class DuckDbFile:
    """A connection to a file.

    Attributes:
        path: The path for messages.
        read_only: Whether nothing can be written; then other processes may read at the same time.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: str, *, catalog: str, read_only: bool = False
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self.path = path
        self.read_only = read_only

    def qualify(self, *names: str) -> str:
        """Return the full name of a schema, or of a table in it.

        DuckDB names the catalogue after the file. In `kustomer.duckdb` it refuses ``kustomer.x`` as ambiguous.
        """
        return ".".join(map(quote, (self._catalog, *names)))

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False) -> Self:
        """Open a file, and create it if it is missing and not `read_only`; ``:memory:`` opens a database in memory.

        Raises:
            WarehouseRefused: another process has it open, it is not a DuckDB file, or it may not be written.
        """
        with translate(str(path)):
            connection = duckdb.connect(_MEMORY, config=_SETTINGS)
            try:
                catalog = _IN_MEMORY if str(path) == _MEMORY else _attach(connection, Path(path), read_only=read_only)
            except BaseException:
                connection.close()
                raise
        return cls(connection, str(path), catalog=catalog, read_only=read_only)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def connect_again(self) -> DuckDbFile:
        """Open a second connection to the same file, for a transaction of its own. Close it before this one."""
        with translate(self.path):
            return DuckDbFile(self._connection.cursor(), self.path, catalog=self._catalog, read_only=self.read_only)

    @contextmanager
    def open_cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a second connection to the same file, for another thread."""
        with translate(self.path), self._connection.cursor() as cursor:
            yield cursor

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement.

        Raises:
            WarehouseRefused: the disk is full, memory does not suffice, or the like.
        """
        with translate(self.path):
            return self._connection.execute(sql, list(parameters)).fetchall()

    def run(self, statements: Iterable[str]) -> None:
        """Run several statements at once: each by itself would wait for Python's other threads. Raises as `query`."""
        self.query("; ".join(statements))

    def list_kinds(self, schema: str = "kustomer") -> dict[str, str]:
        """List the tables and views of a schema: name → ``TABLE`` or ``VIEW``, views first."""
        return dict(
            self.query(  # information_schema.tables takes twice the time
                "SELECT view_name, 'VIEW' FROM duckdb_views() WHERE schema_name = $1 "
                "UNION ALL SELECT table_name, 'TABLE' FROM duckdb_tables() WHERE schema_name = $1",
                [schema],
            )
        )


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> str:
    """Open a file beside the database in memory, and return the name that DuckDB gives it.

    A file that is opened by itself cannot have row groups of another size.
    """
    beginning = path.name.removeprefix(".").partition(".")[0]
    name = " AS memory_db" if beginning.casefold() == _IN_MEMORY else ""  # no two databases have the same name
    options = "READ_ONLY" if read_only else f"ROW_GROUP_SIZE {_ROW_GROUP_ROWS}"
    connection.execute(f"SET temp_directory = {to_literal(f'{path}.tmp')}")  # as if the file was opened by itself
    connection.execute(f"ATTACH {to_literal(str(path))}{name} (TYPE DUCKDB, {options})")
    ((catalog,),) = connection.execute("SELECT database_name FROM duckdb_databases() WHERE path IS NOT NULL").fetchall()
    connection.execute(f"USE {quote(catalog)}")
    return str(catalog)


@contextmanager
def translate(path: str) -> Iterator[None]:
    """Translate errors of the disk, the memory and the file's lock. All other errors are bugs and pass through."""
    refused = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException, OSError)
    try:
        yield
    except refused as error:
        what = str(error).partition("\n")[0]
        raise WarehouseRefused(f"{path}: {what}. What to do: {_to_cure(error, what)}") from error


def _to_cure(error: Exception, what: str) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return "deselect columns that are not needed, or replicate into BigQuery"
    if "set lock" in what:
        return "another process has it open: wait for its end, or close the shell or notebook that holds it"
    if "not a valid DuckDB" in what or "extension" in what:
        return "choose another file with --warehouse, or move this one away"
    return "see that its folder exists, has space left, and that you may write both; or choose another --warehouse"
