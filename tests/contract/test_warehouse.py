"""The contract of `Warehouse`: it publishes all rows or none, exactly once, and keeps every value."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.errors import RetryLater, RowRejected, WarehouseRefused
from kustomer_extract.models import Assembled, IntegrationName, Job, JobStatus, Proof, RunId, Staged, Table, Vanished
from kustomer_extract.schema import iter_paths, load_schema
from tests.contract.cloud_adapters import CloudClients, build_warehouse
from tests.contract.samples import build_chunk, build_field
from tests.contract.warehouses import Bench, BigQueryTables, DuckDbTables, MemoryTables
from tests.standins.warehouse import MemoryWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kustomer_extract.schema import Field

ACME = IntegrationName("acme")
LIVE = "acme_conversations"
RUN = "20261123t030000z_1a2b3c4d"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

SCHEMA = (
    build_field("id", "STRING"),
    build_field(
        "attributes",
        "RECORD",
        build_field("name", "STRING"),
        build_field("updatedAt", "TIMESTAMP"),
        build_field("count", "INTEGER"),
        build_field("score", "FLOAT"),
        build_field("flag", "BOOLEAN"),
        build_field("from", "STRING"),
        build_field("tags", "STRING", mode="REPEATED"),
        build_field("answers", "RECORD", build_field("seen", "TIMESTAMP"), mode="REPEATED"),
        build_field("custom", "JSON"),
        mode="REPEATED",
    ),
    build_field("_rescued", "JSON"),
)
NARROW = (build_field("id", "STRING"), build_field("type", "STRING"))


@pytest.fixture(params=["duckdb", pytest.param("bigquery", marks=pytest.mark.slow), "memory"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "bigquery":
        clients: CloudClients = request.getfixturevalue("clients")
        yield Bench(build_warehouse(clients), BigQueryTables(clients))
        return
    if request.param == "memory":
        memory = MemoryWarehouse()
        yield Bench(memory, MemoryTables(memory))
        return
    warehouse = DuckDbWarehouse.open(tmp_path / "laptop.duckdb")
    yield Bench(warehouse, DuckDbTables(warehouse))
    warehouse.close()


def name_staging(suffix: str, run: str = RUN) -> str:
    return f"{LIVE}__{run}__1_{suffix}"


def to_rows(*ids: str, **attributes: Any) -> list[dict[str, Any]]:
    return [{"id": id_, "attributes": [attributes]} for id_ in ids]


def load(bench: Bench, number: int, rows: Sequence[dict[str, Any]], schema: Sequence[Field] = SCHEMA) -> Staged:
    return bench.warehouse.begin_load(build_chunk(name_staging(str(number)), rows), schema).wait(until=NOON)


def assemble(
    bench: Bench, rows: Sequence[dict[str, Any]], schema: Sequence[Field] = SCHEMA, *, run: str = RUN
) -> Assembled:
    """Stage all rows as one chunk and assemble it."""
    chunk = build_chunk(name_staging("0", run), rows)
    staged = bench.warehouse.begin_load(chunk, schema).wait(until=NOON)
    return bench.warehouse.assemble(name_staging("all", run), [staged], schema)


def build_job(number: int = 1, **changes: Any) -> Job:
    run_id = RunId(f"20261123t03000{number}z-1a2b3c4d")
    facts: dict[str, Any] = {
        "job_id": f"{run_id}-conversations",
        "run_id": run_id,
        "integration": ACME,
        "table": Table.CONVERSATIONS,
        "config_hash": "0123456789ab",
        "status": JobStatus.SUCCEEDED,
        "started_at": NOON.replace(minute=number),
        "finished_at": NOON.replace(minute=number + 1),
    }
    return Job(**{**facts, **changes})


# --- loading


def test_a_loaded_chunk_is_staged_under_its_name_with_its_rows(bench: Bench) -> None:
    staged = load(bench, 0, to_rows("a", "b"))

    assert staged == Staged(name=name_staging("0"), rows=2)
    assert bench.tables.list_staging() == [name_staging("0")]


def test_a_chunk_is_loaded_as_text_and_as_a_gzip_file(bench: Bench) -> None:
    rows = to_rows("a", name="naïve 漢字 \u2028"), to_rows("b", name="plain")
    chunks = [
        build_chunk(name_staging("0"), rows[0], compresses=True),
        build_chunk(name_staging("1"), rows[1], compresses=False),
    ]
    staged = [bench.warehouse.begin_load(chunk, SCHEMA).wait(until=NOON) for chunk in chunks]

    bench.warehouse.publish(bench.warehouse.assemble(name_staging("all"), staged, SCHEMA), build_job(), SCHEMA)

    assert bench.tables.read(LIVE, SCHEMA) == [*rows[0], *rows[1]]


def test_loading_a_chunk_again_leaves_its_rows_once(bench: Bench) -> None:
    load(bench, 0, to_rows("a", "b"))
    again = load(bench, 0, to_rows("a", "b"))

    assembled = bench.warehouse.assemble(name_staging("all"), [again], SCHEMA)

    assert assembled == Assembled(name=name_staging("all"), rows=2, distinct_ids=2)


@pytest.mark.parametrize(
    "attributes",
    [
        {"count": "secret"},
        {"count": 2**63},
        {"score": "secret"},
        {"flag": "secret"},
        {"updatedAt": "secret"},
        {"updatedAt": "2026-02-30T00:00:00Z"},
        {"tags": "secret"},
        {"answers": ["secret"]},
        {"answers": {"seen": "secret"}},
    ],
    ids=str,
)
def test_a_value_of_the_wrong_type_is_rejected_without_being_quoted(bench: Bench, attributes: dict[str, Any]) -> None:
    load_of_bad_row = bench.warehouse.begin_load(
        build_chunk(name_staging("0"), [*to_rows("a"), *to_rows("b", **attributes)]), SCHEMA
    )

    with pytest.raises(RowRejected, match="attributes") as caught:
        load_of_bad_row.wait(until=NOON)

    assert "secret" not in str(caught.value)


# --- assembling


def test_all_chunks_are_assembled_and_counted(bench: Bench) -> None:
    chunks = [load(bench, 0, to_rows("a", "b")), load(bench, 1, to_rows("b", "c", "d"))]

    assembled = bench.warehouse.assemble(name_staging("all"), chunks, SCHEMA)

    assert assembled == Assembled(name=name_staging("all"), rows=5, distinct_ids=4)


def test_assembling_again_replaces_what_was_assembled(bench: Bench) -> None:
    chunks = [load(bench, 0, to_rows("a")), load(bench, 1, to_rows("b"))]
    bench.warehouse.assemble(name_staging("all"), chunks, SCHEMA)

    assembled = bench.warehouse.assemble(name_staging("all"), chunks[:1], SCHEMA)

    assert assembled == Assembled(name=name_staging("all"), rows=1, distinct_ids=1)


def test_an_empty_table_is_assembled_from_no_chunks_and_can_be_published(bench: Bench) -> None:
    assembled = bench.warehouse.assemble(name_staging("all"), [], SCHEMA)
    bench.warehouse.publish(assembled, build_job(), SCHEMA)

    assert assembled == Assembled(name=name_staging("all"), rows=0, distinct_ids=0)
    assert bench.warehouse.count_published(ACME, Table.CONVERSATIONS) == 0
    assert list(bench.tables.describe(LIVE)[1]) == ["id", "attributes", "_rescued"]


def test_of_rows_with_the_same_id_the_latest_update_stays(bench: Bench) -> None:
    assembled = assemble(
        bench,
        [
            *to_rows("a", name="old", updatedAt="2026-01-01T00:00:00Z"),
            *to_rows("b", name="only"),
            *to_rows("a", name="new", updatedAt="2026-01-01T00:00:00.002Z"),
            *to_rows("a", name="never"),
        ],
    )

    unique = bench.warehouse.deduplicate(name_staging("unique"), assembled, SCHEMA)
    bench.warehouse.publish(unique, build_job(), SCHEMA)

    assert unique == Assembled(name=name_staging("unique"), rows=2, distinct_ids=2)
    names = [row["attributes"][0]["name"] for row in bench.tables.read(LIVE, SCHEMA)]
    assert names == ["new", "only"]


def test_the_latest_update_is_also_found_in_a_plain_record(bench: Bench) -> None:
    attributes = build_field("attributes", "RECORD", build_field("updatedAt", "TIMESTAMP"))
    schema = (build_field("id", "STRING"), attributes)
    days = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-01T00:00:00Z")
    assembled = assemble(bench, [{"id": "a", "attributes": {"updatedAt": day}} for day in days], schema)

    unique = bench.warehouse.deduplicate(name_staging("unique"), assembled, schema)
    bench.warehouse.publish(unique, build_job(), schema)

    assert bench.tables.read(LIVE, schema) == [
        {"id": "a", "attributes": {"updatedAt": datetime(2026, 1, 3, tzinfo=UTC)}}
    ]


def test_without_updated_at_any_one_of_the_rows_stays(bench: Bench) -> None:
    rows = [{"id": "a", "type": "first"}, {"id": "a", "type": "second"}, {"id": "b", "type": "third"}]
    assembled = assemble(bench, rows, NARROW)

    unique = bench.warehouse.deduplicate(name_staging("unique"), assembled, NARROW)

    assert (unique.rows, unique.distinct_ids) == (2, 2)


# --- publishing


def test_the_count_of_a_table_that_was_never_published_is_none(bench: Bench) -> None:
    assert bench.warehouse.count_published(ACME, Table.CONVERSATIONS) is None


def test_every_value_is_read_as_it_was_loaded(bench: Bench) -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": "a",
            "attributes": [
                {
                    "name": "naïve 漢字 😀 \u2028 \"quoted\" 'single' back\\slash\ttab\nline",
                    "updatedAt": "2026-11-23T03:00:00.123456Z",
                    "count": str(2**53 + 1),
                    "score": 0.1,
                    "flag": False,
                    "from": "a reserved word",
                    "tags": ["", "x"],
                    "answers": [{"seen": "0001-01-01T00:00:00Z"}, {"seen": "9999-12-31T23:59:59.999999Z"}],
                    "custom": {"kept": [1, 0.5, "text", None, True, {"deep": {}}], "as it is": 2**53},
                }
            ],
            "_rescued": {"/attributes/0/odd": 'text with "quotes"'},
        },
        {"id": "b", "attributes": [{"count": -(2**63), "score": 1e308, "flag": True, "name": "", "custom": "text"}]},
        {"id": "c"},
    ]

    bench.warehouse.publish(assemble(bench, rows), build_job(), SCHEMA)

    first = rows[0]["attributes"][0]
    first["count"] = 2**53 + 1
    first["updatedAt"] = datetime(2026, 11, 23, 3, 0, 0, 123456, tzinfo=UTC)
    first["answers"] = [
        {"seen": datetime(1, 1, 1, tzinfo=UTC)},
        {"seen": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)},
    ]
    assert bench.tables.read(LIVE, SCHEMA) == rows


def test_publishing_replaces_all_rows(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, to_rows("a", "b"), run="r1"), build_job(1), SCHEMA)

    bench.warehouse.publish(assemble(bench, to_rows("b", "c", "d"), run="r2"), build_job(2), SCHEMA)

    assert [row["id"] for row in bench.tables.read(LIVE, SCHEMA)] == ["b", "c", "d"]
    assert bench.warehouse.count_published(ACME, Table.CONVERSATIONS) == 3


def test_publishing_also_replaces_the_columns(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, to_rows("a"), run="r1"), build_job(1), SCHEMA)

    bench.warehouse.publish(assemble(bench, [{"id": "a", "type": "t"}], NARROW, run="r2"), build_job(2), NARROW)

    assert list(bench.tables.describe(LIVE)[1]) == ["id", "type"]
    assert bench.tables.read(LIVE, NARROW) == [{"id": "a", "type": "t"}]


def test_publishing_twice_has_the_effect_of_once(bench: Bench) -> None:
    assembled = assemble(bench, to_rows("a", "b"))

    bench.warehouse.publish(assembled, build_job(), SCHEMA)
    bench.warehouse.publish(assembled, build_job(), SCHEMA)

    assert bench.warehouse.count_published(ACME, Table.CONVERSATIONS) == 2


def test_each_integration_and_table_has_its_own_live_table(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, to_rows("a", "b")), build_job(), SCHEMA)

    assert bench.warehouse.count_published(ACME, Table.SATISFACTION) is None
    assert bench.warehouse.count_published(IntegrationName("acme_eu"), Table.CONVERSATIONS) is None


def test_a_published_table_and_its_columns_are_described(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, to_rows("a")), build_job(), SCHEMA)

    description, columns = bench.tables.describe(LIVE)
    assert description == "Kustomer conversations of acme; every run of kustomer-extract replaces all rows."
    assert columns == {field.name: field.description for field in SCHEMA}


def test_publishing_is_refused_if_a_view_has_the_name_and_the_view_stays(bench: Bench) -> None:
    assembled = assemble(bench, to_rows("a"))
    bench.tables.create_view(LIVE)

    with pytest.raises(WarehouseRefused, match="rename"):
        bench.warehouse.publish(assembled, build_job(), SCHEMA)
    with pytest.raises(WarehouseRefused, match="rename"):
        bench.warehouse.count_published(ACME, Table.CONVERSATIONS)


def test_a_dropped_staging_table_cannot_be_published(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, to_rows("a"), run="r1"), build_job(1), SCHEMA)
    assembled = assemble(bench, to_rows("a", "b"), run="r2")
    bench.warehouse.drop([assembled.name])

    with pytest.raises(RetryLater):
        bench.warehouse.publish(assembled, build_job(2), SCHEMA)

    assert bench.warehouse.count_published(ACME, Table.CONVERSATIONS) == 1


@pytest.mark.parametrize("table", list(Table))
def test_all_columns_of_a_table_can_be_published(bench: Bench, table: Table) -> None:
    schema = load_schema(table)
    assembled = assemble(bench, [{"id": "a"}], schema)

    bench.warehouse.publish(assembled, build_job(table=table), schema)

    assert list(bench.tables.describe(f"acme_{table}")[1]) == [field.name for field in schema]


def test_a_run_whose_columns_changed_publishes_again(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, to_rows("a")), build_job(), SCHEMA)
    bench.warehouse.drop([name_staging("0"), name_staging("all")])

    bench.warehouse.publish(assemble(bench, [{"id": "b"}, {"id": "c"}], NARROW, run="again"), build_job(), NARROW)

    assert bench.tables.read(LIVE, NARROW) == [{"id": "b"}, {"id": "c"}]


def test_the_columns_of_the_published_table_are_paths_at_any_depth(bench: Bench) -> None:
    before = bench.warehouse.fetch_published_columns(ACME, Table.CONVERSATIONS)
    bench.warehouse.publish(assemble(bench, to_rows("a")), build_job(), SCHEMA)

    assert before is None
    after = bench.warehouse.fetch_published_columns(ACME, Table.CONVERSATIONS)
    assert after == frozenset(".".join(path) for path, _ in iter_paths(SCHEMA))


# --- comparing


YOUNG = (build_field("id", "STRING"), build_field("attributes", "RECORD", build_field("createdAt", "TIMESTAMP")))
YOUNG_IN_ARRAYS = (YOUNG[0], replace(YOUNG[1], mode="REPEATED"))


def sample(bench: Bench, assembled: Assembled, *, limit: int = 20, since: datetime | None = None) -> Vanished:
    return bench.warehouse.sample_vanished(assembled, ACME, Table.CONVERSATIONS, limit=limit, created_since=since)


def test_rows_that_are_published_but_not_staged_have_vanished(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, to_rows("a", "b", "c"), run="r1"), build_job(1), SCHEMA)

    vanished = sample(bench, assemble(bench, to_rows("b", "d"), run="r2"))

    assert (vanished.count, sorted(vanished.ids)) == (2, ["a", "c"])


def test_nothing_has_vanished_if_all_rows_are_staged_or_none_was_published(bench: Bench) -> None:
    first = sample(bench, assemble(bench, to_rows("a"), run="r1"))
    bench.warehouse.publish(assemble(bench, to_rows("a"), run="r1"), build_job(1), SCHEMA)

    second = sample(bench, assemble(bench, to_rows("a", "b"), run="r2"))

    assert first == second == Vanished()


def test_only_a_few_of_many_vanished_rows_are_named(bench: Bench) -> None:
    ids = [f"{number:03d}" for number in range(100)]
    bench.warehouse.publish(assemble(bench, to_rows(*ids), run="r1"), build_job(1), SCHEMA)

    vanished = sample(bench, assemble(bench, to_rows("000"), run="r2"), limit=5)

    assert vanished.count == 99
    assert len(set(vanished.ids) & set(ids[1:])) == len(vanished.ids) == 5


@pytest.mark.parametrize("schema", [YOUNG, YOUNG_IN_ARRAYS], ids=["plain", "array"])
def test_rows_older_than_the_history_have_not_vanished(bench: Bench, schema: tuple[Field, ...]) -> None:
    created = {"old": "2025-12-31T23:59:59Z", "young": "2026-01-01T00:00:00Z", "unknown": None}
    rows: list[dict[str, Any]] = [{"id": id_, "attributes": {"createdAt": moment}} for id_, moment in created.items()]
    if schema is YOUNG_IN_ARRAYS:
        rows = [{**row, "attributes": [row["attributes"]]} for row in rows]
    bench.warehouse.publish(assemble(bench, rows, schema, run="r1"), build_job(1), schema)

    vanished = sample(bench, assemble(bench, [], schema, run="r2"), since=datetime(2026, 1, 1, tzinfo=UTC))

    assert vanished == Vanished(count=1, ids=("young",))


@pytest.mark.parametrize("schema", [YOUNG, YOUNG_IN_ARRAYS], ids=["plain", "array"])
def test_older_rows_are_counted(bench: Bench, schema: tuple[Field, ...]) -> None:
    created = {"old": "2025-12-31T23:59:59Z", "young": "2026-01-01T00:00:00Z", "unknown": None}
    rows: list[dict[str, Any]] = [{"id": id_, "attributes": {"createdAt": moment}} for id_, moment in created.items()]
    if schema is YOUNG_IN_ARRAYS:
        rows = [{**row, "attributes": [row["attributes"]]} for row in rows]
    bench.warehouse.publish(assemble(bench, rows, schema, run="r1"), build_job(1), schema)

    older = bench.warehouse.count_older(ACME, Table.CONVERSATIONS, created_before=datetime(2026, 1, 1, tzinfo=UTC))

    assert older == 1


def test_no_row_is_older_without_a_table_or_without_times(bench: Bench) -> None:
    without = bench.warehouse.count_older(ACME, Table.CONVERSATIONS, created_before=NOON)
    bench.warehouse.publish(assemble(bench, [{"id": "a"}], NARROW, run="r1"), build_job(1), NARROW)

    blind = bench.warehouse.count_older(ACME, Table.CONVERSATIONS, created_before=NOON)

    assert (without, blind) == (0, 0)


def test_nothing_has_vanished_if_the_published_table_has_no_times(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, [{"id": "a"}], NARROW, run="r1"), build_job(1), NARROW)

    assert sample(bench, assemble(bench, [{"id": "b"}], NARROW, run="r2"), since=NOON) == Vanished()


def test_a_dropped_staging_table_cannot_be_compared(bench: Bench) -> None:
    bench.warehouse.publish(assemble(bench, to_rows("a"), run="r1"), build_job(1), SCHEMA)
    assembled = assemble(bench, to_rows("b"), run="r2")
    bench.warehouse.drop([name_staging("0", "r2"), assembled.name])

    with pytest.raises(RetryLater, match="gone"):
        sample(bench, assembled)


# --- dropping


def test_dropping_removes_the_named_tables_and_can_be_repeated(bench: Bench) -> None:
    assembled = assemble(bench, to_rows("a", "a"))
    unique = bench.warehouse.deduplicate(name_staging("unique"), assembled, SCHEMA)
    load(bench, 7, to_rows("z"))
    names = [name_staging("0"), assembled.name, unique.name, name_staging("never")]

    bench.warehouse.drop(names)
    bench.warehouse.drop(names)

    assert bench.tables.list_staging() == [name_staging("7")]


# --- jobs


def test_there_are_no_jobs_at_first(bench: Bench) -> None:
    assert list(bench.warehouse.fetch_jobs(None, limit=10)) == []


def test_a_job_is_read_with_all_its_fields(bench: Bench) -> None:
    job = build_job(
        status=JobStatus.FAILED,
        error_code="guard_refused",
        error="What's “wrong”,\nand the cure",
        published_at=NOON.replace(microsecond=5),
        rows=2**40,
        pages=7,
        bytes=2**41,
        duplicates=3,
        drift={"/attributes/*/odd": 2, "/b": 1},
        retries=4,
        expected_rows=2**40,
        proven_by=Proof.TOTAL,
        short_pages=2,
        unreadable_rows=1,
        columns_added=("attributes.custom",),
        columns_removed=("links", "attributes.preview"),
    )

    bench.warehouse.append_jobs([job])

    assert list(bench.warehouse.fetch_jobs(ACME, limit=10)) == [job]


def test_jobs_appended_twice_are_stored_once(bench: Bench) -> None:
    jobs = [build_job(1), build_job(1, job_id="other", table=Table.SATISFACTION)]

    bench.warehouse.append_jobs(jobs)
    bench.warehouse.append_jobs(jobs)

    assert list(bench.warehouse.fetch_jobs(ACME, limit=10)) == jobs


def test_the_newest_jobs_come_first_up_to_the_limit(bench: Bench) -> None:
    for number in (2, 1, 3):
        bench.warehouse.append_jobs([build_job(number)])

    assert list(bench.warehouse.fetch_jobs(ACME, limit=2)) == [build_job(3), build_job(2)]


def test_jobs_are_read_for_one_integration_or_for_all(bench: Bench) -> None:
    other = build_job(1, integration=IntegrationName("other"), started_at=NOON.replace(hour=13))
    for job in (build_job(1), other):
        bench.warehouse.append_jobs([job])

    assert other.job_id == build_job(1).job_id  # started in the same second by messages whose ids have the same end
    assert list(bench.warehouse.fetch_jobs(ACME, limit=10)) == [build_job(1)]
    assert list(bench.warehouse.fetch_jobs(None, limit=10)) == [other, build_job(1)]
