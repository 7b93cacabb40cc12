"""What is specific to Firestore: lost responses, races, types unknown to YAML. Google's client, our stand-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # there are no stubs
import pytest
from google.cloud import firestore

from kustomer_extract.adapters.google.firestore import FirestoreConfigStore
from kustomer_extract.adapters.google.links import ConsoleLinks
from kustomer_extract.errors import RetryLater, ServiceRefused, TakenOver
from kustomer_extract.models import (
    Cursor,
    IntegrationName,
    Job,
    JobStatus,
    RunId,
    RunState,
    Staged,
    Table,
    TableState,
    Trigger,
)
from tests.contract.cloud_adapters import (
    BRIEF_RETRY,
    RETRY,
    CloudClients,
    build_config_store,
    build_run_store,
    edit_document,
    open_cloud,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.api_core.retry import Retry

ACME = IntegrationName("acme")
RUN = RunId("20261123t030000z-1a2b3c4d")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
JOB = Job(
    job_id=f"{RUN}-conversations",
    run_id=RUN,
    integration=ACME,
    table=Table.CONVERSATIONS,
    config_hash="0123456789ab",
    status=JobStatus.FAILED,
    error_code="truncated",
    error="It ends early.",
    started_at=NOON,
    finished_at=NOON + timedelta(minutes=3),
    rows=5,
    pages=2,
    bytes=700,
    drift={"/attributes/custom.a~1b/*": 2, "__proto__": 1},
    retries=1,
)
STATE = RunState(
    integration=ACME,
    run_id=RUN,
    trigger=Trigger.SCHEDULE,
    published_at=NOON - timedelta(seconds=9),
    started_at=NOON,
    config_hash="0123456789ab",
    document={"org": "acme", "tables": {}},
    tables={Table.CONVERSATIONS: TableState(job=JOB, cursor=Cursor("3"), chunks=(Staged(name="a__1_0", rows=5),))},
)
ALWAYS = 10**6
CODES = ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL"]


@pytest.fixture(params=["standin", pytest.param("emulator", marks=pytest.mark.emulator)])
def any_clients(request: pytest.FixtureRequest) -> Iterator[CloudClients]:
    """Clients of our stand-in, and of Google's emulator if it is installed."""
    with open_cloud(emulator=request.param == "emulator") as clients:
        yield clients


def refuse(clients: CloudClients, method: str, code: str, **how: Any) -> None:
    assert clients.cloud.firestore is not None
    clients.cloud.firestore.faults.refuse(method, code=grpc.StatusCode[code], **how)


# --- the configuration document


def test_only_documents_that_exist_are_integrations(any_clients: CloudClients) -> None:
    edit_document(any_clients, "beta", {"org": "beta"})
    edit_document(any_clients, "acme", {"org": "acme", "status": "PENDING"})
    any_clients.firestore.document("integrations/gone/state/run").set({"run_id": RUN})

    assert build_config_store(any_clients).list_names() == ["acme", "beta"]


def test_types_that_yaml_does_not_have_are_read_as_text(any_clients: CloudClients) -> None:
    moment = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    edit_document(any_clients, "acme", {"a": moment, "b": [b"x", {"c": firestore.GeoPoint(1, 2)}], "d": None, "e": 0.5})

    document: Any = build_config_store(any_clients).fetch(ACME)

    assert type(document["a"]) is datetime
    assert {**document, "b": None} == {"a": moment, "b": None, "d": None, "e": 0.5}
    assert document["b"][0] == "b'x'"


def test_an_activation_whose_response_was_lost_has_succeeded(clients: CloudClients) -> None:
    edit_document(clients, "acme", {"org": "acme", "status": "PENDING"})
    refuse(clients, "Commit", "UNAVAILABLE", after_effect=True)

    build_config_store(clients).activate(ACME)

    assert build_config_store(clients).fetch(ACME)["status"] == "ACTIVE"


def test_the_last_run_is_one_field_beside_those_of_people(any_clients: CloudClients) -> None:
    store = FirestoreConfigStore(any_clients.firestore, link=ConsoleLinks(project="demo", database="(default)"))
    edit_document(any_clients, "acme", {"org": "acme", "status": "ACTIVE"})
    store.record_last_run(ACME, {"colour": "red", "tables": {"users": {"rows": 1}}})

    store.record_last_run(ACME, {"colour": "green", "finished_at": NOON})

    assert store.fetch(ACME) == {
        "org": "acme",
        "status": "ACTIVE",
        "_last_run": {
            "colour": "green",
            "finished_at": NOON,
            "links": {
                "log": "https://console.cloud.google.com/logs/query;query=labels.integration%3D%22acme%22?project=demo",
                "history": "https://console.cloud.google.com/firestore/databases/-default-/data/panel/integrations/acme/"
                "runs?project=demo",
            },
        },
    }


def test_an_edit_between_read_and_record_stays(any_clients: CloudClients) -> None:
    store = build_config_store(any_clients)
    edit_document(any_clients, "acme", {"org": "acme", "status": "ACTIVE"})
    store.fetch(ACME)
    edit_document(any_clients, "acme", {"org": "acme", "status": "PAUSED", "note": "holidays"})

    store.record_last_run(ACME, {"colour": "green"})

    document = store.fetch(ACME)
    assert (document["status"], document["note"]) == ("PAUSED", "holidays")


def test_recording_does_not_restore_a_deleted_document(any_clients: CloudClients) -> None:
    store = build_config_store(any_clients)
    edit_document(any_clients, "acme", {"org": "acme", "status": "ACTIVE"})
    store.fetch(ACME)
    any_clients.firestore.document("integrations/acme").delete()

    store.record_last_run(ACME, {"colour": "green"})

    assert not any_clients.firestore.document("integrations/acme").get().exists


def test_a_pending_document_becomes_active_before_and_after_the_last_run_is_recorded(any_clients: CloudClients) -> None:
    store = build_config_store(any_clients)
    edit_document(any_clients, "acme", {"org": "acme", "status": "PENDING"})
    store.fetch(ACME)

    for _ in range(2):  # the end of a run is repeated after a crash
        store.activate(ACME)
        store.record_last_run(ACME, {"colour": "green"})

    assert store.fetch(ACME)["status"] == "ACTIVE"


# --- the run state


def test_the_state_is_read_as_it_was_written(any_clients: CloudClients) -> None:
    store = build_run_store(any_clients)

    saved = store.save(store.save(STATE))

    assert saved == STATE
    assert store.fetch(ACME) == STATE
    assert [type(moment) for moment in (saved.published_at, saved.started_at)] == [datetime, datetime]


@pytest.mark.parametrize("earlier", [False, True], ids=["create", "update"])
def test_a_write_whose_response_was_lost_is_recognised_as_our_own(clients: CloudClients, *, earlier: bool) -> None:
    store = build_run_store(clients)
    state = store.save(STATE) if earlier else STATE
    refuse(clients, "Commit", "UNAVAILABLE", after_effect=True)

    saved = store.save(replace(state, hop=7))

    assert store.save(replace(saved, hop=8)).hop == 8


def test_an_invocation_loses_a_run_whose_state_was_deleted(any_clients: CloudClients) -> None:
    store = build_run_store(any_clients)
    saved = store.save(STATE)
    any_clients.firestore.document("integrations/acme/state/run").delete()

    with pytest.raises(TakenOver):
        store.save(saved)


def test_a_state_with_ten_thousand_chunks_fits_into_its_document(any_clients: CloudClients) -> None:
    names = (f"acme_conversations__20261123t030000z_1a2b3c4d__{n // 25}_{n}" for n in range(10_000))
    chunks = tuple(Staged(name=name, rows=20_000) for name in names)
    state = replace(STATE, tables={Table.CONVERSATIONS: TableState(job=JOB, chunks=chunks)})
    store = build_run_store(any_clients)

    store.save(state)

    assert store.fetch(ACME) == state


# --- the run document

UNPROVEN: dict[str, Any] = {
    "expected_rows": None, "proven_by": "none", "short_pages": 0, "unreadable_rows": 0,
    "columns_added": [], "columns_removed": [],
}  # fmt: skip


def test_the_run_document_shows_the_run_to_people(any_clients: CloudClients) -> None:
    survey = Job(job_id="s", run_id=RUN, integration=ACME, table=Table.SATISFACTION, config_hash="")
    survey = replace(survey, status=JobStatus.SUCCEEDED)
    tables = {**STATE.tables, Table.SATISFACTION: TableState(job=survey)}
    finished = replace(STATE, tables=tables, finished_at=NOON + timedelta(minutes=4), hop=2)

    build_run_store(any_clients).record(finished)

    shown = any_clients.firestore.document(f"integrations/acme/runs/{RUN}").get().to_dict()
    assert shown == {
        "status": "FAILED",
        "color": "orange",
        "trigger": "schedule",
        "started_at": NOON,
        "finished_at": NOON + timedelta(minutes=4),
        "expire_at": NOON + timedelta(days=90),
        "hops": 3,
        "config_hash": "0123456789ab",
        "tables": {
            "conversations": {
                "job_id": f"{RUN}-conversations",
                "status": "FAILED",
                "error_code": "truncated",
                "error": "It ends early.",
                "rows": 5,
                "started_at": NOON,
                "finished_at": NOON + timedelta(minutes=3),
                "minutes": 3.0,
                "pages": 2,
                "bytes": 700,
                "duplicates": 0,
                "drift": [{"path": "/attributes/custom.a~1b/*", "count": 2}, {"path": "__proto__", "count": 1}],
                "retries": 1,
                **UNPROVEN,
            },
            "satisfaction": {
                "job_id": "s",
                "status": "SUCCEEDED",
                "error_code": None,
                "error": None,
                "rows": 0,
                "started_at": None,
                "finished_at": None,
                "minutes": None,
                "pages": 0,
                "bytes": 0,
                "duplicates": 0,
                "drift": [],
                "retries": 0,
                **UNPROVEN,
            },
        },
    }


def test_a_stalled_invocation_does_not_change_a_finished_run_document(any_clients: CloudClients) -> None:
    store = build_run_store(any_clients)
    store.record(STATE)
    store.record(replace(STATE, finished_at=NOON))

    store.record(STATE)

    shown = any_clients.firestore.document(f"integrations/acme/runs/{RUN}").get().to_dict()
    assert shown is not None
    assert shown["finished_at"] == NOON


@pytest.mark.parametrize(
    ("status", "shown"),
    [(JobStatus.SUCCEEDED, ("SUCCEEDED", "green")), (JobStatus.SKIPPED, ("SKIPPED", "green"))],
)
def test_the_status_of_a_run_follows_from_its_jobs(
    clients: CloudClients, status: JobStatus, shown: tuple[str, str]
) -> None:
    tables = {Table.CONVERSATIONS: TableState(job=replace(JOB, status=status))}
    store = build_run_store(clients)
    document = clients.firestore.document(f"integrations/acme/runs/{RUN}")

    store.record(replace(STATE, tables=tables))
    running = document.get()
    store.record(replace(STATE, tables=tables, finished_at=NOON))
    finished = document.get()

    assert (running.get("status"), running.get("color")) == ("RUNNING", None)
    assert (finished.get("status"), finished.get("color")) == shown


# --- a failure of any call


def list_names(clients: CloudClients, retry: Retry) -> None:
    build_config_store(clients, retry=retry).list_names()


def fetch_document(clients: CloudClients, retry: Retry) -> None:
    build_config_store(clients, retry=retry).fetch(ACME)


def activate(clients: CloudClients, retry: Retry) -> None:
    build_config_store(clients, retry=retry).activate(ACME)


def record_last_run(clients: CloudClients, retry: Retry) -> None:
    build_config_store(clients, retry=retry).record_last_run(ACME, {"colour": "green"})


def fetch_state(clients: CloudClients, retry: Retry) -> None:
    build_run_store(clients, retry=retry).fetch(ACME)


def save_state(clients: CloudClients, retry: Retry) -> None:
    build_run_store(clients, retry=retry).save(STATE)


def record(clients: CloudClients, retry: Retry) -> None:
    build_run_store(clients, retry=retry).record(STATE)


CALLS = [
    (list_names, "RunQuery"),
    (fetch_document, "BatchGetDocuments"),
    (activate, "Commit"),
    (record_last_run, "Commit"),
    (fetch_state, "BatchGetDocuments"),
    (save_state, "Commit"),
    (record, "Commit"),
]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("call", "method"), CALLS)
def test_a_call_that_fails_once_is_retried(
    clients: CloudClients, call: Callable[[CloudClients, Retry], None], method: str, code: str
) -> None:
    edit_document(clients, "acme", {"org": "acme", "status": "PENDING"})
    refuse(clients, method, code)

    call(clients, RETRY)

    assert clients.cloud.firestore is not None
    assert clients.cloud.firestore.faults.take(method) is None


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("call", "method"), CALLS)
def test_a_call_that_always_fails_is_a_transient_error(
    clients: CloudClients, call: Callable[[CloudClients, Retry], None], method: str, code: str
) -> None:
    edit_document(clients, "acme", {"org": "acme", "status": "PENDING"})
    refuse(clients, method, code, times=ALWAYS)

    with pytest.raises(RetryLater, match="Firestore: "):
        call(clients, BRIEF_RETRY)


@pytest.mark.parametrize(("call", "method"), CALLS)
def test_an_error_about_a_missing_right_names_it(
    clients: CloudClients, call: Callable[[CloudClients, Retry], None], method: str
) -> None:
    edit_document(clients, "acme", {"org": "acme", "status": "PENDING"})
    refuse(clients, method, "PERMISSION_DENIED")

    with pytest.raises(ServiceRefused) as caught:
        call(clients, RETRY)

    assert str(caught.value).startswith("Firestore database (default) of project demo-project: Firestore: ")
    assert "Grant the caller roles/datastore.user on this database" in str(caught.value)


def test_a_missing_server_is_a_transient_error(clients: CloudClients) -> None:
    assert clients.cloud.firestore is not None
    clients.cloud.firestore.close()

    with pytest.raises(RetryLater):
        build_run_store(clients, retry=BRIEF_RETRY).fetch(ACME)
