"""The format of the DuckDB file, and who can open it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from kustomer_extract.adapters.duckdb.file import DuckDbFile
from kustomer_extract.errors import WarehouseRefused

if TYPE_CHECKING:
    from pathlib import Path

STORAGE = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE path IS NOT NULL"


def test_a_new_file_has_the_format_that_every_duckdb_since_1_1_opens(tmp_path: Path) -> None:
    file = DuckDbFile.open(tmp_path / "new.duckdb")

    assert file.query(STORAGE) == [("v1.0.0+",)]
    file.close()


def test_an_old_file_keeps_its_format(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    duckdb.connect(str(path), config={"storage_compatibility_version": "v1.2.0"}).close()

    file = DuckDbFile.open(path)

    assert file.query(STORAGE) == [("v1.2.0+",)]
    file.close()


def test_a_file_of_a_newer_format_is_opened_without_a_change(tmp_path: Path) -> None:
    path = tmp_path / "newer.duckdb"
    with duckdb.connect(str(path), config={"storage_compatibility_version": "latest"}) as connection:
        newest = connection.execute(STORAGE).fetchall()

    file = DuckDbFile.open(path)

    assert file.query(STORAGE) == newest
    file.close()


def test_timestamps_can_be_read_with_the_packages_of_the_laptop(tmp_path: Path) -> None:
    file = DuckDbFile.open(tmp_path / "times.duckdb")

    ((moment,),) = file.query("SELECT TIMESTAMPTZ '2026-11-23 03:00:00+00'")

    assert moment.timestamp() == 1795402800
    file.close()


@pytest.mark.parametrize(
    "name",
    [
        "kustomer",
        "memory",
        "Memory",
        "memory.2026",
        "Memory.v2.1",
        ".memory",
        "temp",
        "system",
        "main",
        "a.b",
        "it's",
        'x"y',
    ],
)
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.duckdb"
    file = DuckDbFile.open(path)
    file.query(f"CREATE SCHEMA {file.qualify('s')}")
    file.query(f"CREATE TABLE {file.qualify('s', 't')} AS SELECT 1 AS x")
    again = file.connect_again()
    assert again.query(f"SELECT x FROM {again.qualify('s', 't')}") == [(1,)]
    again.close()
    file.close()

    reader = DuckDbFile.open(path, read_only=True)

    assert reader.query(f"SELECT x FROM {reader.qualify('s', 't')}") == [(1,)]
    assert reader.list_kinds("s") == {"t": "TABLE"}
    reader.close()


def test_rows_are_written_while_their_transaction_goes_on(tmp_path: Path) -> None:
    """Otherwise they wait in memory: 500 MB of 100,000 conversations."""
    path = tmp_path / "w.duckdb"
    file = DuckDbFile.open(path)
    table = file.qualify("main", "t")
    file.query(f"CREATE TABLE {table} (x VARCHAR)")
    before = path.stat().st_size

    file.query("BEGIN")
    file.query(f"INSERT INTO {table} SELECT md5(range::VARCHAR) FROM range(40000)")
    written = path.stat().st_size - before
    file.query("COMMIT")

    assert written > 500_000
    file.close()


def test_what_does_not_fit_memory_is_spilled_beside_the_file(tmp_path: Path) -> None:
    file = DuckDbFile.open(tmp_path / "w.duckdb")

    assert file.query("SELECT current_setting('temp_directory')") == [(f"{tmp_path}/w.duckdb.tmp",)]
    file.close()


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(b"PAR1" * 100)

    with pytest.raises(WarehouseRefused, match="choose another file with --warehouse"):
        DuckDbFile.open(path)
