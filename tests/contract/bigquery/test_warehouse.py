"""What is specific to BigQuery: jobs with ids, lost responses, other people's tables. Google's client, our stand-in."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud import bigquery
from google.cloud.bigquery.schema import PolicyTagList

from kustomer_extract.errors import RetryLater, RowRejected, WarehouseRefused
from kustomer_extract.models import Assembled, Chunk, IntegrationName, Job, JobStatus, RunId, Staged, Table
from kustomer_extract.schema import Field
from tests.contract.cloud_adapters import BRIEF_RETRY, DATASET, STAGING, CloudClients, build_warehouse
from tests.standins.google.bigquery.faults import FOREVER
from tests.standins.google.bigquery.tables import TableRef

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kustomer_extract.adapters.bigquery.warehouse import BigQueryWarehouse

ACME = IntegrationName("acme")
RUN = RunId("20261123t030000z-1a2b3c4d")
STEM = "acme_conversations__20261123t030000z_1a2b3c4d__"
LIVE = "acme_conversations"


def column(name: str, kind: str = "STRING", mode: str = "NULLABLE", *fields: Field) -> Field:
    return Field(name=name, type=kind, mode=mode, description=f"The {name}.", fields=fields)


ATTRIBUTES = (column("updatedAt", "TIMESTAMP"), column("count", "INTEGER"))
SCHEMA = (column("id"), column("attributes", "RECORD", "REPEATED", *ATTRIBUTES))


def to_chunk(rows: Sequence[dict[str, Any]], name: str = f"{STEM}1_0") -> Chunk:
    return Chunk(name=name, rows=len(rows), data=gzip.compress("\n".join(map(json.dumps, rows)).encode()))


def to_rows(*ids: str) -> list[dict[str, Any]]:
    return [{"id": name, "attributes": []} for name in ids]


def to_job(run_id: str = RUN, integration: IntegrationName = ACME) -> Job:
    return Job(
        job_id=f"{run_id}-conversations",
        run_id=RunId(run_id),
        integration=integration,
        table=Table.CONVERSATIONS,
        config_hash="0123456789ab",
        status=JobStatus.SUCCEEDED,
    )


@pytest.fixture
def warehouse(clients: CloudClients) -> BigQueryWarehouse:
    return build_warehouse(clients)


def load(clients: CloudClients, warehouse: BigQueryWarehouse, chunk: Chunk) -> Staged:
    return warehouse.begin_load(chunk, SCHEMA).wait(until=clients.clock.now() + timedelta(seconds=60))


def assemble(clients: CloudClients, warehouse: BigQueryWarehouse, *ids: str, attempt: int = 1) -> Assembled:
    staged = load(clients, warehouse, to_chunk(to_rows(*ids), f"{STEM}{attempt}_0"))
    return warehouse.assemble(f"{STEM}{attempt}_all", [staged], SCHEMA)


def read(clients: CloudClients, table: str, dataset: str = DATASET) -> list[dict[str, Any]]:
    catalog = clients.cloud.bigquery.catalog
    return list(catalog.table(TableRef(clients.cloud.project, dataset, table)).latest.iter_rows())


def read_ids(clients: CloudClients, table: str = LIVE, dataset: str = DATASET) -> list[str]:
    return sorted(row["id"] for row in read(clients, table, dataset))


def list_jobs(clients: CloudClients, kind: str) -> list[str]:
    return [job.id for job in clients.cloud.bigquery.jobs.all.values() if job.kind == kind]


# --- jobs


@pytest.mark.parametrize("looks", [1, 3])
@pytest.mark.parametrize("kind", ["load", "copy", "query"])
def test_a_job_that_is_not_found_right_after_its_insertion_is_requested_again(
    clients: CloudClients, warehouse: BigQueryWarehouse, kind: str, looks: int
) -> None:
    """A known failure of BigQuery: jobs.get answers 404 although the insertion was accepted."""
    clients.cloud.bigquery.faults.hide(kind, looks=looks, times=FOREVER)

    assembled = assemble(clients, warehouse, "a", "b", "b")
    unique = warehouse.deduplicate(f"{STEM}1_unique", assembled, SCHEMA)
    warehouse.publish(unique, to_job(), SCHEMA)
    warehouse.append_jobs([to_job()])

    assert read_ids(clients) == ["a", "b"]
    assert list(warehouse.fetch_jobs(ACME, limit=10)) == [to_job()]


def test_a_job_that_is_never_found_is_a_transient_error(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    clients.cloud.bigquery.faults.hide("load", looks=FOREVER)

    with pytest.raises(RetryLater, match="not found"):
        load(clients, warehouse, to_chunk(to_rows("a")))


# --- loading


def test_an_error_about_a_row_has_its_position_and_never_its_value(
    clients: CloudClients, warehouse: BigQueryWarehouse
) -> None:
    count = "Jane Doe, Field: id, row starting at position 7"

    with pytest.raises(RowRejected) as caught:
        load(clients, warehouse, to_chunk([{"id": "a"}, {"id": "b", "attributes": [{"count": count}]}]))

    assert str(caught.value) == (
        f"BigQuery refuses a row of {STEM}1_0 at byte 12, field attributes.count; the published table stays. A row "
        "that passed the transform must load: please report this; until it is fixed, deselect attributes.count in "
        "the configuration document"
    )


def test_a_field_that_the_schema_lacks_is_not_named(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    with pytest.raises(RowRejected) as caught:
        load(clients, warehouse, to_chunk([{"id": "a", "jane_doe": 1}]))

    assert "jane" not in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("backendError", RetryLater),
        ("internalError", RetryLater),
        ("jobBackendError", RetryLater),
        ("quotaExceeded", RetryLater),
        ("rateLimitExceeded", RetryLater),
        ("stopped", RetryLater),
        ("accessDenied", WarehouseRefused),
        ("notFound", WarehouseRefused),
        ("resourcesExceeded", WarehouseRefused),
    ],
)
def test_a_failed_load_job_is_a_transient_error_or_needs_a_person(
    clients: CloudClients, warehouse: BigQueryWarehouse, reason: str, kind: type[Exception]
) -> None:
    clients.cloud.bigquery.faults.fail("load", reason)

    with pytest.raises(kind, match=reason):
        load(clients, warehouse, to_chunk(to_rows("a")))


def test_the_job_after_a_failed_one_has_the_next_id(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    clients.cloud.bigquery.faults.fail("load", "backendError", times=3)  # the second is a repetition of the first id
    for _ in range(2):
        with pytest.raises(RetryLater):
            load(clients, warehouse, to_chunk(to_rows("a")))

    staged = load(clients, warehouse, to_chunk(to_rows("a")))

    assert staged == Staged(name=f"{STEM}1_0", rows=1)
    assert list_jobs(clients, "load") == [f"kx_{STEM}1_0", f"kx_{STEM}1_0_r1", f"kx_{STEM}1_0_r2"]


def test_a_job_that_runs_at_the_deadline_is_left_running_and_resumed(
    clients: CloudClients, warehouse: BigQueryWarehouse
) -> None:
    clients.cloud.bigquery.faults.hold("load", polls=20)
    started = clients.clock.monotonic()

    with pytest.raises(RetryLater, match="is still RUNNING"):
        load(clients, warehouse, to_chunk(to_rows("a")))

    assert 60 <= clients.clock.monotonic() - started < 66
    assert load(clients, warehouse, to_chunk(to_rows("a"))) == Staged(name=f"{STEM}1_0", rows=1)
    assert list_jobs(clients, "load") == [f"kx_{STEM}1_0"]


@pytest.mark.parametrize("length", [1, 6 * 1024 * 1024], ids=["in one request", "resumable"])
def test_a_load_whose_response_was_lost_is_found_again(
    clients: CloudClients, warehouse: BigQueryWarehouse, length: int
) -> None:
    chunk = Chunk(name=f"{STEM}1_0", rows=1, data=json.dumps({"id": length * "x"}).encode())
    clients.cloud.bigquery.faults.drop("after", job="load")
    with pytest.raises(RetryLater):
        warehouse.begin_load(chunk, SCHEMA)

    staged = load(clients, warehouse, chunk)

    assert staged == Staged(name=chunk.name, rows=1)
    assert list_jobs(clients, "load") == [f"kx_{chunk.name}"]


def test_an_empty_chunk_becomes_an_empty_table(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    staged = load(clients, warehouse, to_chunk([]))

    assert staged == Staged(name=f"{STEM}1_0", rows=0)
    assert warehouse.assemble(f"{STEM}1_all", [staged], SCHEMA) == Assembled(
        name=f"{STEM}1_all", rows=0, distinct_ids=0
    )


@pytest.mark.parametrize("name", ["acme", "a__b_", "x_conversations"])
def test_every_job_has_labels_with_its_purpose(clients: CloudClients, warehouse: BigQueryWarehouse, name: str) -> None:
    stem = f"{name}_conversations__20261123t030000z_1a2b3c4d__1_"
    staged = load(clients, warehouse, to_chunk(to_rows("a"), f"{stem}0"))
    warehouse.assemble(f"{stem}all", [staged], SCHEMA)

    labels = [job.configuration["labels"] for job in clients.cloud.bigquery.jobs.all.values()]
    about = {"app": "kustomer-extract", "integration": name, "table": "conversations", "run_id": RUN}
    assert labels == [about, about, about]


# --- assembling


def test_more_chunks_than_one_copy_job_allows_need_several_jobs(
    clients: CloudClients, warehouse: BigQueryWarehouse
) -> None:
    staged = load(clients, warehouse, to_chunk(to_rows("a", "b")))

    assembled = warehouse.assemble(f"{STEM}1_all", [staged] * 1201, SCHEMA)

    assert assembled == Assembled(name=f"{STEM}1_all", rows=2402, distinct_ids=2)
    assert len(list_jobs(clients, "copy")) == 2


@pytest.mark.parametrize(
    ("attributes", "wrap"),
    [
        (column("attributes", "RECORD", "REPEATED", *ATTRIBUTES), lambda value: [value]),
        (column("attributes", "RECORD", "NULLABLE", *ATTRIBUTES), lambda value: value),
    ],
    ids=["conversations", "satisfaction"],
)
def test_of_rows_with_the_same_id_the_latest_stays_and_columns_keep_their_descriptions(
    clients: CloudClients, warehouse: BigQueryWarehouse, attributes: Field, wrap: Callable[[Any], Any]
) -> None:
    schema = (column("id"), attributes)
    days = ["2026-01-02", None, "2026-01-03", "2026-01-01"]
    rows: list[dict[str, Any]] = [
        {"id": "a", "attributes": wrap({"updatedAt": day, "count": at})} for at, day in enumerate(days)
    ]
    begun = warehouse.begin_load(to_chunk([*rows, {"id": "b"}]), schema)
    staged = begun.wait(until=clients.clock.now())
    assembled = warehouse.assemble(f"{STEM}1_all", [staged], schema)

    unique = warehouse.deduplicate(f"{STEM}1_unique", assembled, schema)

    assert (assembled.rows, assembled.distinct_ids) == (5, 2)
    assert unique == Assembled(name=f"{STEM}1_unique", rows=2, distinct_ids=2)
    kept = {row["id"]: row["attributes"] for row in read(clients, unique.name, STAGING)}
    assert kept["a"] == wrap({"updatedAt": "2026-01-03 00:00:00+00", "count": 2})
    table = clients.bigquery.get_table(f"{STAGING}.{unique.name}")
    assert [field.description for field in table.schema] == ["The id.", "The attributes."]


def test_without_updated_at_any_row_with_the_same_id_stays(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    schema = (column("id"),)
    staged = warehouse.begin_load(to_chunk([{"id": "a"}, {"id": "a"}]), schema).wait(until=clients.clock.now())
    assembled = warehouse.assemble(f"{STEM}1_all", [staged], schema)

    unique = warehouse.deduplicate(f"{STEM}1_unique", assembled, schema)

    assert read(clients, unique.name, STAGING) == [{"id": "a"}]


# --- publishing


def test_the_live_table_is_described_and_never_expires(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    theirs = bigquery.Table(f"{clients.cloud.project}.{DATASET}.{LIVE}")
    theirs.labels, theirs.description = {"team": "support"}, "Old."
    theirs.expires = clients.clock.now() + timedelta(days=10_000)
    clients.bigquery.create_table(theirs)

    warehouse.publish(assemble(clients, warehouse, "a"), to_job(), SCHEMA)

    live = clients.bigquery.get_table(f"{DATASET}.{LIVE}")
    assert live.labels == {"team": "support", "integration": "acme", "run_id": RUN, "config_hash": "0123456789ab"}
    assert live.description == "Kustomer conversations of acme; every run of kustomer-extract replaces all rows."
    assert live.expires is None
    assert [field.description for field in live.schema] == ["The id.", "The attributes."]


def test_unchanged_metadata_is_not_written_again(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    assembled = assemble(clients, warehouse, "a")
    for _ in range(2):
        warehouse.publish(assembled, to_job(), SCHEMA)

    assert [call.method for call in clients.cloud.bigquery.calls].count("PATCH") == 1


@pytest.mark.parametrize(("times", "outcome"), [(2, None), (FOREVER, RetryLater)])
def test_metadata_that_others_change_at_the_same_time_is_read_again(
    clients: CloudClients, warehouse: BigQueryWarehouse, times: int, outcome: type[Exception] | None
) -> None:
    assembled = assemble(clients, warehouse, "a")
    clients.cloud.bigquery.faults.refuse(412, "conditionNotMet", method="PATCH", times=times)

    if outcome:
        with pytest.raises(outcome, match="is published, but something else keeps changing"):
            warehouse.publish(assembled, to_job(), SCHEMA)
    else:
        warehouse.publish(assembled, to_job(), SCHEMA)

    assert read_ids(clients) == ["a"]


def test_a_run_publishes_a_table_once_even_if_an_invocation_stalls(
    clients: CloudClients, warehouse: BigQueryWarehouse
) -> None:
    stalled = assemble(clients, warehouse, "a", "b", attempt=1)
    warehouse.publish(assemble(clients, warehouse, "a", "b", "c", attempt=2), to_job(), SCHEMA)

    warehouse.publish(stalled, to_job(), SCHEMA)

    assert read_ids(clients) == ["a", "b", "c"]


def test_an_invocation_that_resumes_after_the_next_run_does_not_change_the_labels(
    clients: CloudClients, warehouse: BigQueryWarehouse
) -> None:
    later = RunId("20261124t030000z-1a2b3c4d")
    assembled = assemble(clients, warehouse, "a")
    for run_id in (RUN, later):
        warehouse.publish(assembled, to_job(run_id), SCHEMA)

    warehouse.publish(assembled, to_job(RUN), SCHEMA)

    assert clients.bigquery.get_table(f"{DATASET}.{LIVE}").labels["run_id"] == later


def test_a_failed_publication_is_repeated(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    assembled = assemble(clients, warehouse, "a")
    clients.cloud.bigquery.faults.fail("copy", "backendError")
    with pytest.raises(RetryLater):
        warehouse.publish(assembled, to_job(), SCHEMA)

    warehouse.publish(assembled, to_job(), SCHEMA)

    assert read_ids(clients) == ["a"]


def test_a_missing_staging_table_is_an_error_and_nothing_is_published(
    clients: CloudClients, warehouse: BigQueryWarehouse
) -> None:
    assembled = assemble(clients, warehouse, "a")
    warehouse.drop([assembled.name])

    with pytest.raises(RetryLater, match="1_all is gone, nothing was published"):
        warehouse.publish(assembled, to_job(), SCHEMA)

    assert warehouse.count_published(ACME, Table.CONVERSATIONS) is None


def test_a_deleted_live_table_is_created_again(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    warehouse.publish(assemble(clients, warehouse, "a"), to_job(), SCHEMA)
    clients.bigquery.delete_table(f"{DATASET}.{LIVE}")

    warehouse.publish(assemble(clients, warehouse, "b", attempt=2), to_job("20261124t030000z-1a2b3c4d"), SCHEMA)

    assert read_ids(clients) == ["b"]


def test_publishing_is_refused_if_a_view_has_the_name(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    view = bigquery.Table(f"{clients.cloud.project}.{DATASET}.{LIVE}")
    view.view_query = "SELECT 1"
    clients.bigquery.create_table(view)
    refusal = "is a VIEW, and only a table can be published: rename or drop it; the next run publishes"

    with pytest.raises(WarehouseRefused, match=refusal):
        warehouse.count_published(ACME, Table.CONVERSATIONS)
    with pytest.raises(WarehouseRefused, match=refusal):
        warehouse.publish(assemble(clients, warehouse, "a"), to_job(), SCHEMA)


def test_publishing_is_refused_if_it_would_remove_policy_tags(
    clients: CloudClients, warehouse: BigQueryWarehouse
) -> None:
    tags = PolicyTagList(["projects/p/locations/eu/taxonomies/1/policyTags/2"])
    below = [bigquery.SchemaField("count", "INTEGER", policy_tags=tags)]
    fields = [bigquery.SchemaField("id", "STRING"), bigquery.SchemaField("attributes", "RECORD", fields=below)]
    clients.bigquery.create_table(bigquery.Table(f"{clients.cloud.project}.{DATASET}.{LIVE}", schema=fields))

    with pytest.raises(WarehouseRefused, match=r"has policy tags on attributes\.count, which publishing would remove"):
        warehouse.publish(assemble(clients, warehouse, "a"), to_job(), SCHEMA)

    assert read_ids(clients) == []


# --- the deployment


def test_an_error_about_datasets_in_another_location_names_both(clients: CloudClients) -> None:
    warehouse = build_warehouse(clients, location="US")

    with pytest.raises(WarehouseRefused) as caught:
        load(clients, warehouse, to_chunk(to_rows("a")))

    assert str(caught.value) == (
        f"BigQuery: loading {STEM}1_0: 404 notFound: Not found: Dataset demo-project:{STAGING} was not found in "
        "location US. The datasets demo-project.kustomer and demo-project.kustomer_staging must exist in location US: "
        "run terraform apply, or correct the function's settings. If only a table is gone, the next run makes it again"
    )


def test_an_error_about_missing_rights_names_them(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    clients.cloud.bigquery.catalog.denied.add(DATASET)

    with pytest.raises(WarehouseRefused) as caught:
        warehouse.count_published(ACME, Table.CONVERSATIONS)

    assert str(caught.value).endswith(
        "Grant the caller roles/bigquery.dataEditor on demo-project.kustomer and demo-project.kustomer_staging, and "
        "roles/bigquery.jobUser on project demo-project"
    )


def test_an_exceeded_quota_is_a_transient_error(clients: CloudClients, warehouse: BigQueryWarehouse) -> None:
    clients.cloud.bigquery.faults.refuse(403, "quotaExceeded", job="copy")
    staged = load(clients, warehouse, to_chunk(to_rows("a")))

    with pytest.raises(RetryLater, match="403 quotaExceeded"):
        warehouse.assemble(f"{STEM}1_all", [staged], SCHEMA)


# --- a failure at any request


def run(clients: CloudClients, warehouse: BigQueryWarehouse, name: IntegrationName, *, attempt: int) -> None:
    """Do everything that an invocation does, from the first chunk to `_jobs`."""
    stem = f"{name}_conversations__20261123t030000z_1a2b3c4d__{attempt}"
    chunks = [to_chunk(to_rows(*ids), f"{stem}_{number}") for number, ids in enumerate(["ab", "c"])]
    staged = [load(clients, warehouse, chunk) for chunk in chunks]
    assembled = warehouse.assemble(f"{stem}_all", staged, SCHEMA)
    warehouse.count_published(name, Table.CONVERSATIONS)
    warehouse.publish(assembled, to_job(integration=name), SCHEMA)
    warehouse.drop([*(chunk.name for chunk in chunks), assembled.name])
    warehouse.append_jobs([to_job(integration=name)])


def break_503(clients: CloudClients, nth: int) -> None:
    clients.cloud.bigquery.faults.refuse(503, "backendError", nth=nth, times=FOREVER)


def break_429(clients: CloudClients, nth: int) -> None:
    clients.cloud.bigquery.faults.refuse(429, "rateLimitExceeded", nth=nth, times=FOREVER)


def break_connection(clients: CloudClients, nth: int) -> None:
    clients.cloud.bigquery.faults.drop("before", nth=nth, times=FOREVER)


def break_answer(clients: CloudClients, nth: int) -> None:
    clients.cloud.bigquery.faults.drop("after", nth=nth)


@pytest.mark.parametrize("fail", [break_503, break_429, break_connection, break_answer])
def test_after_a_failure_at_any_request_the_next_attempt_succeeds(
    clients: CloudClients, fail: Callable[[CloudClients, int], None]
) -> None:
    warehouse = build_warehouse(clients, retry=BRIEF_RETRY)
    run(clients, warehouse, ACME, attempt=1)
    requests = len(clients.cloud.bigquery.calls)
    names = [IntegrationName(f"acme{nth}") for nth in range(1, requests + 1)]

    for nth, name in enumerate(names, start=1):
        fail(clients, nth)
        try:
            run(clients, warehouse, name, attempt=1)
        except RetryLater:
            clients.cloud.bigquery.faults.clear()
            run(clients, warehouse, name, attempt=2)
        clients.cloud.bigquery.faults.clear()

    assert requests > 20
    assert [read_ids(clients, f"{name}_conversations") for name in names] == [["a", "b", "c"]] * requests
    assert {job.integration for job in warehouse.fetch_jobs(None, limit=99)} == {ACME, *names}
