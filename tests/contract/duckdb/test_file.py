"""The format of the DuckDB file, and who can open it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from kustomer_extract.adapters.duckdb.file import DuckDbFile

if TYPE_CHECKING:
    from pathlib import Path

STORAGE = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal"


def test_a_new_file_has_the_format_that_every_duckdb_since_2024_opens(tmp_path: Path) -> None:
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
