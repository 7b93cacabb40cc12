"""Every query of docs/queries.md, in both dialects, on the sandbox's data. The answers are those on the page."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlglot
from sqlglot import exp

from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.models import Batch, Chunk, IntegrationName, Job, RunId, Table
from kustomer_extract.schema import choose, load_schema
from kustomer_extract.transform import Transform
from kustomer_extract.views import build_view, has_view, list_paths
from kustomer_extract.views.catalogue import COLUMNS
from tests.contract import cloud_adapters
from tests.queries import Question, paths_of, read_questions, rewrite, to_text
from tests.standins.kustomer.store import Organisation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from google.cloud import bigquery

    from kustomer_extract.ports import Warehouse

ACME = IntegrationName("acme")
RUN = RunId("20261123t030000z-1a2b3c4d")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BATCH = Batch(run_id=RUN, started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))
QUESTIONS = read_questions()


@dataclass(frozen=True, slots=True)
class Desk:
    """The sandbox's support desk with 1,500 conversations, in both warehouses.

    Attributes:
        sizes: The bytes that BigQuery counts for a path of an average row.
    """

    duckdb: DuckDbWarehouse
    bigquery: bigquery.Client
    sizes: dict[str, float]

    def ask_duckdb(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        with self.duckdb.staging._file.open_cursor() as cursor:
            rows = cursor.execute(sql).fetchall()
            return [name for name, *_ in cursor.description or []], rows

    def ask_bigquery(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        rows = self.bigquery.query_and_wait(sql, location=cloud_adapters.LOCATION)
        return [field.name for field in rows.schema], [tuple(row.values()) for row in rows]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    organisation = Organisation(conversations=1500, surveys=12, seed=1)
    with cloud_adapters.open_cloud() as clients, closing(DuckDbWarehouse.open(":memory:")) as laptop:
        sizes: Counter[str] = Counter()
        for table in Table:
            names, lines = transform(organisation, table, sizes)
            for warehouse in (laptop, cloud_adapters.build_warehouse(clients)):
                publish(warehouse, table, lines, custom=names)
        count = len(organisation.conversations)
        yield Desk(laptop, clients.bigquery, {path: total / count for path, total in sizes.items()})


def transform(organisation: Organisation, table: Table, sizes: Counter[str]) -> tuple[set[str], list[bytes]]:
    """Convert the sandbox's records to rows, and count their bytes as BigQuery does."""
    to_row = Transform(choose(load_schema(table), True), table=table, batch=BATCH)
    names: set[str] = set()
    lines = []
    for record in organisation.rows(str(table)):
        fitted = to_row(json.dumps(record).encode())
        names |= set(fitted.custom_names)
        lines.append(fitted.line)
        if table is Table.CONVERSATIONS:
            add_sizes(json.loads(fitted.line), "", sizes)
    return names, lines


def add_sizes(value: Any, path: str, sizes: Counter[str]) -> None:
    """Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types, "Data type sizes"."""
    if isinstance(value, dict):
        for name, item in value.items():
            add_sizes(item, f"{path}.{name}" if path else name, sizes)
    elif isinstance(value, list):
        for item in value:
            add_sizes(item, path, sizes)
    elif value is not None:
        is_text = isinstance(value, str) and not path.endswith(("At", "_runtime"))
        sizes[path] += 1 if isinstance(value, bool) else 2 + len(str(value).encode()) if is_text else 8


def publish(warehouse: Warehouse, table: Table, lines: Sequence[bytes], *, custom: set[str]) -> None:
    schema = load_schema(table)
    stem = f"acme_{table}__{RUN.replace('-', '_')}__1_"
    chunk = Chunk(name=f"{stem}0", rows=len(lines), data=gzip.compress(b"".join(lines), 1))
    staged = warehouse.begin_load(chunk, schema).wait(until=NOON)
    job = Job(job_id=f"{RUN}-{table}", run_id=RUN, integration=ACME, table=table, config_hash="c")
    warehouse.publish(warehouse.assemble(f"{stem}all", [staged], schema), job, schema)
    if has_view(table):
        warehouse.put_view(build_view(table, list_paths(schema), custom=custom, per_second=1000), ACME, schema)


def count_bytes(question: Question, sizes: dict[str, float]) -> int:
    """Count the bytes that a query reads of an average conversation."""
    named = {column.name for column in sqlglot.parse_one(question.googlesql, read="bigquery").find_all(exp.Column)}
    columns = COLUMNS[Table.CONVERSATIONS]
    paths = {path for name in named & set(columns) for path in paths_of(columns[name][0])}
    return round(sum(sizes.get(path, 0) for path in paths))


def test_there_are_enough_questions() -> None:
    assert len(QUESTIONS) >= 12


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_a_query_has_the_answer_on_the_page_in_both_dialects(desk: Desk, question: Question) -> None:
    answer, size = to_text(*desk.ask_duckdb(question.duckdb)), count_bytes(question, desk.sizes)
    if os.environ.get("GOLDEN"):
        rewrite(question.title, answer=answer, read_bytes=size)
        return

    assert to_text(*desk.ask_bigquery(question.googlesql)) == answer
    assert answer == question.answer
    assert size == question.bytes
    assert answer.count("\n") > 1
