"""The end of a run: jobs that fail, the records people look at, and, last of all, `finished_at`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import NeedsPerson, Stopped
from kustomer_extract.models import JobStatus, colour, to_staging_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from kustomer_extract.models import Job, RunState, Table
    from kustomer_extract.pipeline.ledger import Ledger
    from kustomer_extract.ports import Ports


def fail_job(ledger: Ledger, table: Table, error: NeedsPerson, ports: Ports) -> None:
    """Give a job its final status, in memory: FAILED, or SKIPPED if a person stopped it."""
    now = ports.clock.now()
    ledger.change_job(
        table,
        status=JobStatus.SKIPPED if isinstance(error, Stopped) else JobStatus.FAILED,
        error_code=error.code,
        error=str(error),
        started_at=ledger.table(table).job.started_at or now,
        finished_at=now,
    )


def emit_job_finished(job: Job, ports: Ports) -> None:
    """Write a job's closing line."""
    scope = events.Scope(integration=job.integration, run_id=job.run_id, table=job.table)
    event = events.JobFinished(
        job_id=job.job_id,
        status=job.status,
        rows=job.rows,
        pages=job.pages,
        bytes=job.bytes,
        duplicates=job.duplicates,
        retries=job.retries,
        drift_paths=len(job.drift),
        minutes=job.minutes or 0.0,
        error_code=job.error_code,
        error=job.error,
    )
    ports.log.emit(scope, event)


def close_run(ledger: Ledger, ports: Ports, *, error: NeedsPerson | None = None) -> RunState:
    """End a run. Jobs that still run fail with `error`; each step may be repeated after a crash.

    How the jobs ended is committed first. So whoever repeats the rest, however late, writes the same records.

    Raises:
        RetryLater: a record could not be written; the run is not finished yet.
        TakenOver: another invocation ends it.
    """
    if error is not None:
        _fail_all(ledger, error, ports)
    now = ports.clock.now()
    finished = replace(
        ledger.state, finished_at=max((job.finished_at or now for job in ledger.state.jobs), default=now)
    )
    problem = _write_records(finished, ports)
    ledger.release(finished_at=finished.finished_at)
    event = events.RunFinished(
        colour=colour(finished.jobs),
        tables={job.table.value: job.status.value for job in finished.jobs},
        rows=sum(job.rows for job in finished.jobs if job.status is JobStatus.SUCCEEDED),
        hops=finished.hop + 1,
        elapsed_seconds=(ports.clock.now() - finished.started_at).total_seconds(),
        error=problem,
    )
    ports.log.emit(events.Scope(integration=finished.integration, run_id=finished.run_id), event)
    return ledger.state


def _fail_all(ledger: Ledger, error: NeedsPerson, ports: Ports) -> None:
    """Fail the jobs that still run, for good. No lease: whoever comes next may close the run."""
    running = [table for table, progress in ledger.state.tables.items() if progress.job.status is JobStatus.RUNNING]
    for table in running:
        fail_job(ledger, table, error, ports)
    ledger.release()
    for table in running:
        emit_job_finished(ledger.table(table).job, ports)


def _write_records(state: RunState, ports: Ports) -> str | None:
    """Write what people look at; return what went wrong for good: that holds up neither the rest nor the run's end."""
    steps: list[Callable[[], None]] = [
        partial(ports.warehouse.drop, _list_staging(state)),
        partial(ports.warehouse.append_jobs, state.jobs),
        partial(ports.runs.record, state),
    ]
    if any(job.status is JobStatus.SUCCEEDED for job in state.jobs):
        steps.insert(0, partial(ports.configs.activate, state.integration))
    problems = []
    for step in steps:
        try:
            step()
        except NeedsPerson as error:
            problems.append(str(error))
    return f"the records of this run are incomplete: {'; '.join(problems)}" if problems else None


def _list_staging(state: RunState) -> list[str]:
    """Name the staging tables that the state knows of; chunks that no attempt listed expire by themselves.

    Of every attempt, what it put together goes: an invocation that stalled just before it published could still do so.
    """
    return [
        name
        for table, progress in state.tables.items()
        for name in (
            *(chunk.name for chunk in progress.chunks),
            to_staging_name(state, table, len(progress.chunks)),  # begun, perhaps, when the job ended
            *(
                to_staging_name(replace(state, attempt=attempt), table, suffix)
                for attempt in range(1, state.attempt + 1)
                for suffix in ("all", "unique")
            ),
        )
    ]
