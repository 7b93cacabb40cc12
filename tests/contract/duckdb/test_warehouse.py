"""What is specific to a DuckDB file: people open it, processes lock it, and a killed process leaves it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.errors import RetryLater, WarehouseRefused
from kustomer_extract.models import IntegrationName, Job, RunId, Staged, Table
from tests.contract.samples import build_chunk, build_field

if TYPE_CHECKING:
    from collections.abc import Iterator

ACME = IntegrationName("acme")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCHEMA = (build_field("id", "STRING"), build_field("seen", "TIMESTAMP"))
JOB = Job(job_id="j", run_id=RunId("r"), integration=ACME, table=Table.CONVERSATIONS, config_hash="c")
ROOT = Path(__file__).parents[3]


RUN = "acme_conversations__20261123t030000z_1a2b3c4d"
LATER = "acme_conversations__20261124t030000z_1a2b3c4d"
CHUNK, ALL = f"{RUN}__1_0", f"{RUN}__1_all"


def publish(warehouse: DuckDbWarehouse, *ids: str) -> None:
    staged = warehouse.begin_load(build_chunk(CHUNK, [{"id": id_} for id_ in ids]), SCHEMA).wait(until=NOON)
    warehouse.publish(warehouse.assemble(ALL, [staged], SCHEMA), JOB, SCHEMA)


def list_tables(warehouse: DuckDbWarehouse) -> list[str]:
    return [name for (name,) in warehouse.query("SELECT table_name FROM duckdb_tables() ORDER BY 1")]


def run_in_another_process(file: Path, program: str) -> subprocess.Popen[str]:
    """Start a process that opens the warehouse, runs the program, and prints that it has."""
    source = (
        "import os, signal\n"
        "from tests.contract.duckdb.test_warehouse import *\n"
        f"warehouse = DuckDbWarehouse.open({str(file)!r})\n"
        f"{program}\n"
        "print('reached', flush=True)\n"
        "signal.pause()\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'functions'}"}
    command = [sys.executable, "-c", source]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "reached\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    with process:
        process.send_signal(signal.SIGKILL)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Run without root's right to write everywhere, if the tests run as root."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Create a folder that every user can reach. Those of pytest are private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


# --- files that cannot be used


def test_a_file_that_another_process_has_open_is_refused(tmp_path: Path) -> None:
    holder = run_in_another_process(tmp_path / "w.duckdb", "")

    with pytest.raises(WarehouseRefused, match=r"w\.duckdb.*another process has it open") as caught:
        DuckDbWarehouse.open(tmp_path / "w.duckdb")

    assert f"PID {holder.pid}" in str(caught.value)
    kill(holder)


@pytest.mark.parametrize(
    "content", [b"", b"just text", b"SQLite format 3\0" + bytes(4096)], ids=["empty", "text", "sqlite"]
)
def test_a_file_that_is_not_a_database_is_refused_and_unchanged(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "w.duckdb"
    file.write_bytes(content)

    with pytest.raises(WarehouseRefused, match="choose another file with --warehouse"):
        DuckDbWarehouse.open(file)

    assert file.read_bytes() == content


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WarehouseRefused, match="see that its folder exists"):
        DuckDbWarehouse.open(tmp_path / "nowhere" / "w.duckdb")


def test_a_file_that_may_not_be_written_is_refused(public_folder: Path) -> None:
    file = public_folder / "w.duckdb"
    DuckDbWarehouse.open(file).close()
    file.chmod(0o444)

    with as_ordinary_user(), pytest.raises(WarehouseRefused, match=r"Permission denied.*may write both"):
        DuckDbWarehouse.open(file)


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_may_not_be_written_is_refused(public_folder: Path, *, exists: bool) -> None:
    file = public_folder / "w.duckdb"
    if exists:
        DuckDbWarehouse.open(file).close()
        file.chmod(0o666)
    public_folder.chmod(0o555)

    with as_ordinary_user(), pytest.raises(WarehouseRefused, match=r"Permission denied.*may write both"):
        DuckDbWarehouse.open(file)


# --- files that a killed process left

LOAD = "staged = warehouse.begin_load(build_chunk(CHUNK, [{'id': 'x'}]), SCHEMA).wait(until=NOON)"
UNFINISHED = {
    "loading": LOAD,
    "assembling": f"{LOAD}; warehouse.assemble(ALL, [staged], SCHEMA)",
    "publishing": "warehouse.query('BEGIN'); "
    "warehouse.query('CREATE OR REPLACE TABLE kustomer.acme_conversations AS SELECT 1 AS id')",
    "writing jobs": "warehouse.query('BEGIN'); warehouse.query('DELETE FROM kustomer._jobs')",
}


@pytest.mark.parametrize("program", UNFINISHED.values(), ids=UNFINISHED)
def test_after_a_kill_the_old_table_is_unchanged_and_staging_is_empty(tmp_path: Path, program: str) -> None:
    file = tmp_path / "w.duckdb"
    with closing(DuckDbWarehouse.open(file)) as warehouse:
        publish(warehouse, "a", "b")
        warehouse.append_jobs([JOB])
    kill(run_in_another_process(file, program))

    with closing(DuckDbWarehouse.open(file)) as warehouse:
        assert warehouse.query("SELECT id FROM kustomer.acme_conversations ORDER BY id") == [("a",), ("b",)]
        assert list_tables(warehouse) == ["_integrations", "_jobs", "acme_conversations"]
        assert list(warehouse.fetch_jobs(None, limit=10)) == [JOB]


def test_staging_tables_of_the_first_release_are_dropped_and_other_tables_stay(
    tmp_path: Path,
) -> None:
    file = tmp_path / "w.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE SCHEMA kustomer_staging; CREATE TABLE kustomer_staging.mine AS SELECT 1 AS id")
        connection.execute(f"CREATE TABLE kustomer_staging.{CHUNK} AS SELECT 1 AS id")
        connection.execute(f"CREATE VIEW kustomer_staging.{ALL} AS FROM kustomer_staging.{CHUNK}")

    with closing(DuckDbWarehouse.open(file)) as warehouse:
        assert list_tables(warehouse) == ["_integrations", "_jobs", "mine"]


def test_a_publication_that_fails_half_way_changes_nothing() -> None:
    with closing(DuckDbWarehouse.open(":memory:")) as warehouse:
        publish(warehouse, "a")
        staged = warehouse.begin_load(build_chunk(CHUNK, [{"id": "b"}]), SCHEMA).wait(until=NOON)
        assembled = warehouse.assemble(ALL, [staged], SCHEMA)

        with pytest.raises(duckdb.Error):
            warehouse.publish(assembled, JOB, [*SCHEMA, build_field("not_there", "STRING")])

        assert warehouse.query("SELECT id FROM kustomer.acme_conversations") == [("a",)]


def test_a_table_published_before_a_kill_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    kill(run_in_another_process(file, "publish(warehouse, 'a', 'b', 'c')"))

    with closing(DuckDbWarehouse.open(file)) as warehouse:
        assert warehouse.count_published(ACME, Table.CONVERSATIONS) == 3


def test_jobs_and_activations_are_kept_after_the_process(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    with closing(DuckDbWarehouse.open(file)) as warehouse:
        warehouse.append_jobs([JOB])
        warehouse.mark_active(ACME)

    with closing(DuckDbWarehouse.open(file)) as warehouse:
        assert list(warehouse.fetch_jobs(ACME, limit=10)) == [JOB]
        assert warehouse.is_active(ACME)
        assert not warehouse.is_active(IntegrationName("other"))


# --- files as people use them


@pytest.mark.parametrize("name", ["kustomer.duckdb", "my 'own' \"file\".db"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    for ids in (["a"], ["a", "b"]):
        with closing(DuckDbWarehouse.open(tmp_path / name)) as warehouse:
            publish(warehouse, *ids)
            warehouse.append_jobs([JOB])
            warehouse.drop([CHUNK, ALL])
            assert warehouse.count_published(ACME, Table.CONVERSATIONS) == len(ids)


def test_a_published_file_can_be_read_with_plain_duckdb(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    with closing(DuckDbWarehouse.open(file)) as warehouse:
        publish(warehouse, "a")
        warehouse.drop([CHUNK, ALL])

    with duckdb.connect(str(file), read_only=True) as connection:
        columns = connection.execute(
            "SELECT column_name, column_type FROM (DESCRIBE kustomer.acme_conversations)"
        ).fetchall()
        assert columns == [("id", "VARCHAR"), ("seen", "TIMESTAMP WITH TIME ZONE")]


def test_readers_see_the_old_rows_until_the_new_ones_are_complete() -> None:
    with closing(DuckDbWarehouse.open(":memory:")) as warehouse:
        publish(warehouse, "a")
        with warehouse._file.open_cursor() as reader:
            reader.execute("BEGIN")
            before = reader.execute("SELECT id FROM kustomer.acme_conversations").fetchall()
            publish(warehouse, "b", "c")
            during = reader.execute("SELECT id FROM kustomer.acme_conversations").fetchall()
            reader.execute("COMMIT")
            after = reader.execute("SELECT id FROM kustomer.acme_conversations ORDER BY id").fetchall()

    assert (before, during, after) == ([("a",)], [("a",)], [("b",), ("c",)])


def test_a_load_without_a_wait_is_also_dropped() -> None:
    with closing(DuckDbWarehouse.open(":memory:")) as warehouse:
        warehouse.begin_load(build_chunk(CHUNK, [{"id": str(number)} for number in range(20_000)]), SCHEMA)
        warehouse.drop([CHUNK])

        assert list_tables(warehouse) == ["_integrations", "_jobs"]


def test_closing_waits_for_a_load_in_progress(tmp_path: Path) -> None:
    warehouse = DuckDbWarehouse.open(tmp_path / "w.duckdb")
    load = warehouse.begin_load(build_chunk(CHUNK, [{"id": "a"}]), SCHEMA)
    warehouse.close()

    assert load.future.done()


def test_a_load_that_fails_leaves_nothing_and_the_next_one_works() -> None:
    """An error has aborted the transaction that the table is in."""
    with closing(DuckDbWarehouse.open(":memory:")) as warehouse:
        publish(warehouse, "a")
        staged = warehouse.begin_load(build_chunk(CHUNK, [{"id": "b"}]), SCHEMA).wait(until=NOON)
        broken = replace(build_chunk(f"{RUN}__1_1", [{"id": "c"}]), data=b"\x1f\x8bno gzip")
        with pytest.raises(WarehouseRefused):
            warehouse.begin_load(broken, SCHEMA).wait(until=NOON)

        assert warehouse.staging.list_tables() == []
        warehouse.drop([staged.name])
        with pytest.raises(WarehouseRefused, match="is gone"):
            warehouse.assemble(ALL, [staged], SCHEMA)
        assert warehouse.query("SELECT id FROM kustomer.acme_conversations") == [("a",)]
        publish(warehouse, "d")
        assert warehouse.query("SELECT id FROM kustomer.acme_conversations") == [("d",)]


def test_a_publish_that_fails_leaves_the_table_and_the_setting_as_they_were() -> None:
    with closing(DuckDbWarehouse.open(":memory:")) as warehouse:
        publish(warehouse, "a")
        threshold = warehouse.query("SELECT current_setting('checkpoint_threshold')")
        staged = warehouse.begin_load(build_chunk(f"{LATER}__1_0", [{"id": "b"}]), SCHEMA).wait(until=NOON)
        assembled = warehouse.assemble(f"{LATER}__1_all", [staged], SCHEMA)

        with pytest.raises(duckdb.BinderException):
            warehouse.publish(assembled, JOB, (*SCHEMA, build_field("other", "STRING")))  # it has no such column

        assert warehouse.query("SELECT id FROM kustomer.acme_conversations") == [("a",)]
        assert warehouse.query("SELECT current_setting('checkpoint_threshold')") == threshold
        with pytest.raises(RetryLater, match="is gone"):
            warehouse.publish(assembled, JOB, SCHEMA)


def test_what_was_assembled_before_another_load_is_not_published() -> None:
    with closing(DuckDbWarehouse.open(":memory:")) as warehouse:
        staged = warehouse.begin_load(build_chunk(CHUNK, [{"id": "a"}]), SCHEMA).wait(until=NOON)
        assembled = warehouse.assemble(ALL, [staged], SCHEMA)
        warehouse.begin_load(build_chunk(f"{RUN}__1_1", [{"id": "b"}]), SCHEMA).wait(until=NOON)

        with pytest.raises(RetryLater, match="nothing was published"):
            warehouse.publish(assembled, JOB, SCHEMA)


@pytest.mark.parametrize("is_disturbed", [False, True])
def test_a_table_is_published_of_which_a_part_was_already_written(tmp_path: Path, *, is_disturbed: bool) -> None:
    """DuckDB writes each 16,384 rows while more are loaded, also if chunks are loaded again or dropped."""
    tags = build_field("tags", "STRING", mode="REPEATED")
    schema = (SCHEMA[0], build_field("items", "RECORD", SCHEMA[0], tags, mode="REPEATED"))
    ids = [[f"{chunk}-{number}" for number in range(4_000)] for chunk in range(9)]

    def load(warehouse: DuckDbWarehouse, number: int, *more: str) -> Staged:
        rows = [{"id": one, "items": [{"id": one, "tags": [one, "x"]}]} for one in [*ids[number], *more]]
        chunk = build_chunk(f"{RUN}__1_{number}", rows, compresses=False)
        return warehouse.begin_load(chunk, schema).wait(until=NOON)

    with closing(DuckDbWarehouse.open(tmp_path / "w.duckdb")) as warehouse:
        chunks = {number: load(warehouse, number) for number in range(7)}
        if is_disturbed:
            chunks |= {0: load(warehouse, 0), 7: load(warehouse, 7), 8: load(warehouse, 8, "3-7")}
            warehouse.drop([chunks.pop(1).name])
            del chunks[2]  # what is not named is dropped, too
        assembled = warehouse.assemble(ALL, list(chunks.values()), schema)
        assert (assembled.rows, assembled.distinct_ids) == (28_000 + is_disturbed, 28_000)
        if is_disturbed:
            assembled = warehouse.deduplicate(ALL, assembled, schema)
        warehouse.publish(assembled, JOB, schema)

    with closing(DuckDbWarehouse.open(tmp_path / "w.duckdb", read_only=True)) as warehouse:
        published = warehouse.query("SELECT id, items[1].id FROM kustomer.acme_conversations ORDER BY ALL")
        assert published == sorted((one, one) for number in chunks for one in ids[number])
