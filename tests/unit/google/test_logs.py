"""Every line is a valid entry of Cloud Logging, and has nothing that must not be logged."""

from __future__ import annotations

import contextvars
import io
import logging
import sys
import threading
import warnings
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]  # there are no stubs

from kustomer_extract import events
from kustomer_extract.adapters.google.logs import CloudLog
from kustomer_extract.errors import RetryLater, UnknownIntegration
from kustomer_extract.models import Colour, IntegrationName, JobStatus, Proof, RunId, Table, Trigger
from tests.standins.google.log_entry import parse_log_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG = CloudLog(project="demo-project")
SCOPE = events.Scope(
    integration=IntegrationName("acme"), run_id=RunId("20261123t030000z-1a"), table=Table.CONVERSATIONS
)
LABELS = {"integration": "acme", "run_id": "20261123t030000z-1a", "table": "conversations"}
TRACE = "105445aa7843bc8bf206b12000100000"
EVENTS: list[events.Event] = [
    events.RunStarted(trigger=Trigger.SCHEDULE, hop=0, attempt=1),
    events.ConfigLoaded(config_hash="0123456789ab", tables=[Table.CONVERSATIONS], warnings=["rate_share: '1'"]),
    events.RunSkipped(reason="paused"),
    events.TriggerDropped(reason="too_old", detail="published over 6 h ago"),
    events.StateSetAside(error="no sense", where="integrations/acme/state/set_aside-1"),
    events.RunContinued(hop=1),
    events.RunInterrupted(error="BigQuery: 503", failures=1),
    events.RunFinished(
        colour=Colour.ORANGE, tables={"conversations": "FAILED"}, rows=2**60, hops=1, elapsed_seconds=1.5
    ),
    events.JobStarted(job_id="j", resumed=False),
    events.PageRead(rows=100, pages=1),
    events.ChunkLoaded(chunk="acme_conversations__r__1_0", chunk_rows=10, rows=10, pages=1),
    events.RateLimited(wait_seconds=2.5, limit=300, remaining=0),
    events.RateAssumed(limit=300),
    events.TimelessUnanswered(reason="status 504"),
    events.Waiting(reason="a short page is asked for again", wait_seconds=2.0),
    events.DriftFound(paths={"/attributes/~1x/*": 2, "\ud800": 1}),
    events.ExtractUnproven(proven_by=Proof.NONE, short_pages=1),
    events.RowsVanished(rows=3),
    events.SelectionChanged(columns_added=["attributes.preview"], content_added=["attributes.preview"]),
    events.GuardRefusal(rows=1, published_rows=100, max_drop_percent=50),
    events.DropExplained(rows=1, published_rows=100, reason="history_start was changed"),
    events.TablePublished(name_in_warehouse="acme_conversations", rows=1),
    events.ViewPublished(name_in_warehouse="acme_conversations_flat", columns=50, duration_unit="milliseconds"),
    events.ViewFailed(name_in_warehouse="acme_conversations_flat", error="a table has its name"),
    events.TableLeftPublished(name_in_warehouse="acme_conversations", command="DROP TABLE acme_conversations"),
    events.JobFinished(
        job_id="j",
        status=JobStatus.FAILED,
        rows=1,
        pages=1,
        bytes=1,
        duplicates=0,
        retries=0,
        drift_paths=0,
        minutes=0.1,
        error_code="truncated",
        error="It ends\nearly.",
    ),
]


def write(act: Callable[[], None]) -> list[dict[str, Any]]:
    """Run a function that logs. Return the entries as Cloud Logging would have them."""
    with redirect_stdout(io.StringIO()) as output:
        act()
    pb = [type(entry).pb(entry) for entry in map(parse_log_line, output.getvalue().splitlines())]
    return [json_format.MessageToDict(entry) for entry in pb]


def emit(event: events.Event, scope: events.Scope = SCOPE) -> dict[str, Any]:
    (entry,) = write(lambda: LOG.emit(scope, event))
    return entry


def test_the_samples_are_the_whole_catalogue() -> None:
    assert [type(event) for event in EVENTS] == list(events.CATALOGUE)


@pytest.mark.parametrize(
    "event", [event for event in EVENTS if event.name != "page_read"], ids=lambda event: event.name
)
def test_an_event_is_one_entry_with_its_name_its_sentence_and_its_fields(event: events.Event) -> None:
    entry = emit(event)

    payload = entry["jsonPayload"]
    assert (entry["severity"], entry["labels"]) == (event.severity, LABELS)
    assert (payload["event"], payload["message"]) == (event.name, event.sentence.replace("\ud800", "?"))
    assert payload.keys() == {"event", "message", *event.fields}


def test_progress_is_not_logged() -> None:
    assert write(lambda: LOG.emit(SCOPE, events.PageRead(rows=100, pages=1))) == []


def test_a_scope_without_a_table_has_no_label_for_it() -> None:
    scope = events.Scope(integration=IntegrationName("acme"))

    assert emit(events.RunContinued(hop=1), scope)["labels"] == {"integration": "acme"}


def test_an_entry_that_is_too_long_is_cut_at_its_end() -> None:
    entry = emit(events.RunInterrupted(error=100_000 * "漢", failures=1))

    assert entry["jsonPayload"].keys() == {"event", "message", "shortened"}
    assert entry["jsonPayload"]["message"].startswith("interrupted, will be tried again")


def test_times_are_rfc_3339() -> None:
    class Timed(events.RunContinued):
        at: datetime

    entry = emit(Timed(hop=1, at=datetime(2026, 11, 23, 3, tzinfo=UTC)))

    assert entry["jsonPayload"]["at"] == "2026-11-23T03:00:00+00:00"


# --- requests


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"{TRACE}/1;o=1", {"trace": f"projects/demo-project/traces/{TRACE}", "spanId": "0000000000000001"}),
        (f"{TRACE}/18446744073709551615;o=0", {"trace": f"projects/demo-project/traces/{TRACE}", "spanId": 16 * "f"}),
        (TRACE.upper(), {"trace": f"projects/demo-project/traces/{TRACE}"}),
        ("nonsense", {}),
        (None, {}),
    ],
)
def test_the_lines_of_a_request_have_its_trace(header: str | None, expected: dict[str, str]) -> None:
    with LOG.request(header, "e1"):
        inside = emit(events.RunContinued(hop=1))
    outside = emit(events.RunContinued(hop=1))

    assert {name: inside[name] for name in ("trace", "spanId") if name in inside} == expected
    assert inside["labels"] == {**LABELS, "execution_id": "e1"}
    assert "trace" not in outside
    assert outside["labels"] == LABELS


def test_a_thread_in_the_context_of_a_request_has_its_trace() -> None:
    def act() -> None:
        with LOG.request(f"{TRACE}/1", "e1"):
            emit = contextvars.copy_context().run
            thread = threading.Thread(target=emit, args=(LOG.emit, SCOPE, events.RunContinued(hop=1)))
            thread.start()
            thread.join()

    (entry,) = write(act)

    assert entry["trace"].endswith(TRACE)


def test_an_end_before_a_run_is_logged() -> None:
    def act() -> None:
        LOG.drop_unreadable("no data")
        LOG.report_failure(UnknownIntegration("x"))

    unreadable, unknown = write(act)

    assert unreadable["severity"] == unknown["severity"] == "ERROR"
    assert unreadable["jsonPayload"] == {
        "event": "trigger_dropped",
        "message": "trigger dropped, unreadable: no data",
        "reason": "unreadable",
        "detail": "no data",
    }
    assert unknown["jsonPayload"]["error_code"] == "unknown_integration"


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    closed = io.StringIO()
    closed.close()

    with redirect_stdout(closed):
        LOG.emit(SCOPE, events.RunContinued(hop=1))

    assert sys.stdout is not closed


# --- bugs and libraries


PAYLOAD = "Jane"


def read_row() -> None:
    raise ValueError(PAYLOAD)


def load_row() -> None:
    try:
        read_row()
    except ValueError as error:
        raise RetryLater("BigQuery: 503") from error


def work_on_row() -> None:
    try:
        load_row()
    except RetryLater:
        raise KeyError(PAYLOAD)  # noqa: B904 - as in a real bug


def test_the_entry_of_a_bug_has_its_frames_and_never_its_message() -> None:
    def act() -> None:
        LOG.emit(SCOPE, events.RunContinued(hop=1))
        try:
            work_on_row()
        except KeyError as error:
            LOG.report_bug(error)

    with LOG.request(None):
        _, entry = write(act)

    payload = entry["jsonPayload"]
    assert entry["severity"] == "ERROR"
    assert entry["labels"] == LABELS
    assert payload["message"] == "KeyError: a bug, please report it; the message will be delivered again"
    assert payload["@type"].endswith("v1beta1.ReportedErrorEvent")
    assert "in read_row" in payload["stack_trace"]
    assert "RetryLater: BigQuery: 503\n" in payload["stack_trace"]
    assert payload["stack_trace"].endswith("\nKeyError")
    assert PAYLOAD not in str(entry)


@pytest.fixture
def captured_libraries() -> Iterator[None]:
    handlers, level, shown = logging.root.handlers[:], logging.root.level, warnings.showwarning
    LOG.capture_libraries()
    yield
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    assert warnings.showwarning is shown


@pytest.mark.usefixtures("captured_libraries")
def test_the_entry_of_a_library_has_no_arguments() -> None:
    library = logging.getLogger("urllib3.connectionpool")

    def act() -> None:
        library.warning("Retrying after %r: %s", PAYLOAD, f"/v1/customers/{PAYLOAD}")
        library.error(f"for {PAYLOAD}")
        library.info("nothing")
        try:
            work_on_row()
        except KeyError:
            library.exception("It failed for %s", PAYLOAD)

    entries = write(act)

    assert [entry["severity"] for entry in entries] == ["WARNING", "ERROR", "ERROR"]
    messages = [entry["jsonPayload"]["message"] for entry in entries]
    assert messages[0].endswith("of test_logs.py: Retrying after %r: %s")
    assert messages[1].endswith("of test_logs.py: (text withheld)")
    assert "in read_row" in entries[2]["jsonPayload"]["stack_trace"]
    assert PAYLOAD not in str(entries)


@pytest.mark.usefixtures("captured_libraries")
def test_a_warning_of_python_is_an_entry() -> None:
    def act() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("Jane", UserWarning, stacklevel=1)

    (entry,) = write(act)

    assert entry["severity"] == "WARNING"
    assert entry["jsonPayload"]["message"].startswith("py.warnings, line ")
