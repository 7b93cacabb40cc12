"""Four programs that copy an organisation's records. Each runs in its own process, so that its memory can be measured.

::

    gzip      floor: pages in parallel, orjson in and out, gzip-compressed lines in a file
    duckdb    floor: the same, then one load into DuckDB with the columns of our schema
    script    a simple script: requests, one page after the other, DuckDB guesses the columns
    ours      the product: the parts of the command, a run from its message to its last record

The floors are lower bounds: they know the number of pages, never retry, ignore limits, check nothing and publish
nothing. A correct client cannot be faster. Usage: ``python -m benchmarks.programs NAME TASK`` with TASK as a JSON
object. The last line of the output is a `Measurement`.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import orjson
import requests
from isal import isal_zlib
from requests.adapters import HTTPAdapter

# Imported here, so that the time of imports is not measured.
from kustomer_extract.adapters.duckdb import warehouse as _duckdb  # noqa: F401
from kustomer_extract.adapters.duckdb.sql import quote, to_literal, to_type
from kustomer_extract.adapters.laptop import configuration as _configuration  # noqa: F401
from kustomer_extract.bootstrap import LAPTOP_LIMITS, open_laptop
from kustomer_extract.models import IntegrationName, JobStatus, Message, Table, Trigger
from kustomer_extract.pipeline.run import execute
from kustomer_extract.schema import Field, load_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kustomer_extract.events import Event, Scope

_PAGE_SIZE = 100
_NAME = IntegrationName("bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The records to copy.

    Attributes:
        rows: How many records each table has. The product does not use this.
        threads: How many pages the floors fetch at the same time.
    """

    url: str
    key: str
    rows: Mapping[str, int]
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """The result of a program.

    Attributes:
        rows: Distinct ids in all tables.
        seconds: From the first request to the closed file.
        cpu_seconds: CPU time of this process, with system time.
        peak_mb: Highest memory use, with Python and libraries.
        retries: Requests that the product repeated.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    retries: int = 0


# --- the floors


def download(task: Task, folder: Path) -> dict[Table, Path]:
    """Fetch all pages, and write one file of compressed lines for each table."""
    gc.disable()  # pages have no cycles, so a floor needs no garbage collection
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_maxsize=task.threads))
    session.headers.update({"Authorization": f"Bearer {task.key}", "Accept-Encoding": "gzip"})
    files = {Table(table): folder / f"{table}.ndjson.gz" for table in task.rows}
    with session, ThreadPoolExecutor(task.threads) as threads:
        pages = {
            table: threads.map(
                partial(_fetch_lines, session, f"{task.url}/v1/{table}"), range(1, -(-rows // _PAGE_SIZE) + 1)
            )
            for table, rows in task.rows.items()
        }
        for table, lines in pages.items():
            compressor = isal_zlib.compressobj(1, wbits=31)
            with files[Table(table)].open("wb") as file:
                for page in lines:
                    file.write(compressor.compress(page))
                file.write(compressor.flush())
    return files


def _fetch_lines(session: requests.Session, url: str, page: int) -> bytes:
    response = session.get(url, params={"page": page, "pageSize": _PAGE_SIZE}, timeout=60)
    response.raise_for_status()
    records = orjson.loads(response.content)["data"]
    return b"".join([orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records])


def load(files: Mapping[Table, Path], warehouse: Path) -> None:
    """Load the files into DuckDB, each with one statement."""
    with duckdb.connect(str(warehouse), config={"threads": 2, "autoinstall_known_extensions": False}) as connection:
        connection.execute("CREATE SCHEMA kustomer")
        for table, file in files.items():
            fields = [_as_served(field) for field in load_schema(table) if not field.name.startswith("_")]
            columns = ", ".join(f"{to_literal(field.name)}: {to_literal(to_type(field))}" for field in fields)
            connection.execute(
                f"CREATE TABLE kustomer.{quote(f'{_NAME}_{table}')} AS FROM read_json({to_literal(str(file))}, "
                f"columns = {{{columns}}}, format = 'newline_delimited', compression = 'gzip')"
            )


def _as_served(field: Field) -> Field:
    """Convert a column to its form in the API: an object of typed values. Deeper levels are JSON."""
    if field.type != "RECORD":
        return field
    return replace(field, mode="NULLABLE", fields=tuple(_as_read(inner) for inner in field.fields))


def _as_read(field: Field) -> Field:
    is_plain = field.type != "RECORD" and field.mode != "REPEATED"
    return field if is_plain else replace(field, type="JSON", mode="NULLABLE", fields=())


def run_gzip_floor(task: Task, folder: Path) -> int:
    """Only download."""
    download(task, folder)
    return 0


def run_duckdb_floor(task: Task, folder: Path) -> int:
    """Download, and load into DuckDB."""
    load(download(task, folder), folder / "warehouse.duckdb")
    return 0


# --- the script


def run_script(task: Task, folder: Path) -> int:
    """Follow the pages one by one, write them to a file, and let DuckDB guess the columns."""
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {task.key}"})
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("CREATE SCHEMA kustomer")
        for table in task.rows:
            file, page, has_next = folder / f"{table}.json", 0, True
            with file.open("w") as lines:
                while has_next:
                    page += 1
                    answer = session.get(f"{task.url}/v1/{table}", params={"page": page, "pageSize": _PAGE_SIZE}).json()
                    lines.writelines(json.dumps(record) + "\n" for record in answer["data"])
                    has_next = bool((answer.get("links") or {}).get("next"))
            name = f"kustomer.{quote(f'{_NAME}_{table}')}"
            connection.execute(f"CREATE TABLE {name} AS FROM read_json_auto({to_literal(str(file))})")
    return 0


# --- the product


class _NoLog:
    """Implements `ports.EventLog`."""

    def emit(self, scope: Scope, event: Event) -> None:
        """Print nothing."""


def run_ours(task: Task, folder: Path) -> int:
    """Run the integration as `kustomer-extract run` does. Return the number of repeated requests."""
    config = folder / "kustomer.yaml"
    tables = {table: {"selected": table in task.rows} for table in Table}
    config.write_text(json.dumps({"integrations": {_NAME: {"org": "bench", "rate_share": 1.0, "tables": tables}}}))
    with open_laptop(
        config_path=config,
        warehouse_path=folder / "warehouse.duckdb",
        environment={"KUSTOMER_API_URL": task.url, "KUSTOMER_API_KEY": task.key},
        log=_NoLog(),
    ) as ports:
        message = Message(integration=_NAME, trigger=Trigger.MANUAL, message_id="1", published_at=ports.clock.now())
        outcome = execute(message, ports, limits=LAPTOP_LIMITS)
    assert outcome.state is not None
    jobs = outcome.state.jobs
    assert all(job.status is JobStatus.SUCCEEDED for job in jobs), [job.error for job in jobs]
    assert {job.table: job.rows for job in jobs} == task.rows
    return sum(job.retries for job in jobs)


PROGRAMS: Mapping[str, Callable[[Task, Path], int]] = {
    "gzip": run_gzip_floor,
    "duckdb": run_duckdb_floor,
    "script": run_script,
    "ours": run_ours,
}


def measure(name: str, task: Task) -> Measurement:
    """Run one program in an empty folder and measure it. Rows are counted after the measurement."""
    with tempfile.TemporaryDirectory() as folder:
        start, cpu_start = time.perf_counter(), time.process_time()
        retries = PROGRAMS[name](task, Path(folder))
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        peak_mb = read_peak_mb()
        return Measurement(
            rows=_count_rows(task, Path(folder)),
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            peak_mb=peak_mb,
            retries=retries,
        )


def _count_rows(task: Task, folder: Path) -> int:
    """Count distinct ids in the program's output."""
    warehouse = folder / "warehouse.duckdb"
    sources = {
        table: f"warehouse.kustomer.{_NAME}_{table}"
        if warehouse.exists()
        else f"read_json('{folder / table}.ndjson.gz', columns = {{id: 'VARCHAR'}}, format = 'newline_delimited')"
        for table in task.rows
    }
    with duckdb.connect() as connection:
        if warehouse.exists():
            connection.execute(f"ATTACH {to_literal(str(warehouse))} AS warehouse (READ_ONLY)")
        total = 0
        for table, source in sources.items():
            counts: Any = connection.execute(f"SELECT count(*), count(DISTINCT id) FROM {source}").fetchone()
            assert set(counts) == {task.rows[table]}, (table, counts)
            total += counts[1]
    return total


def read_peak_mb(process_id: int | str = "self") -> float:
    """Read the peak of resident memory of a process, or of this process if there is no /proc."""
    status = Path(f"/proc/{process_id}/status")
    if status.exists():  # on Linux `ru_maxrss` starts with the peak of the parent process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(json.dumps(asdict(measure(sys.argv[1], Task(**json.loads(sys.argv[2]))))))
