"""The output of a run: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from kustomer_extract.adapters.laptop.terminal import TerminalLog
from kustomer_extract.events import (
    Event,
    JobFinished,
    JobStarted,
    PageRead,
    RateLimited,
    RunStarted,
    Scope,
    TriggerDropped,
    Waiting,
)
from kustomer_extract.models import IntegrationName, JobStatus, RunId, Table, Trigger
from tests.standins.clock import VirtualClock

if TYPE_CHECKING:
    import pytest

SCOPE = Scope(integration=IntegrationName("acme"), run_id=RunId("r"), table=Table.CONVERSATIONS)
RUN_SCOPE = Scope(integration=IntegrationName("acme"), run_id=RunId("r"))
STARTED = JobStarted(job_id="r-conversations", resumed=False)
FINISHED = JobFinished(
    job_id="r-conversations",
    status=JobStatus.SUCCEEDED,
    rows=200,
    pages=2,
    bytes=1000,
    duplicates=0,
    retries=0,
    drift_paths=0,
    minutes=0.5,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class BrokenPipe(io.StringIO):
    failures = 0

    def write(self, _text: str) -> int:
        self.failures += 1
        raise BrokenPipeError


def emit(stream: io.StringIO, *events: Event) -> str:
    log = TerminalLog(stream, VirtualClock())
    for event in events:
        log.emit(SCOPE, event)
    log.close()
    return stream.getvalue()


def test_lines_have_time_severity_and_subject() -> None:
    stream = io.StringIO()
    log = TerminalLog(stream, VirtualClock())

    log.emit(RUN_SCOPE, RunStarted(trigger=Trigger.MANUAL, hop=0, attempt=1))
    log.emit(RUN_SCOPE, TriggerDropped(reason="too_old"))

    assert stream.getvalue().splitlines() == [
        "2026-11-23T03:00:00Z INFO    acme: run started by manual (hop 0, attempt 1)",
        "2026-11-23T03:00:00Z ERROR   acme: trigger dropped, too_old",
    ]


def test_pages_are_not_lines() -> None:
    assert emit(io.StringIO(), PageRead(rows=100, pages=1)) == ""


def test_a_terminal_counts_rows_without_a_percentage() -> None:
    text = emit(Terminal(), STARTED, PageRead(rows=100, pages=1), PageRead(rows=200, pages=2), FINISHED)

    assert "conversations: 200 rows [" in text
    assert "%" not in text
    assert text.endswith("acme conversations: job SUCCEEDED: 200 rows from 2 pages in 0.5 min\n")


def test_a_terminal_shows_the_severity_of_warnings_only() -> None:
    text = emit(Terminal(), STARTED, RateLimited(wait_seconds=1))

    assert "acme conversations: job r-conversations started\n" in text
    assert "acme conversations: WARNING: Kustomer's rate limit is reached" in text


def test_each_table_has_its_own_bar() -> None:
    text = emit(
        Terminal(), STARTED, PageRead(rows=300, pages=3), FINISHED, STARTED, PageRead(rows=100, pages=1), FINISHED
    )

    assert "conversations: 300 rows [" in text
    assert "conversations: 100 rows [" in text


def test_a_closed_stream_stops_nothing() -> None:
    stream = BrokenPipe()
    log = TerminalLog(stream, VirtualClock())

    log.emit(SCOPE, STARTED)
    log.emit(SCOPE, FINISHED)
    log.close()

    assert stream.failures > 0


def test_a_total_that_kustomer_states_is_a_percentage_with_the_time_left() -> None:
    text = emit(Terminal(), STARTED, PageRead(rows=100, pages=1, expected_rows=400), FINISHED)

    assert "conversations:  25%" in text
    assert "100/400" in text
    assert "as many as last time" not in text


def test_a_percentage_from_the_rows_of_the_last_run_is_marked_as_a_guess() -> None:
    stream = Terminal()
    log = TerminalLog(stream, VirtualClock())
    log.expect({Table.CONVERSATIONS: 200})

    for event in (STARTED, PageRead(rows=100, pages=1), FINISHED):
        log.emit(SCOPE, event)

    assert "conversations (as many as last time?):  50%" in stream.getvalue()


def test_the_bar_shows_the_reason_of_a_wait() -> None:
    waiting = Waiting(reason="connection lost, trying again for 10 minutes", wait_seconds=12)

    text = emit(Terminal(), STARTED, PageRead(rows=100, pages=1), waiting, RateLimited(wait_seconds=30), FINISHED)

    assert "connection lost, trying again for 10 minutes, 12 s" in text
    assert "waiting for the rate limit, 30 s" in text


def test_a_terminal_without_cursor_movement_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")

    assert "\r" not in emit(Terminal(), STARTED, PageRead(rows=100, pages=1), FINISHED)


def test_a_quiet_log_has_warnings_only() -> None:
    stream = Terminal()
    log = TerminalLog(stream, VirtualClock(), quiet=True)

    for event in (STARTED, PageRead(rows=100, pages=1), RateLimited(wait_seconds=1), FINISHED):
        log.emit(SCOPE, event)

    assert len(stream.getvalue().splitlines()) == 1
