"""The stand-ins for Google Cloud behave like Google's services, as far as the product uses them."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import io
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.cloud import bigquery, firestore, secretmanager_v1
from google.resumable_media.requests import ResumableUpload

from tests.standins.google import emulators
from tests.standins.google.cloud import Cloud
from tests.standins.google.log_entry import BadLogLine, parse_log_line
from tests.standins.google.secret_manager import Secret, State

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = "demo-project"
LIVE = f"{PROJECT}.kustomer"
STAGING = f"{PROJECT}.staging"
SURVEYS = [
    {"name": "id", "type": "STRING"},
    {"name": "attributes", "type": "RECORD", "fields": [{"name": "updatedAt", "type": "TIMESTAMP"}]},
]
EVERYTHING = [
    {"name": "id", "type": "STRING", "mode": "REQUIRED"},
    {"name": "number", "type": "INT64"},
    {"name": "share", "type": "FLOAT64"},
    {"name": "flag", "type": "BOOL"},
    {"name": "at", "type": "TIMESTAMP"},
    {"name": "tags", "type": "STRING", "mode": "REPEATED"},
    {"name": "custom", "type": "JSON"},
    {
        "name": "attributes",
        "type": "RECORD",
        "mode": "REPEATED",
        "fields": [{"name": "updatedAt", "type": "TIMESTAMP"}],
    },
]
SHORT_TIMEOUT = Retry(predicate=if_exception_type(), timeout=1)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with Cloud(PROJECT) as cloud:
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        yield cloud


@pytest.fixture
def client(cloud: Cloud) -> Iterator[bigquery.Client]:
    with bigquery.Client(project=cloud.project, location="EU") as client:
        for name, days in ((LIVE, None), (STAGING, 3)):
            dataset = bigquery.Dataset(name)
            dataset.location = "EU"
            dataset.default_table_expiration_ms = days and days * 24 * 3600 * 1000
            client.create_dataset(dataset)
        yield client


def begin_load(client: bigquery.Client, table: str, rows: list[Any], **options: Any) -> Any:
    content = gzip.compress("\n".join(json.dumps(row) for row in rows).encode())
    return client.load_table_from_file(
        io.BytesIO(content),
        table,
        size=None if options.pop("resumable", False) else len(content),
        job_id=options.pop("job_id", None),
        job_config=bigquery.LoadJobConfig(
            schema=[bigquery.SchemaField.from_api_repr(field) for field in options.pop("schema", SURVEYS)],
            source_format="NEWLINE_DELIMITED_JSON",
            **{"write_disposition": "WRITE_TRUNCATE", **options},
        ),
    )


def copy(client: bigquery.Client, sources: Any, table: str, write: str = "WRITE_TRUNCATE") -> Any:
    return client.copy_table(sources, table, job_config=bigquery.CopyJobConfig(write_disposition=write))


def query(client: bigquery.Client, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    kinds = {str: "STRING", int: "INT64", dt.datetime: "TIMESTAMP"}
    given = [bigquery.ScalarQueryParameter(name, kinds[type(value)], value) for name, value in parameters.items()]
    config = bigquery.QueryJobConfig(query_parameters=given)
    return [row.values() for row in client.query(sql, job_config=config, job_retry=None).result()]


def survey(name: str, day: int) -> dict[str, Any]:
    return {"id": name, "attributes": {"updatedAt": f"2026-01-{day:02d}T00:00:00Z"}}


# Loads


@pytest.mark.parametrize("resumable", [False, True])
def test_a_load_runs_after_the_upload_and_its_id_is_unique(client: bigquery.Client, *, resumable: bool) -> None:
    job = begin_load(client, f"{STAGING}.t", [survey("a", 1)], job_id="one", resumable=resumable)
    state_at_first = job.state
    job.result()

    assert (state_at_first, job.state, job.output_rows) == ("RUNNING", "DONE", 1)
    with pytest.raises(api.Conflict):
        begin_load(client, f"{STAGING}.t", [], job_id="one", resumable=resumable)


def test_an_upload_may_have_several_pieces(cloud: Cloud, client: bigquery.Client) -> None:
    rows = b"\n".join(b'{"id": "%024d"}' % number for number in range(20_000))
    load = {
        "destinationTable": {"projectId": PROJECT, "datasetId": "staging", "tableId": "t"},
        "schema": {"fields": SURVEYS},
        "sourceFormat": "NEWLINE_DELIMITED_JSON",
    }
    begin_upload: Any = ResumableUpload
    upload = begin_upload(f"{cloud.bigquery.url}/upload/bigquery/v2/projects/{PROJECT}/jobs", 256 * 1024)
    upload.initiate(client._http, io.BytesIO(rows), {"configuration": {"load": load}}, "*/*")
    while not upload.finished:
        answer = upload.transmit_next_chunk(client._http)
    client.get_job(answer.json()["jobReference"]["jobId"]).result()

    assert len(rows) > 2 * upload.chunk_size
    assert client.get_table(f"{STAGING}.t").num_rows == 20_000


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"id": "b", "unknown": 1}, "No such field: unknown"),
        ({"id": "b", "attributes": [{"zz": 1}]}, "No such field: attributes.zz"),
        ({"number": 1}, "Missing required field: id"),
        ({"id": None}, "Only optional fields can be set to NULL. Field: id"),
        ({"id": {"a": 1}}, "JSON object specified for non-record field"),
        ({"id": ["a"]}, "Array specified for non-repeated field: id"),
        ({"id": "b", "number": 1.5}, "Could not convert value to integer. Field: number"),
        ({"id": "b", "number": True}, "Could not convert value to integer"),
        ({"id": "b", "number": 2**63}, "Could not convert value to integer"),
        ({"id": "b", "share": "much"}, "Could not convert value to float"),
        ({"id": "b", "flag": 2}, "Could not convert value to boolean"),
        ({"id": "b", "at": "2026-02-30T00:00:00Z"}, "Could not convert value to timestamp"),
        ({"id": "b", "at": "2026-01-01T00:00:00.1234567Z"}, "Could not convert value to timestamp"),
        ({"id": "b", "tags": None}, "Only optional fields can be set to NULL. Field: tags"),
        ({"id": "b", "tags": ["x", None]}, "Only optional fields can be set to NULL. Field: tags"),
        ({"id": "b", "tags": "x"}, "Repeated field must be imported as a JSON array. Field: tags"),
        ({"id": "b", "attributes": ["x"]}, "JSON object expected for record field: attributes"),
        ("a string", "JSON object expected for record field: the row"),
    ],
)
def test_an_invalid_row_fails_the_job_and_changes_nothing(
    cloud: Cloud, client: bigquery.Client, bad: Any, message: str
) -> None:
    begin_load(client, f"{STAGING}.t", [{"id": "old"}], schema=EVERYTHING).result()
    job = begin_load(client, f"{STAGING}.t", [{"id": "a"}, bad], schema=EVERYTHING)

    with pytest.raises(api.BadRequest):
        job.result()

    assert job.error_result["reason"] == "invalid"
    assert f"row starting at position 12: {message}" in job.errors[1]["message"]
    assert cloud.bigquery.table(f"{STAGING}.t").rows == [{"id": "old"}]


@pytest.mark.parametrize(
    "content", [b'{"id": "a"', b'{"id": NaN}', b'{"id": "\\ud800"}', gzip.compress(b"{}", mtime=0)[:-9]]
)
def test_broken_content_fails_the_job(client: bigquery.Client, content: bytes) -> None:
    config = bigquery.LoadJobConfig(
        schema=[bigquery.SchemaField("id", "STRING")], source_format="NEWLINE_DELIMITED_JSON"
    )
    job: Any = client.load_table_from_file(io.BytesIO(content), f"{STAGING}.t", size=len(content), job_config=config)

    assert job.exception().errors[0]["reason"] == "invalid"


@pytest.mark.parametrize(("table", "location"), [("demo-project.nowhere.t", "EU"), (f"{STAGING}.t", "US")])
def test_a_dataset_that_is_missing_or_in_another_location_fails_the_job(
    cloud: Cloud, client: bigquery.Client, table: str, location: str
) -> None:
    config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("id", "STRING")])
    job: Any = client.load_table_from_json([{"id": "a"}], table, location=location, job_config=config)

    assert isinstance(job.exception(), api.NotFound)
    assert [call.status for call in cloud.bigquery.calls if call.path.startswith("/upload")] == [200]


def test_a_job_is_found_in_its_location_only(client: bigquery.Client) -> None:
    begin_load(client, f"{STAGING}.t", [], job_id="one").result()

    assert client.get_job("one", location="EU").state == "DONE"
    with pytest.raises(api.NotFound):
        client.get_job("one", location="us-central1")


def test_truncating_replaces_the_schema_and_keeps_description_and_labels(client: bigquery.Client) -> None:
    tags = bigquery.PolicyTagList(["projects/p/locations/eu/taxonomies/1/policyTags/2"])
    table = bigquery.Table(f"{LIVE}.t", schema=[bigquery.SchemaField("id", "STRING", policy_tags=tags)])
    table.description, table.labels = "surveys", {"run": "one"}
    tagged = client.create_table(table)
    begin_load(client, f"{LIVE}.t", [survey("a", 1)]).result()

    table = client.get_table(f"{LIVE}.t")
    assert tagged.schema[0].policy_tags == tags
    assert [(field.name, field.policy_tags) for field in table.schema] == [("id", None), ("attributes", None)]
    assert (table.description, table.labels, table.num_rows, table.expires) == ("surveys", {"run": "one"}, 1, None)


def test_appending_adds_columns_only_if_allowed(client: bigquery.Client) -> None:
    begin_load(client, f"{LIVE}._jobs", [{"id": "a"}], schema=SURVEYS[:1]).result()
    more = {"schema": SURVEYS, "write_disposition": "WRITE_APPEND"}

    error = begin_load(client, f"{LIVE}._jobs", [survey("b", 1)], **more).exception()  # waits: jobs run side by side
    allowed = begin_load(
        client, f"{LIVE}._jobs", [survey("b", 1)], **more, schema_update_options=["ALLOW_FIELD_ADDITION"]
    )

    assert "Cannot add fields (field: attributes)" in str(error)
    assert allowed.exception() is None
    assert [row["id"] for row in client.list_rows(f"{LIVE}._jobs")] == ["a", "b"]


# Tables


def test_a_list_of_tables_has_neither_schema_nor_rows(client: bigquery.Client) -> None:
    begin_load(client, f"{STAGING}.t", [survey("a", 1)]).result()

    [listed] = client.list_tables(STAGING)

    assert (listed.table_id, listed.table_type) == ("t", "TABLE")
    assert not {"schema", "numRows"} & listed._properties.keys()


def test_a_change_of_metadata_needs_the_latest_etag(client: bigquery.Client) -> None:
    table, stale = client.create_table(f"{STAGING}.t"), client.get_table(f"{STAGING}.t")
    table.expires, table.labels = None, {"run": "one"}
    changed = client.update_table(table, ["expires", "labels"])

    assert stale.expires is not None
    assert (changed.expires, changed.labels) == (None, {"run": "one"})
    with pytest.raises(api.PreconditionFailed):
        client.update_table(stale, ["labels"])


def test_a_table_expires(cloud: Cloud, client: bigquery.Client) -> None:
    begin_load(client, f"{STAGING}.t", []).result()
    begin_load(client, f"{LIVE}.t", []).result()
    cloud.bigquery.catalog.ahead = dt.timedelta(days=3)

    assert [table.table_id for table in client.list_tables(STAGING)] == []
    assert client.get_table(f"{LIVE}.t").expires is None
    with pytest.raises(api.NotFound):
        client.get_table(f"{STAGING}.t")


def test_rows_cannot_be_loaded_into_a_view(client: bigquery.Client) -> None:
    view = bigquery.Table(f"{LIVE}.view")
    view.view_query = "SELECT 1"
    client.create_table(view)
    begin_load(client, f"{STAGING}.t", []).result()

    assert client.get_table(f"{LIVE}.view").table_type == "VIEW"
    assert "is currently a VIEW" in str(copy(client, f"{STAGING}.t", f"{LIVE}.view").exception())


# Copies


def test_only_tables_with_the_same_schema_are_copied_into_one(client: bigquery.Client) -> None:
    begin_load(client, f"{STAGING}.a", []).result()
    begin_load(client, f"{STAGING}.b", [], schema=EVERYTHING).result()

    assert "different schemas" in str(copy(client, [f"{STAGING}.a", f"{STAGING}.b"], f"{STAGING}.c").exception())


def test_a_copy_may_append_or_require_an_empty_table(client: bigquery.Client) -> None:
    begin_load(client, f"{STAGING}.a", [survey("a", 1)]).result()
    copy(client, f"{STAGING}.a", f"{STAGING}.b", "WRITE_EMPTY").result()
    copy(client, f"{STAGING}.a", f"{STAGING}.b", "WRITE_APPEND").result()

    assert client.get_table(f"{STAGING}.b").num_rows == 2
    assert isinstance(copy(client, f"{STAGING}.a", f"{STAGING}.b", "WRITE_EMPTY").exception(), api.Conflict)


# Queries


def test_an_insert_of_other_types_is_refused(client: bigquery.Client) -> None:
    begin_load(client, f"{STAGING}.t", []).result()

    with pytest.raises(api.BadRequest, match="differ in number or type"):
        query(client, f"INSERT INTO `{STAGING}.t` SELECT 1, attributes FROM `{STAGING}.t`")


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT nothing FROM staging.t", api.BadRequest),
        ("SELECT * FROM", api.BadRequest),
        ("SELECT * FROM staging.nowhere", api.NotFound),
        ("SELECT @unknown", api.BadRequest),
        ("DELETE FROM staging.t WHERE TRUE", api.MethodNotImplemented),
    ],
)
def test_a_query_that_cannot_be_run_says_why(client: bigquery.Client, sql: str, error: type[Exception]) -> None:
    client.create_table(bigquery.Table(f"{STAGING}.t", schema=[bigquery.SchemaField("id", "STRING")]))

    with pytest.raises(error):
        query(client, sql)


def test_what_is_not_served_is_a_501_and_is_not_retried(client: bigquery.Client) -> None:
    with pytest.raises(api.MethodNotImplemented):
        list(client.list_datasets())
    with pytest.raises(api.MethodNotImplemented):
        begin_load(client, f"{STAGING}.t", [], max_bad_records=1).result()


# Failures on demand


def test_a_request_can_be_refused_from_the_nth_on(cloud: Cloud, client: bigquery.Client) -> None:
    cloud.bigquery.faults.refuse(403, "rateLimitExceeded", method="GET", path="/datasets/staging$", nth=2)

    client.get_dataset(STAGING)
    with pytest.raises(api.Forbidden) as refusal:
        client.get_dataset(STAGING, retry=SHORT_TIMEOUT)
    client.get_dataset(STAGING)
    assert refusal.value.errors[0]["reason"] == "rateLimitExceeded"
    assert [call.status for call in cloud.bigquery.calls if call.method == "GET"] == [200, 403, 200]


@pytest.mark.parametrize(("when", "jobs"), [("before", []), ("after", ["one"])])
def test_a_response_can_be_lost_before_or_after_the_effect(
    cloud: Cloud, client: bigquery.Client, when: Any, jobs: list[str]
) -> None:
    begin_load(client, f"{STAGING}.t", [], job_id="load").result()
    cloud.bigquery.faults.drop(when, job="copy")

    with pytest.raises(OSError, match="Connection aborted"):
        client.copy_table(f"{STAGING}.t", f"{STAGING}.copy", job_id="one", retry=SHORT_TIMEOUT)
    assert list(cloud.bigquery.jobs.all) == ["load", *jobs]


def test_a_held_job_takes_effect_when_it_is_done(cloud: Cloud, client: bigquery.Client) -> None:
    begin_load(client, f"{STAGING}.t", [survey("a", 1)]).result()
    cloud.bigquery.faults.hold("copy", polls=2)
    job = copy(client, f"{STAGING}.t", f"{LIVE}.t")

    states = [(client.get_job(job.job_id).state, len(list(client.list_tables(LIVE)))) for _ in range(3)]

    assert states == [("RUNNING", 0), ("RUNNING", 0), ("DONE", 1)]


def test_a_job_that_never_ends_can_be_cancelled(cloud: Cloud, client: bigquery.Client) -> None:
    cloud.bigquery.faults.hold("query")
    job = client.query("SELECT 1", job_retry=None)

    assert not job.done()
    job.cancel()
    with pytest.raises(api.GoogleAPICallError, match="cancelled"):
        job.result(job_retry=None)


def test_a_job_can_be_made_to_fail(cloud: Cloud, client: bigquery.Client) -> None:
    cloud.bigquery.faults.fail("load", "backendError", "try again")
    job = begin_load(client, f"{STAGING}.t", [])

    assert job.exception(timeout=1).errors == [{"reason": "backendError", "message": "try again"}]
    assert not list(client.list_tables(STAGING))


def test_a_dataset_can_be_denied(cloud: Cloud, client: bigquery.Client) -> None:
    begin_load(client, f"{STAGING}.t", []).result()
    cloud.bigquery.catalog.denied.add("kustomer")

    with pytest.raises(api.Forbidden, match="Access Denied"):
        client.get_table(f"{LIVE}.t")
    assert isinstance(copy(client, f"{STAGING}.t", f"{LIVE}.t").exception(), api.Forbidden)


# Secret Manager


@pytest.fixture
def secrets(cloud: Cloud) -> Iterator[secretmanager_v1.SecretManagerServiceClient]:
    options = {"api_endpoint": cloud.secrets.endpoint}
    with secretmanager_v1.SecretManagerServiceClient(client_options=options) as client:
        yield client


def access(client: secretmanager_v1.SecretManagerServiceClient, version: str = "latest") -> Any:
    name = f"projects/{PROJECT}/secrets/key/versions/{version}"
    return client.access_secret_version(name=name, retry=None, timeout=5).payload


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (None, api.NotFound),
        ("no version", api.NotFound),
        ("denied", api.PermissionDenied),
        (State.DISABLED, api.FailedPrecondition),
        (State.DESTROYED, api.FailedPrecondition),
    ],
)
def test_a_secret_that_cannot_be_read_says_why(cloud: Cloud, secrets: Any, state: Any, error: Any) -> None:
    if state in {"no version", "denied"}:
        cloud.secrets.secrets["key"] = Secret(denied=state == "denied")
    elif state:
        cloud.secrets.add("key", "value").state = state

    with pytest.raises(error):
        access(secrets)


# Firestore: our stand-in, and Google's emulator if it is installed

FIRESTORES = [
    "standin",
    *([pytest.param("emulator", marks=pytest.mark.emulator)] if emulators.available() else []),
]


@pytest.fixture(params=FIRESTORES)
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[firestore.Client]:
    with Cloud(f"project-{uuid.uuid4().hex}", firestore=request.param) as cloud:
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        with contextlib.closing(firestore.Client()) as client:
            yield client


def test_a_document_is_created_once(store: firestore.Client) -> None:
    document = store.document("integrations/acme")
    document.create({"org": "acme"})

    with pytest.raises(api.AlreadyExists):
        document.create({"org": "other"})
    with pytest.raises(api.NotFound):
        store.document("integrations/other").update({"org": "other"})
    assert document.get().to_dict() == {"org": "acme"}


@pytest.mark.parametrize("gone", [False, True])
def test_a_write_on_a_stale_version_is_refused(store: firestore.Client, *, gone: bool) -> None:
    document = store.document("integrations/acme/state/run")
    document.set({"hop": 1})
    read = document.get()
    if gone:
        document.delete()
    else:
        document.update({"hop": 2}, option=store.write_option(last_update_time=read.update_time))

    with pytest.raises(api.FailedPrecondition):
        document.update({"hop": 3}, option=store.write_option(last_update_time=read.update_time))
    assert document.get().to_dict() == (None if gone else {"hop": 2})


def test_a_write_that_changes_nothing_makes_no_new_version(store: firestore.Client) -> None:
    document = store.document("integrations/acme")
    first, second = document.set({"org": "acme"}), document.set({"org": "acme"})

    assert first.update_time == second.update_time == document.get().update_time
    assert document.set({"org": "other"}).update_time > first.update_time


def test_an_update_can_change_a_field_of_a_map(store: firestore.Client) -> None:
    document = store.document("integrations/acme")
    document.set({"status": "PENDING", "tables": {"a.b": 1, "c": 2, "d": 3}})
    document.update({"status": "ACTIVE", "tables.`a.b`": 4, "tables.c": firestore.DELETE_FIELD, "new.e": [None, 1.5]})

    assert document.get().to_dict() == {"status": "ACTIVE", "tables": {"a.b": 4, "d": 3}, "new": {"e": [None, 1.5]}}


def test_a_batch_is_written_completely_or_not_at_all(store: firestore.Client) -> None:
    store.document("runs/two").set({"number": 2})
    batch = store.batch()
    batch.set(store.document("runs/one"), {"number": 1})
    batch.create(store.document("runs/two"), {"number": 3})

    with pytest.raises(api.AlreadyExists):
        batch.commit()
    assert [document.to_dict() for document in store.collection("runs").stream()] == [{"number": 2}]


def test_listing_shows_parents_that_do_not_exist_but_streaming_does_not(store: firestore.Client) -> None:
    store.document("integrations/gone/state/run").set({"hop": 1})
    store.document("integrations/acme").set({"org": "acme"})
    collection = store.collection("integrations")

    assert sorted(document.id for document in collection.list_documents()) == ["acme", "gone"]
    assert [(document.id, document.to_dict()) for document in collection.select([]).stream()] == [("acme", {})]
    assert list(store.collection("nothing").stream()) == []


@pytest.mark.parametrize("content", [{"a": [[1]]}, {"a": {"__b__": 1}}, {"a": "x" * (1 << 20)}])
def test_content_that_firestore_does_not_accept_is_refused(store: firestore.Client, content: Any) -> None:
    with pytest.raises(api.InvalidArgument):
        store.document("integrations/acme").set(content)


def test_databases_are_separate(store: firestore.Client) -> None:
    store.document("integrations/acme").set({"org": "acme"})

    with contextlib.closing(firestore.Client(database="other")) as other:
        assert not other.document("integrations/acme").get().exists


def test_after_a_lost_response_the_repeated_write_fails(cloud: Cloud) -> None:
    assert cloud.firestore
    cloud.firestore.faults.refuse("Commit", after_effect=True)

    with contextlib.closing(firestore.Client()) as client, pytest.raises(api.AlreadyExists):
        client.document("integrations/acme").create({"org": "acme"})  # which the client itself retries
    assert cloud.firestore.calls == ["Commit", "Commit"]


# Log lines

LINE = {
    "severity": "WARNING",
    "message": "slow",
    "time": "2026-01-01T00:00:00.5Z",
    "logging.googleapis.com/labels": {"integration": "acme"},
    "logging.googleapis.com/trace": "projects/demo-project/traces/0123456789abcdef0123456789abcdef",
    "rows": 3,
}


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "WARN"},
        {"severity": None},
        {"message": ""},
        {"time": "2026-01-01 00:00"},
        {"logging.googleapis.com/labels": {"rows": 3}},
        {"logging.googleapis.com/trace": "0123456789abcdef0123456789abcdef"},
        {"logging.googleapis.com/spanId": "7"},
        {"logging.googleapis.com/label": {}},
        {"httpRequest": {"latency": 0.5}},
        {"padding": "x" * 256 * 1024},
    ],
)
def test_a_log_line_that_would_be_shown_wrongly_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadLogLine):
        parse_log_line(json.dumps({**LINE, **change}))


@pytest.mark.parametrize("line", ["Traceback (most recent call last):", "[1]", ""])
def test_a_log_line_that_is_not_an_object_is_refused(line: str) -> None:
    with pytest.raises(BadLogLine):
        parse_log_line(line)
