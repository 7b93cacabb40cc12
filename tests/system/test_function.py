"""The function over HTTP. A delivered message gives a status, rows, a state, a run document, `_jobs` and log lines."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.logging.type.log_severity_pb2 import LogSeverity  # type: ignore[import-untyped]  # there are no stubs

from tests.standins.kustomer.faults import Fault
from tests.system.installation import Installation
from tests.system.launching import launch

if TYPE_CHECKING:
    from google.cloud.logging_v2.types import LogEntry


def events(installation: Installation) -> list[str]:
    """List the names of logged events, in order. The real `LogEntry` has checked every line."""
    return [str(entry.json_payload["event"]) for entry in installation.read_log()]


def find(installation: Installation, event: str) -> LogEntry:
    (entry,) = [entry for entry in installation.read_log() if entry.json_payload.get("event") == event]
    return entry


def served_ids(installation: Installation, table: str) -> list[str]:
    organisation = installation.kustomer.organisation
    records: list[dict[str, Any]] = getattr(organisation, "conversations" if table == "conversations" else "surveys")
    return sorted(record["id"] for record in records)


def assert_complete(installation: Installation) -> None:
    for table in ("conversations", "satisfaction"):
        assert installation.read_ids(table) == served_ids(installation, table)


def test_a_message_fills_both_tables_and_writes_all_records_twice_in_a_row(installation: Installation) -> None:
    assert installation.run() == [200]
    assert installation.run() == [200]

    assert_complete(installation)
    jobs = installation.read_jobs()
    assert [(job["table_name"], job["status"], job["rows"]) for job in jobs] == [
        ("satisfaction", "SUCCEEDED", 12),
        ("conversations", "SUCCEEDED", len(served_ids(installation, "conversations"))),
    ] * 2
    state = installation.read_document(f"integrations/{installation.name}/state/run")
    assert state is not None
    assert state["run_id"] == jobs[-1]["run_id"]
    document = installation.read_run(state["run_id"])
    assert document is not None
    assert (document["status"], document["color"], document["trigger"], document["hops"]) == (
        "SUCCEEDED",
        "green",
        "schedule",
        1,
    )
    assert document["expire_at"] - document["started_at"] > timedelta(days=89)
    assert document["tables"]["conversations"]["rows"] == jobs[-1]["rows"]
    configuration = installation.read_document(f"integrations/{installation.name}")
    assert configuration is not None
    assert configuration["status"] == "ACTIVE"
    assert Counter(events(installation))["run_finished"] == 2
    table = installation.bigquery.get_table(f"kustomer.{installation.name}_conversations")
    assert table.labels["integration"] == installation.name
    assert table.description
    assert table.expires is None
    assert all(field.description for field in table.schema)
    staged = [table.table_id for table in installation.bigquery.list_tables("kustomer_staging")]
    assert [name for name in staged if name.startswith(installation.name)] == []


def test_every_line_has_its_labels_trace_and_execution(installation: Installation) -> None:
    installation.run()

    for entry in installation.read_log():
        assert entry.trace == "projects/demo-project/traces/105445aa7843bc8bf206b12000100000"
        assert {"integration", "run_id", "execution_id"} <= set(entry.labels)
    assert find(installation, "run_finished").json_payload["colour"] == "green"


def test_a_long_run_continues_with_messages_on_the_topic() -> None:
    options = {"conversations": 3000, "latency_seconds": 0.3}
    with Installation(sandbox=options, settings={"SOFT_DEADLINE_SECONDS": "1"}, launch=launch) as installation:
        statuses = installation.run()

        assert len(statuses) >= 3
        assert set(statuses) == {200}
        assert_complete(installation)
        assert Counter(events(installation))["run_continued"] == len(statuses) - 1


@pytest.mark.parametrize(
    ("body", "event", "reason"),
    [
        ({"integration": "nobody"}, "trigger_dropped", "unknown_integration"),
        (b"{broken", "trigger_dropped", "unreadable"),
        ({"no": "integration"}, "trigger_dropped", "unreadable"),
        ({"integration": "acme", "trigger": "continue", "run_id": "20261123t030000z-1", "hop": 1},
         "trigger_dropped", "superseded"),
    ],
)  # fmt: skip
def test_an_invalid_trigger_is_acknowledged_with_one_line(
    installation: Installation, body: object, event: str, reason: str
) -> None:
    assert installation.run(installation.trigger(body)) == [200]

    (entry,) = installation.read_log()
    assert (entry.json_payload["event"], entry.json_payload["reason"]) == (event, reason)


INVALID_PUSHES: dict[str, tuple[bytes, dict[str, str]]] = {
    "without data": (b'{"message": {"messageId": "1", "publishTime": "2026-11-23T03:00:00Z"}}', {}),
    "with data that is not text": (b'{"message": {"data": 1, "messageId": "1"}}', {}),
    "without messageId": (b'{"message": {"data": "e30="}}', {}),
    "unwrapped": (b'{"integration": "acme"}', {}),
    "not JSON": (b"integration: acme", {}),
    "a list": (b"[]", {}),
    "a number": (b"1", {}),
    "null": (b"null", {}),
    "nothing": (b"", {}),
    "another type": (b"<xml/>", {"Content-Type": "text/xml"}),
    "a message that is a list": (b'{"message": []}', {}),
    "only a subscription": (b'{"subscription": "projects/p/subscriptions/s"}', {}),
    "an incomplete CloudEvent": (
        b"{}",
        {"ce-specversion": "1.0", "ce-type": "google.cloud.pubsub.topic.v1.messagePublished"},
    ),
    "a CloudEvent without content": (
        b"",
        {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "s", "ce-id": "1", "ce-time": "2026-11-23T03:00:00Z"},
    ),
    "a CloudEvent without time": (
        b'{"message": {"data": "e30="}}',
        {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "s", "ce-id": "1"},
    ),
    "an invalid structured CloudEvent": (b"[1]", {"Content-Type": "application/cloudevents+json"}),
}


def test_a_push_without_a_message_is_acknowledged_with_one_error(
    installation: Installation,
) -> None:
    statuses = {name: installation.function.push_raw(body, headers) for name, (body, headers) in INVALID_PUSHES.items()}

    assert statuses == dict.fromkeys(INVALID_PUSHES, 200)
    entries = installation.read_log()
    assert [(entry.json_payload["event"], entry.json_payload["reason"]) for entry in entries] == [
        ("trigger_dropped", "unreadable")
    ] * len(INVALID_PUSHES)
    assert {entry.severity for entry in entries} == {LogSeverity.Value("ERROR")}


def test_a_trigger_of_seven_hours_ago_is_dropped(installation: Installation) -> None:
    message = installation.trigger(published_at=datetime.now(UTC) - timedelta(hours=7))

    assert installation.run(message) == [200]

    entry = find(installation, "trigger_dropped")
    assert entry.json_payload["reason"] == "too_old"
    assert entry.severity == LogSeverity.Value("ERROR")


def test_an_invalid_document_is_one_error_with_every_problem(installation: Installation) -> None:
    installation.configure(
        rate_share="sixty",
        extra=True,
        tables={"conversations": {"columns": {"attributes": {"previev": False}}}},
        history_start=datetime(2019, 1, 1, tzinfo=UTC),
    )

    assert installation.run() == [200]

    errors = {
        str(entry.json_payload["error"])
        for entry in installation.read_log()
        if entry.json_payload["event"] == "job_finished"
    }
    (error,) = errors
    for part in ("rate_share", "extra", "did you mean preview"):
        assert part in error
    assert {job["error_code"] for job in installation.read_jobs()} == {"config_invalid"}


def test_a_rejected_key_is_named_and_never_shown(installation: Installation) -> None:
    installation.cloud.secrets.add(f"{installation.name}-kustomer-api-key", "wrong-key")

    assert installation.run() == [200]

    assert {job["error_code"] for job in installation.read_jobs()} == {"key_rejected"}
    assert "wrong-key" not in installation.function.read_output()


def test_with_one_failed_table_the_run_is_orange_and_the_other_is_published(installation: Installation) -> None:
    installation.kustomer.add_fault(Fault(table="satisfaction", status=400))

    assert installation.run() == [200]

    assert [(job["table_name"], job["status"]) for job in installation.read_jobs()] == [
        ("satisfaction", "FAILED"),
        ("conversations", "SUCCEEDED"),
    ]
    assert find(installation, "run_finished").json_payload["colour"] == "orange"


def test_an_unusable_environment_is_one_error_that_names_every_variable() -> None:
    with Installation(settings={"PUBSUB_TOPIC": "", "SOFT_DEADLINE_SECONDS": "soon"}) as installation:
        assert installation.run() == [200]

        (entry,) = installation.read_log()
        assert entry.severity == LogSeverity.Value("ERROR")
        message = str(entry.json_payload["message"])
        assert "PUBSUB_TOPIC" in message
        assert "SOFT_DEADLINE_SECONDS" in message


def test_a_binary_cloud_event_is_also_accepted(installation: Installation) -> None:
    assert installation.function.push_cloud_event(installation.trigger()) == 200

    assert_complete(installation)


def test_messages_of_two_integrations_at_once_fill_four_tables(installation: Installation) -> None:
    installation.configure("globex")
    other = installation.start_function()
    try:
        with ThreadPoolExecutor() as pool:
            globex = pool.submit(other.push, installation.trigger({"integration": "globex"}))
            assert installation.run() == [200]
            assert globex.result() == 200
    finally:
        other.close()

    assert installation.read_ids("conversations", of="globex") == installation.read_ids("conversations")


def test_a_row_that_bigquery_refuses_fails_the_job_without_its_content_in_the_log(installation: Installation) -> None:
    installation.run()
    before = installation.read_ids("conversations")
    text = "Error while reading data, error message: JSON parsing error in row starting at position 4711: Could not "
    text += "convert value 'a secret value' to integer. Field: attributes.priority; Value: a secret value"
    installation.cloud.bigquery.faults.fail("load", "invalid", text, nth=2)

    assert installation.run() == [200]

    (failed,) = [job for job in installation.read_jobs() if job["status"] == "FAILED"]
    assert failed["error_code"] == "row_rejected"
    assert "4711" in failed["error"]
    assert "attributes.priority" in failed["error"]
    assert "a secret value" not in failed["error"] + installation.function.read_output()
    assert installation.read_ids("conversations") == before
